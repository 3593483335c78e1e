// What delivery heals, and that one document, app, slot or revocation that fails keeps no other from its turn.

import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { tokenVerifier } from '../../common/access/tokens.ts'
import { createMetrics } from '../../common/base/metrics.ts'
import { type Address, type Channel, ChannelUnavailable, SETTINGS } from '../../common/channel/channel.ts'
import { createInProcessChannel } from '../../common/channel/in-process.ts'
import { addressName } from '../../engine/publication/address.ts'
import { seal } from '../../engine/publication/sign.ts'
import type { ChannelDocument, Publication } from '../../engine/publication/types.ts'
import { startDelivery } from '../../subgraphs/delivery/app.ts'
import { startReconciliation } from '../../subgraphs/delivery/reconciliation.ts'
import { markRevoked } from '../../subgraphs/delivery/revocation.ts'
import { startSync } from '../../subgraphs/distribution/sync.ts'
import { settingsDocument } from '../support/documents.ts'
import { describeEachStore } from '../support/stores.ts'
import { tokenSettings } from '../support/subgraphs.ts'
import { silent } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

/** A channel that can be emptied, and refuses what it is told to. */
function stubbornChannel() {
  let behind = createInProcessChannel()
  const state = {
    refuses: (_name: string) => false,
    empty() {
      behind = createInProcessChannel()
      state.refuses = () => false
    },
    channel: {
      async write(address, stamp, sealed) {
        check(address)
        return behind.write(address, stamp, sealed)
      },
      replace: (address, unreadable, stamp, sealed) => behind.replace(address, unreadable, stamp, sealed),
      remove: (address, unreadable) => behind.remove(address, unreadable),
      read: (addresses) => behind.read(addresses),
      async manifest(app) {
        check({ app, code: 'manifest' })
        return behind.manifest(app)
      },
      listen: (listener) => behind.listen(listener),
      notifications: () => behind.notifications(),
      beat: (heartbeat) => behind.beat(heartbeat),
      heartbeats: (maxAgeMs) => behind.heartbeats(maxAgeMs),
      close: () => behind.close(),
    } as Channel,
  }
  function check(address: Address): void {
    if (state.refuses(addressName(address))) throw new ChannelUnavailable('NOPERM', { extent: 'call' })
  }
  return state
}

describeEachStore('Delivery when single items fail', (open) => {
  let flow: Workflow
  const stubborn = stubbornChannel()
  beforeAll(async () => {
    flow = await startWorkflow(await open(), { channel: stubborn.channel })
  })
  beforeEach(() => stubborn.empty())
  afterAll(() => flow.stop())

  /** Rounds of a reconciliation of its own; the first one reads every document. */
  async function reconcile(rounds = 1, log = flow.services.log) {
    const reconciliation = startReconciliation({ ...flow.services, log }, { everyMs: 600_000 })
    let report = await reconciliation.runOnce()
    for (let round = 1; round < rounds; round++) report = await reconciliation.runOnce()
    const status = reconciliation.status()
    await reconciliation.stop()
    return { report, status }
  }

  /** Puts a document of ours where another one belongs. */
  async function put(address: Address, document: ChannelDocument, stamp = { epoch: flow.store.epoch, revision: 9 }) {
    await stubborn.channel.write(address, stamp, seal(flow.services.keys, document))
  }

  const higher = (body: Publication): Publication => ({ ...body, revision: body.revision + 7 })

  test.each<[string, (own: Publication, other: Publication) => ChannelDocument]>([
    ["another slot's document", (_own, other) => other],
    ["another slot's document, however high", (_own, other) => higher(other)],
    ["another app's document", (own) => ({ ...higher(own), app: 'another' })],
    ['settings', () => settingsDocument('another', 99)],
    ['a list of apps', () => ({ kind: 'apps', epoch: 9_999_999_999, revision: 1, apps: [] })],
    ['what a later version signs', () => ({ kind: 'pacing', epoch: 9_999_999_999, revision: 1 }) as never],
  ])('%s under the key of a slot is replaced, told and counted', async (_what, choose) => {
    const { slot } = await flow.makeLive()
    const { slot: second } = await flow.makeLive()
    const [own, other] = [await flow.latest(slot.id), await flow.latest(second.id)]
    stubborn.empty()
    await put({ app: flow.app, code: slot.code }, choose(own, other))
    const metrics = createMetrics()
    const delivery = await startDelivery({ ...flow.services, metrics }, tokenVerifier(tokenSettings))
    expect(await flow.served(slot.code)).toEqual(own)
    expect(await delivery.checks.reconciliation!()).toMatchObject({
      replaced: 1,
      ahead: 0,
      warning: expect.stringMatching(/1 documents of the channel were corrupt or those of another place/),
    })
    expect(await metrics.registry.metrics()).toContain('alkaid_delivery_reconciliation_replaced_total 1')
    await delivery.stop()
    expect((await reconcile()).report).toMatchObject({ rewritten: 0, corrupt: 0, error: null })
  })

  test('settings of another app, and another document as the list of apps, are replaced', async () => {
    const { slot } = await flow.makeLive()
    const body = await flow.latest(slot.id)
    stubborn.empty()
    await put({ app: flow.app, code: SETTINGS }, settingsDocument('another', 99))
    await put('apps', { ...higher(body), epoch: 9_999_999_999 })
    expect((await reconcile()).report).toMatchObject({ replaced: 2, ahead: 0, error: null })
    const [list, settings] = await stubborn.channel.read(['apps', { app: flow.app, code: SETTINGS }])
    expect(list).toContain(flow.app)
    expect(settings).toContain(`"app":"${flow.app}"`)
  })

  test('lines of a manifest that name nothing readable are removed, however many, and one that is signed stays', async () => {
    const { slot } = await flow.makeLive()
    const own = await flow.latest(slot.id)
    const stranger: Publication = { ...own, slot: { ...own.slot, code: 'before-a-restore' } }
    await reconcile()
    await put({ app: flow.app, code: 'before-a-restore' }, stranger, own)
    const codes = Array.from({ length: 2_000 }, (_, at) => `phantom-${at}`)
    for (const code of codes) {
      const address = { app: flow.app, code }
      await stubborn.channel.write(address, { epoch: 1, revision: 1 }, 'nonsense')
    }
    const lines: string[] = []
    const log = { ...flow.services.log, warn: (...line: unknown[]) => void lines.push(String(line.at(-1))) }
    const { report } = await reconcile(1, log as never)
    expect(report).toMatchObject({ removed: 2_000, ahead: 1, error: null })
    const named = [...(await stubborn.channel.manifest(flow.app)).keys()]
    expect(named.filter((code) => code.startsWith('phantom'))).toEqual([])
    expect(named).toEqual(expect.arrayContaining([SETTINGS, 'before-a-restore', slot.code]))
    expect(await stubborn.channel.read([{ app: flow.app, code: 'phantom-7' }])).toEqual([null])
    expect(lines.length).toBeLessThan(5)
    expect(await flow.served(slot.code)).toEqual(own)
  })

  test('a document that a node cannot read is repaired within seconds, also by a round that is not full', async () => {
    const { slot } = await flow.makeLive()
    const { slot: second } = await flow.makeLive()
    await reconcile()
    const [own, other] = [await flow.latest(slot.id), await flow.latest(second.id)]
    const reconciliation = startReconciliation(flow.services, { everyMs: 600_000 })
    await reconciliation.runOnce()
    // With its own line in the manifest, so that only the document tells.
    const sealed = seal(flow.services.keys, other)
    const [held] = await stubborn.channel.read([{ app: flow.app, code: slot.code }])
    await stubborn.channel.replace({ app: flow.app, code: slot.code }, held!, own, sealed)
    expect((await reconciliation.runOnce()).corrupt).toBe(0)
    const sync = await startSync({ channel: stubborn.channel, keys: flow.services.keys, node: 'n', log: silent })
    expect(sync.ready).toBe(false)
    await sync.untilReady()
    expect(sync.status()).toMatchObject({ unreadable: 0, stalenessMs: expect.any(Number) })
    expect(sync.table.slot(flow.app, slot.code)).toBeDefined()
    expect(reconciliation.status()).toMatchObject({ replaced: 1 })
    await sync.stop()
    await reconciliation.stop()
  })

  test('one document that cannot be written does not stop the others', async () => {
    const lives = [await flow.makeLive(), await flow.makeLive(), await flow.makeLive()]
    stubborn.empty()
    const [first, ...others] = lives.map(({ slot }) => slot)
    stubborn.refuses = (name) => name === `${flow.app}/${first!.code}`
    const { report } = await reconcile()
    expect(report).toMatchObject({ failures: 1, error: 'NOPERM' })
    for (const { id, code } of others) expect(await flow.served(code)).toEqual(await flow.latest(id))
    stubborn.refuses = () => false
    expect((await reconcile()).report).toMatchObject({ failures: 0, error: null, rewritten: 1 })
  })

  test('one app that cannot be healed does not stop other apps or the list of apps', async () => {
    await flow.makeLive()
    const [before, after] = ['aaa', 'zzz']
    for (const code of [before, after]) await flow.run('createApp', 'operator', { code, name: code })
    stubborn.empty()
    stubborn.refuses = (name) => name === `${flow.app}/manifest`
    expect((await reconcile()).report).toMatchObject({ failures: 1, error: 'NOPERM' })
    const addresses = [before, after].map((app) => ({ app, code: SETTINGS }))
    expect(await stubborn.channel.read(['apps', ...addresses])).toEqual([
      expect.any(String),
      expect.any(String),
      expect.any(String),
    ])
    stubborn.empty()
    stubborn.refuses = (name) => name === 'apps'
    expect((await reconcile()).report).toMatchObject({ failures: 1, error: 'NOPERM' })
    expect((await stubborn.channel.read(addresses)).every((text) => text !== null)).toBe(true)
  })

  test('a slot whose code cannot be a key does not stop the other slots of its app', async () => {
    const { slot } = await flow.makeLive()
    const heads = flow.store.client.db(flow.store.database).collection<{ _id: string }>('slotHeads')
    await heads.insertOne({ _id: 'slt_odd', app: flow.app, code: 'A B', epoch: 1, revision: 1, latest: 'x' } as never)
    stubborn.empty()
    const { report } = await reconcile()
    await heads.deleteOne({ _id: 'slt_odd' })
    expect(report).toMatchObject({ failures: 1, error: '"A B" is no code of a slot' })
    expect(await flow.served(slot.code)).toEqual(await flow.latest(slot.id))
  })

  test('a lasting problem is logged once, not every round', async () => {
    const { slot } = await flow.makeLive()
    const ahead = higher(await flow.latest(slot.id))
    await put({ app: flow.app, code: slot.code }, ahead, ahead)
    stubborn.refuses = (name) => name === `${flow.app}/${SETTINGS}`
    const lines: string[] = []
    const log = { info() {}, error() {}, warn: (_: unknown, line: string) => void lines.push(line) }
    const { status } = await reconcile(5, log as never)
    expect(status.ahead).toBe(1)
    expect(lines.filter((line) => line.includes('raise-epoch'))).toHaveLength(1)
    expect(lines).toHaveLength(new Set(lines).size)
  })

  /** The first half of a revocation only, as a crash would leave it. */
  async function markOnly(thing: Thing) {
    const principal = { actor: 'publisher', roles: { '*': ['publisher' as const] } }
    await markRevoked(flow.services, { principal, requestId: 'test' }, await flow.onReview(thing))
  }

  test('one slot that cannot be composed does not keep revoked content on other slots', async () => {
    const strategy = await flow.makeStrategy()
    const lives = [
      await flow.makeLive({ strategy }),
      await flow.makeLive({ strategy }),
      await flow.makeLive({ strategy }),
    ]
    const [broken, ...others] = lives
    const heads = flow.store.client.db(flow.store.database).collection<{ _id: string }>('schedules')
    const document = (await heads.findOne({ _id: broken!.schedule.id }))!
    await heads.deleteOne({ _id: document._id })
    await markOnly(strategy)
    const { report } = await reconcile()
    expect(report.failures).toBe(1)
    for (const { slot } of others) expect(await flow.served(slot.code)).toMatchObject({ entries: [] })
    await heads.insertOne(document)
    expect((await reconcile()).report).toMatchObject({ failures: 0, revocations: 1 })
    expect(await flow.served(broken!.slot.code)).toMatchObject({ entries: [] })
  })

  test('many revocations that can never be finished do not stop a later one', async () => {
    const reviews = flow.store.client.db(flow.store.database).collection<{ _id: string }>('reviews')
    const hopeless = Array.from({ length: 120 }, (_, n) => ({
      _id: `rev_0${n}`,
      of: `nothing@${n}`,
      subject: null,
      revision: n,
      recompose: true,
    }))
    await reviews.insertMany(hopeless)
    const { schedule, slot } = await flow.makeLive()
    await markOnly(schedule)
    const { report } = await reconcile()
    await reviews.deleteMany({ _id: { $in: hopeless.map(({ _id }) => _id) } })
    expect(report).toMatchObject({ failures: 120, revocations: 1 })
    expect(await flow.served(slot.code)).toMatchObject({ entries: [] })
    expect(report.checked).toBeGreaterThan(0)
  })

  test('rounds continue while parts of them fail', async () => {
    stubborn.refuses = () => true
    const reconciliation = startReconciliation(flow.services, { everyMs: 5 })
    await until('three rounds failed', () => reconciliation.status().failed >= 3)
    await reconciliation.stop()
  })
})
