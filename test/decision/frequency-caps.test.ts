// Frequency caps, from what operators plan to what apps are answered: through the lane of a distribution node whose clock
// is the test's.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { tokenVerifier } from '../../common/access/tokens.ts'
import { createMetrics, type Metrics } from '../../common/base/metrics.ts'
import type { HttpRequest } from '../../common/http/server.ts'
import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import { explainRequest } from '../../engine/decision/explain-decision.ts'
import type { FrequencyCap } from '../../engine/publication/types.ts'
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { buildDistribution, type Distribution } from '../../subgraphs/distribution/app.ts'
import { describeEachStore } from '../support/stores.ts'
import { tokenSettings } from '../support/subgraphs.ts'
import { ONLY_NOTIFICATIONS } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

const operations = readPersistedOperations(new URL('../../schema/persisted-queries.json', import.meta.url))
const DECISIONS = [...operations.values()].find(({ name }) => name === 'Decisions')!
const ROTATE = 'mutation ($input: RotateAppKeyInput!) { rotateAppKey(input: $input) { key } }'
const MOVE = 'mutation ($input: UpdateAppInput!) { updateApp(input: $input) { zone } }'
const PREVIEW = `query ($app: ID!, $slot: String!, $context: ContextInput, $at: DateTime) {
  preview(app: $app, slot: $slot, context: $context, at: $at) { reason }
}`
const TWICE_A_DAY: FrequencyCap = { count: 2, every: 1, unit: 'DAY' }
const ONCE_EVER: FrequencyCap = { count: 1, every: 1, unit: 'LIFETIME' }

type Slot = { id: string; code: string }
type Context = { userId?: string; deviceId?: string; capToken?: string | null }

describeEachStore('Frequency caps', (open) => {
  let flow: Workflow
  let node: Distribution
  let metrics: Metrics
  let appKey: string
  /** Twice a day, by its strategy, with a fallback. */
  let capped: Slot
  let uncapped: Slot
  let schedule: Thing

  beforeAll(async () => {
    flow = await startWorkflow(await open())
    const { channel, keys, log } = flow.services
    metrics = createMetrics()
    node = await buildDistribution({
      ...{
        channel,
        keys,
        log,
        metrics,
        operations,
        laneFields: ['decisions'],
        node: 'node',
        now: flow.clock.now,
        random: () => 0.5,
      },
      verify: tokenVerifier(tokenSettings),
      intervals: ONLY_NOTIFICATIONS,
    })
    appKey = (await flow.subgraphs.schedule.must('admin', ROTATE, { input: { app: flow.app, expectedVersion: 1 } })).key
    const fallback = [(await flow.approved(await flow.makeCreative({ title: 'House' }))).id]
    capped = await flow.makeSlot({ fallback })
    uncapped = await flow.makeSlot()
    const strategy = await flow.makeStrategy({ caps: [TWICE_A_DAY] })
    schedule = await published({ slot: capped.id, strategy })
    await published({ slot: uncapped.id })
    await until('the node serves both', () => holds(capped) && holds(uncapped))
  })
  afterAll(async () => {
    await node.stop()
    await flow.stop()
  })

  async function published(booking: Parameters<Workflow['makeSchedule']>[0]): Promise<Thing> {
    const made = await flow.approved(await flow.makeSchedule(booking))
    await flow.publish(made)
    return made
  }

  const holds = ({ code }: Slot) => node.sync.table.slot(flow.app, code) !== undefined

  /** What the lane answers: the decisions, and how long they may be kept. */
  async function ask(slots: readonly Slot[], context: Context) {
    const variables = { app: flow.app, slots: slots.map(({ code }) => code), context }
    const body = JSON.stringify({ variables, extensions: { persistedQuery: { version: 1, sha256Hash: DECISIONS.id } } })
    const request: HttpRequest = {
      ...{ method: 'POST', path: '/graphql', search: '', requestId: 'test', body: async () => body },
      headers: { 'content-type': 'application/json', 'x-app-key': appKey },
    }
    const reply = await node.lane.handle(request)
    const { data, errors } = JSON.parse(reply.body!)
    if (errors) throw new Error(`${errors[0].extensions.code}: ${errors[0].message}`)
    const decisions = data.decisions as {
      reason: string
      creatives: { schedule: string | null }[]
      capToken: string | null
    }[]
    return { decisions, cacheControl: reply.headers!['cache-control'] }
  }

  /** A client that keeps what it is told: asks for one slot, and says why the answer is what it is. */
  function client(context: Context) {
    let capToken: string | null = null
    return async (slot: Slot): Promise<string> => {
      const { decisions } = await ask([slot], { ...context, capToken })
      capToken = decisions[0]!.capToken ?? capToken
      return decisions[0]!.reason
    }
  }

  test('a user is served a schedule as often as its strategy allows in a day, then the fallback, and on the next day again', async () => {
    const ann = client({ userId: 'ann' })
    const bob = client({ userId: 'bob' })
    const first = await ask([capped], { userId: 'ann' })
    expect(first.decisions[0]!.creatives).toMatchObject([{ schedule: schedule.id }])
    expect([await ann(capped), await ann(capped), await ann(capped), await ann(capped)]).toEqual([
      ...['MATCHED', 'MATCHED', 'FALLBACK', 'FALLBACK'],
    ])
    expect(await bob(capped)).toBe('MATCHED')
    flow.clock.advance(DAY_MS)
    expect([await ann(capped), await ann(capped), await ann(capped)]).toEqual(['MATCHED', 'MATCHED', 'FALLBACK'])
  })

  test("a request without the token, or with another user's, is of one who has seen nothing", async () => {
    const ask1 = async (context: Context) => (await ask([capped], context)).decisions[0]!
    const once = await ask1({ userId: 'ann' })
    const twice = await ask1({ userId: 'ann', capToken: once.capToken })
    expect((await ask1({ userId: 'ann', capToken: twice.capToken })).reason).toBe('FALLBACK')
    expect((await ask1({ userId: 'ann' })).reason).toBe('MATCHED')
    expect((await ask1({ userId: 'bob', capToken: twice.capToken })).reason).toBe('MATCHED')
  })

  test('an answer with a token must not be kept, one without may be', async () => {
    const minutes = /^private, max-age=\d+$/
    expect((await ask([capped], { userId: 'ann' })).cacheControl).toBe('no-store')
    expect((await ask([uncapped, capped], { userId: 'ann' })).cacheControl).toBe('no-store')
    expect((await ask([uncapped], { userId: 'ann' })).cacheControl).toMatch(minutes)
  })

  test('who says neither user nor device is never capped, and has no token', async () => {
    const nobody = client({})
    expect([await nobody(capped), await nobody(capped), await nobody(capped)]).toEqual([
      'MATCHED',
      'MATCHED',
      'MATCHED',
    ])
    expect((await ask([capped], {})).decisions[0]!.capToken).toBeNull()
  })

  test('one token serves all slots: it is the same wherever there are caps, null elsewhere, and keeps what others counted', async () => {
    const other = await flow.makeSlot()
    await published({ slot: other.id, strategy: await flow.makeStrategy({ caps: [ONCE_EVER] }) })
    await until('the node serves it', () => holds(other))
    const { decisions } = await ask([capped, uncapped, other], { userId: 'cid' })
    const [token] = decisions.map(({ capToken }) => capToken)
    expect(token).toEqual(expect.any(String))
    expect(decisions.map(({ capToken }) => capToken)).toEqual([token, null, token])

    const cid = { userId: 'cid' }
    const elsewhere = await ask([capped], { ...cid, capToken: token! })
    const back = await ask([other], { ...cid, capToken: elsewhere.decisions[0]!.capToken })
    expect(back.decisions[0]!.reason).toBe('EMPTY')
  })

  test('a slot caps everything in it but its fallback, once it is published', async () => {
    const fallback = [(await flow.approved(await flow.makeCreative())).id]
    const slot = await flow.makeSlot({ fallback, caps: [{ count: 3, every: 5, unit: 'MINUTE' }], capacity: 2 })
    for (let made = 0; made < 3; made += 1) await published({ slot: slot.id })
    await until('the node serves it', () => node.sync.table.slot(flow.app, slot.code)?.stamp.revision === 3)
    const dan = client({ userId: 'dan' })
    const asked = async () => [await dan(slot), await dan(slot), await dan(slot), await dan(slot)]
    // Each decision counts once, though it shows two creatives.
    expect(await asked()).toEqual(['MATCHED', 'MATCHED', 'MATCHED', 'FALLBACK'])
    flow.clock.advance(5 * MINUTE_MS)
    expect(await asked()).toEqual(['MATCHED', 'MATCHED', 'MATCHED', 'FALLBACK'])

    const expectedVersion = await versionOf(slot)
    await flow.run('updateSlot', 'operator', { id: slot.id, expectedVersion, caps: [] })
    expect(await dan(slot)).toBe('FALLBACK')
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    await until('the node serves it', () => node.sync.table.slot(flow.app, slot.code)?.stamp.revision === 4)
    expect(await dan(slot)).toBe('MATCHED')
  })

  const versionOf = async ({ id }: Slot) => (await flow.onSlot(id)).expectedVersion as number

  test('tokens are counted by how they are, and what is no token is as none', async () => {
    const outcomes = async () => {
      const { values } = await metrics.registry.getSingleMetric('alkaid_distribution_cap_tokens_total')!.get()
      return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value])) as Record<string, number>
    }
    const before = await outcomes()
    const token = (await ask([capped], { userId: 'ann' })).decisions[0]!.capToken
    for (const capToken of [token, 'nonsense', 'A'.repeat(2_100)]) {
      expect((await ask([capped], { userId: 'ann', capToken })).decisions[0]!.reason).toBe('MATCHED')
    }
    await ask([capped], { userId: 'bob', capToken: token })
    await ask([capped], { capToken: token })
    await ask([uncapped], { userId: 'ann', capToken: 'not even looked at' })
    const after = await outcomes()
    const more = Object.entries(after).map(([outcome, times]) => [outcome, times - before[outcome]!])
    expect(Object.fromEntries(more)).toEqual({ missing: 1, read: 1, malformed: 2, foreign: 1, keyless: 1 })
  })

  test('days are those of the zone of the app, also when that changes, and explanations and previews say the same', async () => {
    await flow.subgraphs.schedule.must('admin', MOVE, {
      input: { app: flow.app, expectedVersion: 2, zone: 'Asia/Kolkata' },
    })
    await until('the node knows', () => node.sync.table.settings(flow.app)?.zone === 'Asia/Kolkata')
    const midnight = floorTo(flow.clock.now(), DAY_MS) + DAY_MS + 18.5 * HOUR_MS // 18:30Z is 00:00 in Kolkata
    flow.clock.advance(midnight - flow.clock.now() - MINUTE_MS)
    const eve = client({ userId: 'eve' })
    expect([await eve(capped), await eve(capped), await eve(capped)]).toEqual(['MATCHED', 'MATCHED', 'FALLBACK'])

    const context = { userId: 'eve', capToken: (await ask([capped], { userId: 'eve' })).decisions[0]!.capToken }
    const asked = { ...context, capToken: (await ask([capped], context)).decisions[0]!.capToken }
    const explained = (instant: number) =>
      explainRequest(node.sync.table.slot(flow.app, capped.code)!, asked, {
        ...{ now: instant, zone: node.sync.table.settings(flow.app)!.zone, random: () => 0.5 },
      }).reason
    const previewed = async (instant: number) => {
      const variables = { app: flow.app, slot: capped.code, context: asked, at: new Date(instant) }
      return (await flow.subgraphs.delivery.must('viewer', PREVIEW, variables)).reason
    }
    const both = async (instant: number) => [explained(instant), await previewed(instant)]
    expect(await both(midnight - 1)).toEqual(['FALLBACK', 'FALLBACK'])
    expect(await both(midnight)).toEqual(['MATCHED', 'MATCHED'])

    flow.clock.advance(MINUTE_MS)
    expect([await eve(capped), await eve(capped), await eve(capped)]).toEqual(['MATCHED', 'MATCHED', 'FALLBACK'])
    flow.clock.advance(6 * HOUR_MS) // over midnight UTC
    expect(await eve(capped)).toBe('FALLBACK')
  })

  test('a token that is longer than any request may bring is refused', async () => {
    const asked = ask([uncapped], { userId: 'ann', capToken: 'A'.repeat(2_101) })
    await expect(asked).rejects.toThrow('BAD_USER_INPUT: context.capToken: must have at most 2100 characters')
  })
})
