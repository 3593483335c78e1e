// What a distribution node explains, from its own memory, of what was published.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { tokenVerifier } from '../../common/access/tokens.ts'
import type { Caller } from '../../common/command/services.ts'
import { HOUR_MS } from '../../engine/time/days.ts'
import { buildDistribution, type Distribution } from '../../subgraphs/distribution/app.ts'
import { explainDecision, noCapTokens } from '../../subgraphs/distribution/decisions.ts'
import { describeEachStore } from '../support/stores.ts'
import { tokenFor, tokenSettings } from '../support/subgraphs.ts'
import { ONLY_NOTIFICATIONS } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

const CONTEXT = '$app: ID!, $slot: String!, $context: ContextInput'
const EXPLAIN = `query (${CONTEXT}, $at: DateTime) {
  explainDecision(app: $app, slot: $slot, context: $context, at: $at) {
    slot at reason revision chance
    creatives { creative revision schedule eventToken }
    schedules {
      schedule { id revision } included priority startsAt endsAt reason exclusive
      creative { creative }
      constraint { path dimension operator values held }
      rollout { bucket buckets }
      cap { limit { count every unit } times }
    }
  }
}`
const DECIDE = `query ($app: ID!, $slot: String!, $context: ContextInput) {
  decisions(app: $app, slots: [$slot], context: $context) { reason capToken creatives { creative revision schedule eventToken } }
}`

describeEachStore('explainDecision', (open) => {
  let flow: Workflow
  let node: Distribution
  let slot: { id: string; code: string }
  let vips: Thing
  let capped: Thing
  let upcoming: Thing
  let begins: string

  beforeAll(async () => {
    flow = await startWorkflow(await open())
    const { channel, keys, log } = flow.services
    node = await buildDistribution({
      ...{
        channel,
        keys,
        log,
        operations: new Map(),
        laneFields: [],
        node: 'node',
        now: flow.clock.now,
        random: () => 0.5,
      },
      verify: tokenVerifier(tokenSettings),
      intervals: ONLY_NOTIFICATIONS,
    })
    begins = new Date(flow.clock.now() + 24 * HOUR_MS).toISOString()
    slot = await flow.makeSlot()
    const constraint = { dimension: 'tags', operator: 'IN', values: ['vip'] }
    vips = await published({ strategy: await flow.makeStrategy({ constraint }), content: { priority: 3 } })
    upcoming = await published({ content: { priority: 2, startsAt: begins } })
    const caps = [{ count: 1, every: 7, unit: 'DAY' }]
    capped = await published({ strategy: await flow.makeStrategy({ caps }), content: { priority: 1 } })
    await until('the node serves it', () => node.sync.table.slot(flow.app, slot.code)?.stamp.revision === 3)
  })
  afterAll(async () => {
    await node.stop()
    await flow.stop()
  })

  async function published(booking: Parameters<Workflow['makeSchedule']>[0]): Promise<Thing> {
    const made = await flow.approved(await flow.makeSchedule({ slot: slot.id, ...booking }))
    await flow.publish(made)
    return made
  }

  async function ask(query: string, more: object = {}, token: string | undefined = undefined) {
    const variables = { app: flow.app, slot: slot.code, context: { userId: 'ann' }, ...more }
    const authorization = `Bearer ${token ?? (await tokenFor('viewer'))}`
    const { data, errors } = await node.subgraph.execute({ query, variables }, { authorization, requestId: 'test' })
    // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
    return { answer: data && (Object.values(data)[0] as any), error: errors?.[0]?.extensions }
  }

  const explained = async (more: object = {}) => (await ask(EXPLAIN, more)).answer
  const one = ({ id }: Thing) => ({ id, revision: 1 })

  test('says of every schedule in order whether it is shown, or what kept it out', async () => {
    const answer = await explained({ context: { userId: 'ann', tags: ['new'] } })
    expect(answer).toMatchObject({ slot: slot.code, reason: 'MATCHED', revision: 3, chance: false })
    expect(new Date(answer.at).getTime()).toBe(flow.clock.now())
    expect(answer.schedules).toMatchObject([
      {
        ...{ schedule: one(vips), included: false, priority: 3, startsAt: null, endsAt: null, reason: 'CONSTRAINT' },
        constraint: { path: '', dimension: 'tags', operator: 'IN', values: ['vip'], held: ['new'] },
      },
      { schedule: one(upcoming), reason: 'WINDOW', startsAt: begins, constraint: null, creative: null },
      { schedule: one(capped), reason: 'SHOWN', creative: { creative: answer.creatives[0].creative } },
    ])
  })

  test('is the answer that the same user gets', async () => {
    for (const tags of [[], ['vip']]) {
      const context = { userId: 'ann', tags }
      const [{ capToken: _, ...decision }] = (await ask(DECIDE, { context })).answer
      expect(await explained({ context })).toMatchObject(decision)
    }
  })

  test('is of what is published now, at the instant that is asked for', async () => {
    const at = async (instant: number) => (await explained({ at: new Date(instant) })).schedules
    expect((await at(Date.parse(begins) - 1))[1]).toMatchObject({ reason: 'WINDOW' })
    expect(await at(Date.parse(begins))).toMatchObject([
      { reason: 'CONSTRAINT' },
      { reason: 'SHOWN' },
      { reason: 'CAPACITY' },
    ])
    expect((await at(Date.parse('9999-12-31T23:59:59Z')))[1]).toMatchObject({ reason: 'SHOWN' })
  })

  test('explains caps by the token, and counts nothing', async () => {
    const [{ capToken }] = (await ask(DECIDE)).answer
    const context = { userId: 'ann', capToken }
    for (let times = 0; times < 2; times += 1) {
      expect((await explained()).reason).toBe('MATCHED')
      expect((await explained({ context })).schedules[2]).toMatchObject({
        ...{ reason: 'CAP', cap: { limit: { count: 1, every: 7, unit: 'DAY' }, times: 1 } },
      })
    }
    const week = new Date(flow.clock.now() + 7 * 24 * HOUR_MS - 1)
    expect((await explained({ context, at: week })).schedules[2]).toMatchObject({ reason: 'CAPACITY' })
  })

  test('of a slot that the node does not know is an error; without a user chance has a part in it', async () => {
    const { error } = await ask(EXPLAIN, { slot: 'none' })
    expect(error).toMatchObject({ code: 'NOT_FOUND', path: 'slot' })
    expect(await explained({ context: null })).toMatchObject({ reason: 'MATCHED', chance: false })
  })

  test('is for every role in the app, and neither for other apps nor for app keys', async () => {
    for (const role of ['viewer', 'operator', 'reviewer', 'publisher', 'admin']) {
      expect((await ask(EXPLAIN, {}, await tokenFor(role))).answer.reason).toBe('MATCHED')
    }
    const codeOf = async (more: object, token?: string) => (await ask(EXPLAIN, more, token)).error?.code
    expect(await codeOf({}, await tokenFor('admin', ['elsewhere']))).toBe('FORBIDDEN')
    expect(await codeOf({ app: 'none' })).toBe('NOT_FOUND')
    expect(await codeOf({ context: { userId: 'x'.repeat(257) } })).toBe('BAD_USER_INPUT')

    const { table } = node.sync
    const { now } = flow.clock
    const asNode = { table, ready: true, now, random: () => 0.5, cutOffMs: () => 0, capTokens: noCapTokens() }
    const app: Caller = { principal: null, requestId: 'test', appKey: { app: flow.app } }
    const asked = () => explainDecision(asNode, app, { app: flow.app, slot: slot.code })
    expect(asked).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }))
  })
})
