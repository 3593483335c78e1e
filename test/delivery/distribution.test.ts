import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type Channel, ChannelUnavailable, OPERATIONS, SETTINGS } from '../../common/channel/channel.ts'
import { createInProcessChannel } from '../../common/channel/in-process.ts'
import { digestOf } from '../../engine/publication/digest.ts'
import { deriveSigningKeys, seal } from '../../engine/publication/sign.ts'
import type { Publication } from '../../engine/publication/types.ts'
import { latestDigest, warningOf } from '../../subgraphs/delivery/distribution.ts'
import { startReconciliation } from '../../subgraphs/delivery/reconciliation.ts'
import { manifestOf, slotQuery } from '../support/manifests.ts'
import { readsDuring } from '../support/reads.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

/** A channel that can be cut off, emptied or lose single documents, as a Redis can. */
function fragileChannel() {
  let behind = createInProcessChannel()
  let down = false
  let lost = ''
  const reach = () => {
    if (down) throw new ChannelUnavailable('The channel is cut off.')
    return behind
  }
  const channel: Channel = {
    async write(address, stamp, sealed) {
      const written = await reach().write(address, stamp, sealed)
      if (address !== 'apps' && address.code === lost) lost = ''
      return written
    },
    replace: async (address, unreadable, stamp, sealed) => reach().replace(address, unreadable, stamp, sealed),
    remove: async (address, unreadable) => reach().remove(address, unreadable),
    async read(addresses) {
      const texts = await reach().read(addresses)
      return texts.map((text, index) => {
        const address = addresses[index]!
        return address !== 'apps' && address.code === lost ? null : text
      })
    },
    manifest: async (app) => reach().manifest(app),
    listen: async (listener) => reach().listen(listener),
    notifications: () => behind.notifications(),
    beat: async (heartbeat) => reach().beat(heartbeat),
    heartbeats: async (maxAgeMs) => reach().heartbeats(maxAgeMs),
    reportUses: async (report) => reach().reportUses(report),
    useReports: async () => reach().useReports(),
    close: async () => behind.close(),
  }
  return {
    channel,
    setDown(value: boolean) {
      down = value
    },
    empty() {
      behind = createInProcessChannel()
    },
    lose(code: string) {
      lost = code
    },
  }
}

describeEachStore('The distribution of publications', (open) => {
  let flow: Workflow
  const fragile = fragileChannel()

  beforeAll(async () => {
    flow = await startWorkflow(await open(), { channel: fragile.channel })
  })
  beforeEach(() => fragile.empty())
  afterAll(() => flow.stop())

  const DISTRIBUTION = `query ($app: ID!, $slot: String!) {
    publication(app: $app, slot: $slot) { distribution { state nodes inStep } } }`

  const distribution = async (slot: string) =>
    (await flow.subgraphs.delivery.must('viewer', DISTRIBUTION, { app: flow.app, slot })).distribution

  const beat = (node: string, digests: Record<string, string>, changed: Record<string, string> = {}) =>
    fragile.channel.beat({ node, at: Date.now(), ready: true, digests, changed })

  /** One round of a reconciliation of its own; the first round reads every document. */
  async function reconcile(rounds = 1) {
    const reconciliation = startReconciliation(flow.services)
    let report = await reconciliation.runOnce()
    for (let round = 1; round < rounds; round++) report = await reconciliation.runOnce()
    const status = reconciliation.status()
    await reconciliation.stop()
    return { report, status }
  }

  test('without a living node a publication is pending', async () => {
    const { slot } = await flow.makeLive()
    expect(await distribution(slot.code)).toEqual({ state: 'PENDING', nodes: 0, inStep: 0 })
  })

  test('a node is in step when its heartbeat names this publication or a newer one', async () => {
    const { slot, schedule } = await flow.makeLive()
    const name = `${flow.app}/${slot.code}`
    const { epoch } = flow.store
    await beat('a', {}, { [name]: `${epoch}.1` })
    expect(await distribution(slot.code)).toEqual({ state: 'IN_STEP', nodes: 1, inStep: 1 })
    await beat('b', {}, {})
    expect(await distribution(slot.code)).toEqual({ state: 'PENDING', nodes: 2, inStep: 1 })
    await flow.publish(schedule)
    expect(await distribution(slot.code)).toEqual({ state: 'PENDING', nodes: 2, inStep: 0 })
    for (const node of ['a', 'b']) await beat(node, {}, { [name]: `${epoch}.2` })
    expect(await distribution(slot.code)).toEqual({ state: 'IN_STEP', nodes: 2, inStep: 2 })
  })

  test('a node without recent changes is in step when it holds everything of the app as MongoDB has it', async () => {
    const { slot } = await flow.makeLive()
    await reconcile()
    const digest = digestOf(await fragile.channel.manifest(flow.app))
    await beat('a', { [flow.app]: digest })
    await beat('b', { [flow.app]: 'something else' })
    expect(await distribution(slot.code)).toEqual({ state: 'PENDING', nodes: 2, inStep: 1 })
    await beat('b', { [flow.app]: digest })
    expect(await distribution(slot.code)).toEqual({ state: 'IN_STEP', nodes: 2, inStep: 2 })
  })

  test('a node that holds more than MongoDB ever had is not in step', async () => {
    const { slot } = await flow.makeLive()
    const ahead = { [`${flow.app}/${slot.code}`]: `${flow.store.epoch}.99` }
    for (const node of ['a', 'b']) await beat(node, {}, ahead)
    expect(await distribution(slot.code)).toEqual({ state: 'PENDING', nodes: 2, inStep: 0 })
  })

  test('with the channel out of reach publish still answers, and reconciliation brings the nodes up to date', async () => {
    const { slot, schedule } = await flow.makeLive()
    fragile.setDown(true)
    const publication = await flow.publish(schedule)
    expect(publication).toMatchObject({ revision: 2 })
    expect(await distribution(slot.code)).toEqual({ state: 'PENDING', nodes: null, inStep: null })
    const { report, status } = await reconcile()
    expect(report.error).toMatch('cut off')
    expect(status.failed).toBe(1)
    fragile.setDown(false)
    expect(await flow.served(slot.code)).toMatchObject({ revision: 1 })
    await reconcile()
    expect(await flow.served(slot.code)).toEqual(await flow.latest(slot.id))
  })

  test('an emptied channel is filled again: list of apps, settings and every slot', async () => {
    const lives = [await flow.makeLive(), await flow.makeLive()]
    await reconcile()
    const before = await fragile.channel.manifest(flow.app)
    fragile.empty()
    const { report } = await reconcile()
    expect(report).toMatchObject({ error: null, ahead: 0, rewritten: before.size + 1 })
    expect(await fragile.channel.manifest(flow.app)).toEqual(before)
    for (const { slot } of lives) expect(await flow.served(slot.code)).toEqual(await flow.latest(slot.id))
    const [list, settings] = await fragile.channel.read(['apps', { app: flow.app, code: SETTINGS }])
    expect(list).toContain(flow.app)
    expect(settings).toContain('requestsPerSecond')
    expect((await reconcile()).report).toMatchObject({ rewritten: 0, error: null })
  })

  test('a document that is gone though the manifest names it is written again by a full round', async () => {
    const { slot } = await flow.makeLive()
    await reconcile()
    fragile.lose(slot.code)
    expect(await flow.served(slot.code)).toBeNull()
    expect((await reconcile()).report.rewritten).toBe(1)
    // The channel says "not higher", for its document is there: only our reading of it was lost.
    expect(await flow.served(slot.code)).toEqual(await flow.latest(slot.id))
  })

  test('a channel that is ahead of MongoDB is reported, not overwritten', async () => {
    const { slot, schedule } = await flow.makeLive()
    const body: Publication = { ...(await flow.latest(slot.id)), revision: 7 }
    await fragile.channel.write({ app: flow.app, code: slot.code }, body, seal(flow.services.keys, body))
    const { report, status } = await reconcile()
    expect([report.ahead, status.ahead]).toEqual([1, 1])
    expect(await flow.served(slot.code)).toMatchObject({ revision: 7 })
    for (let count = 0; count < 7; count++) await flow.publish(schedule)
    expect((await reconcile()).report.ahead).toBe(0)
    expect(await flow.served(slot.code)).toMatchObject({ revision: 8 })
  })

  test('a publication says when the channel is ahead of MongoDB, and names the command that helps', async () => {
    const { slot, schedule } = await flow.makeLive()
    const ask = `mutation ($input: PublishInput!) { publish(input: $input) { distribution { state warning } } }`
    const publish = async () =>
      (await flow.subgraphs.delivery.must('publisher', ask, { input: await flow.onSchedule(schedule) })).distribution
    expect(await publish()).toEqual({ state: 'PENDING', warning: null })
    const body: Publication = { ...(await flow.latest(slot.id)), revision: 7 }
    await fragile.channel.write({ app: flow.app, code: slot.code }, body, seal(flow.services.keys, body))
    const { warning } = await publish()
    expect(warning).toMatch(/ahead of MongoDB.*npm run raise-epoch/)
    expect(warning).toContain(`${flow.store.epoch}.7`)
  })

  test('a publication made after its slot was read does not count as a channel that is ahead', async () => {
    const { slot, schedule } = await flow.makeLive()
    await flow.publish(schedule)
    const manifest = await fragile.channel.manifest(flow.app)
    const before = { epoch: flow.store.epoch, revision: 1 }
    expect(manifest.get(slot.code)).toBe(`${flow.store.epoch}.2`)
    const named = { slot: slot.id, code: slot.code }
    expect(await warningOf(flow.services, manifest, named, before)).toBeNull()
    const higher = new Map([[slot.code, `${flow.store.epoch}.3`]])
    expect(await warningOf(flow.services, higher, named, before)).toContain('raise-epoch')
  })

  test('an older publication has no warning, and while the channel is out of reach every one says so', async () => {
    const { slot, schedule } = await flow.makeLive()
    await flow.publish(schedule)
    const ask = `query ($app: ID!, $slot: String!) {
      publications(app: $app, slot: $slot) { nodes { distribution { warning } } } }`
    const warnings = async () => {
      const { nodes } = await flow.subgraphs.delivery.must('viewer', ask, { app: flow.app, slot: slot.code })
      return nodes.map(({ distribution }: { distribution: { warning: string | null } }) => distribution.warning)
    }
    const { answer, reads } = await readsDuring(flow.store, warnings)
    expect(answer).toEqual([null, null])
    const once = { reads: 1, counts: 0 }
    expect(reads).toEqual({ publications: once, slotHeads: once })
    const body: Publication = { ...(await flow.latest(slot.id)), revision: 7 }
    await fragile.channel.write({ app: flow.app, code: slot.code }, body, seal(flow.services.keys, body))
    expect(await warnings()).toEqual([expect.any(String), expect.any(String)])
    fragile.setDown(true)
    for (const warning of await warnings()) expect(warning).toContain('Redis is out of reach')
    fragile.setDown(false)
  })

  test('a warning says that the channel does not hold a publication yet, until it is sent again', async () => {
    const { slot, schedule } = await flow.makeLive()
    fragile.setDown(true)
    await flow.publish(schedule)
    fragile.setDown(false)
    const text = `query ($app: ID!, $slot: String!) { publication(app: $app, slot: $slot) { distribution { state warning } } }`
    const asked = { app: flow.app, slot: slot.code }
    const told = async () => (await flow.subgraphs.delivery.must('viewer', text, asked)).distribution
    expect(await told()).toEqual({ state: 'PENDING', warning: expect.stringContaining('does not hold this') })
    await reconcile()
    expect(await told()).toEqual({ state: 'PENDING', warning: null })
  })

  test('the settings of an app have a distribution too', async () => {
    const text = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on App { distribution { state nodes inStep warning } } } }`
    const of = [{ __typename: 'App', id: flow.app }]
    const told = async () => (await flow.subgraphs.delivery.must('viewer', text, { of }))[0].distribution
    expect(await told()).toMatchObject({ state: 'PENDING', warning: expect.stringContaining('does not hold this') })
    await reconcile()
    await beat('a', {}, { [`${flow.app}/${SETTINGS}`]: `${flow.store.epoch}.1` })
    expect(await told()).toEqual({ state: 'IN_STEP', nodes: 1, inStep: 1, warning: null })
    fragile.setDown(true)
    const away = {
      state: 'PENDING',
      nodes: null,
      inStep: null,
      warning: expect.stringContaining('Redis is out of reach'),
    }
    expect(await told()).toEqual(away)
    fragile.setDown(false)
    expect(await flow.subgraphs.delivery.must('viewer', text, { of: [{ __typename: 'App', id: 'no-app' }] })).toEqual([
      { distribution: null },
    ])
  })

  test.each([
    ['nonsense', () => 'nonsense'],
    ['what somebody without our key wrote', (body: Publication) => seal(deriveSigningKeys('x'.repeat(32)), body)],
    ['an older one of ours', (body: Publication) => seal(flow.services.keys, { ...body, revision: 0 })],
  ])('%s is replaced by a full round', async (_what, forge) => {
    const { slot } = await flow.makeLive()
    fragile.empty()
    const body = await flow.latest(slot.id)
    await fragile.channel.write({ app: flow.app, code: slot.code }, body, forge(body))
    const { report } = await reconcile()
    expect(report).toMatchObject({ corrupt: 1, error: null })
    expect(await flow.served(slot.code)).toEqual(body)
    expect((await reconcile()).report).toMatchObject({ corrupt: 0, rewritten: 0 })
  })

  test('a manifest line above its document is corrected, and the next publication goes through', async () => {
    const { slot, schedule } = await flow.makeLive()
    const body = await flow.latest(slot.id)
    fragile.empty()
    const claimed = { epoch: 999_999_999_999_999, revision: 1 }
    await fragile.channel.write({ app: flow.app, code: slot.code }, claimed, seal(flow.services.keys, body))
    expect((await reconcile()).report).toMatchObject({ corrupt: 1, ahead: 0 })
    await flow.publish(schedule)
    expect(await flow.served(slot.code)).toMatchObject({ revision: body.revision + 1 })
  })

  test('a list of apps and settings that cannot be read are replaced', async () => {
    fragile.empty()
    const stamp = { epoch: flow.store.epoch, revision: 1 }
    await fragile.channel.write('apps', stamp, 'nonsense')
    await fragile.channel.write({ app: flow.app, code: SETTINGS }, stamp, 'nonsense')
    expect((await reconcile()).report).toMatchObject({ corrupt: 2 })
    const [list, settings] = await fragile.channel.read(['apps', { app: flow.app, code: SETTINGS }])
    expect(list).toContain(flow.app)
    expect(settings).toContain('requestsPerSecond')
  })

  test('the operations of an app are written when they are missing, and replaced when they are damaged or older', async () => {
    const register = 'mutation ($input: RegisterOperationsInput!) { registerOperations(input: $input) { version } }'
    const { schedule } = flow.subgraphs
    const address = { app: flow.app, code: OPERATIONS }
    const heldName = async () => /"name":"(\w+)"/.exec((await fragile.channel.read([address]))[0] ?? '')?.[1]
    const one = { app: flow.app, expectedVersion: 1, manifest: manifestOf(slotQuery('First')) }
    await schedule.must('admin', register, { input: one })
    expect(await heldName()).toBe('First')
    const [first] = await fragile.channel.read([address])
    await reconcile()
    fragile.empty()
    expect((await reconcile()).report).toMatchObject({ error: null, ahead: 0 })
    expect(await fragile.channel.read([address])).toEqual([first])
    // The channel is away while the next list is registered.
    fragile.setDown(true)
    const two = { app: flow.app, expectedVersion: 2, manifest: manifestOf(slotQuery('Second')) }
    expect(await schedule.must('admin', register, { input: two })).toEqual({ version: 3 })
    fragile.setDown(false)
    expect(await heldName()).toBe('First')
    expect((await reconcile()).report).toMatchObject({ rewritten: 1 })
    expect(await heldName()).toBe('Second')
    const stamp = { epoch: flow.store.epoch, revision: 3 }
    await fragile.channel.replace(address, (await fragile.channel.read([address]))[0]!, stamp, 'nonsense')
    expect((await reconcile()).report).toMatchObject({ corrupt: 1, replaced: 1 })
    expect(await heldName()).toBe('Second')
    expect((await reconcile()).report).toMatchObject({ rewritten: 0, error: null })
    // The digest of a node that holds all of this counts as in step.
    expect(digestOf(await fragile.channel.manifest(flow.app))).toBe(await latestDigest(flow.services, flow.app))
  })

  test('rounds follow each other by themselves until stopped', async () => {
    const reconciliation = startReconciliation(flow.services, { everyMs: 5 })
    while (reconciliation.status().rounds < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    await reconciliation.stop()
    const { rounds } = reconciliation.status()
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(reconciliation.status().rounds).toBe(rounds)
  })
})
