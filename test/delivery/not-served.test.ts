// Everything that is booked in a slot is explained: what the node serves by its own rules, and the rest by why it is not served.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readsDuring } from '../support/reads.ts'
import { describeEachStore } from '../support/stores.ts'
import { tokenFor } from '../support/subgraphs.ts'
import { until } from '../support/until.ts'
import { startWholeGraph, type WholeGraph } from '../support/whole-graph.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

const NOT_SERVED = 'notServed(first: 100) { schedule { id name } reason }'
const EXPLAIN = `query ($app: ID!, $slot: String!) {
  explainDecision(app: $app, slot: $slot) { app slot revision schedules { schedule { id } reason } ${NOT_SERVED} } }`
const PREVIEW = `query ($app: ID!, $slot: String!, $include: [ID!]) {
  preview(app: $app, slot: $slot, include: $include) { revision schedules { schedule { id } reason } ${NOT_SERVED} } }`
const ENTITY = `query ($of: [_Any!]!, $first: Int, $before: ID) { _entities(representations: $of) {
  ... on DecisionExplanation { notServed(first: $first, before: $before) { schedule { id } reason } } } }`

type Explained = {
  schedules: { schedule: { id: string }; reason: string }[]
  notServed: Told[]
  revision: number | null
}
type Told = { schedule: { id: string; name: string }; reason: string }

describeEachStore('A schedule that is booked in a slot but not served', (open) => {
  let flow: Workflow
  let graph: WholeGraph
  let slot: { id: string; code: string }
  let made: Record<string, Thing>

  beforeAll(async () => {
    flow = await startWorkflow(await open())
    graph = await startWholeGraph(flow)
    slot = await flow.makeSlot()
    made = {
      shown: await live('shown'),
      paused: await live('paused'),
      'paused and archived': await live('paused and archived'),
      withdrawn: await live('withdrawn'),
      'withdrawn and archived': await live('withdrawn and archived'),
      'live and archived': await live('live and archived'),
      approved: await flow.approved(await book('approved')),
      draft: await book('draft'),
      archived: await book('archived'),
    }
    const bad = await flow.makeCreative()
    made['without a creative'] = await live('without a creative', [bad])
    for (const name of ['paused', 'paused and archived']) await onSchedule('pause', made[name]!)
    for (const name of ['withdrawn', 'withdrawn and archived']) await onSchedule('withdraw', made[name]!)
    for (const name of ['paused and archived', 'withdrawn and archived', 'live and archived', 'archived']) {
      const { version: expectedVersion } = await flow.head(made[name]!)
      await flow.run('archiveSchedule', 'operator', { id: made[name]!.id, expectedVersion, confirmLive: true })
    }
    await flow.revoke(bad)
    await inStep()
  }, 60_000)
  afterAll(async () => {
    await graph.stop()
    await flow.stop()
  })

  const book = (name: string, creatives?: Thing[]) =>
    flow.makeSchedule({ slot: slot.id, content: { name }, ...(creatives ? { creatives } : {}) })
  async function live(name: string, creatives?: Thing[]): Promise<Thing> {
    const schedule = await flow.approved(await book(name, creatives))
    await flow.publish(schedule)
    return schedule
  }
  const onSchedule = async (name: 'pause' | 'withdraw', schedule: Thing) =>
    flow.run(name, 'publisher', await flow.onSchedule(schedule))

  async function inStep(): Promise<void> {
    const { revision } = await flow.latest(slot.id)
    const held = () => graph.distribution.sync.table.slot(flow.app, slot.code)?.stamp.revision
    await until('the node serves the latest publication', () => held() === revision)
  }

  const explain = async (): Promise<Explained> =>
    (await graph.ask('viewer', EXPLAIN, { app: flow.app, slot: slot.code })).explainDecision
  const preview = async (include: string[] = []): Promise<Explained> =>
    (await graph.ask('viewer', PREVIEW, { app: flow.app, slot: slot.code, include })).preview
  const reasons = ({ notServed }: Explained) =>
    Object.fromEntries(notServed.map(({ schedule, reason }) => [schedule.name, reason]))

  const REASONS = {
    paused: 'PAUSED',
    'paused and archived': 'PAUSED',
    withdrawn: 'WITHDRAWN',
    'withdrawn and archived': 'ARCHIVED',
    approved: 'UNPUBLISHED',
    draft: 'UNPUBLISHED',
    archived: 'ARCHIVED',
    'without a creative': 'REVOKED',
  }

  test('is listed once, in an explanation of a node or by MongoDB', async () => {
    for (const explained of [await explain(), await preview()]) {
      expect(reasons(explained)).toEqual(REASONS)
      const ids = [...explained.schedules, ...explained.notServed].map(({ schedule }) => schedule.id)
      expect(ids.sort()).toEqual(
        Object.values(made)
          .map(({ id }) => id)
          .sort(),
      )
    }
  })

  test('is among the schedules of a preview that includes it', async () => {
    const included = await preview([made.draft!.id, made.paused!.id])
    const { draft: _, paused: __, ...others } = REASONS
    expect(reasons(included)).toEqual(others)
    expect(included.schedules.map(({ schedule }) => schedule.id)).toEqual(
      expect.arrayContaining([made.draft!.id, made.paused!.id]),
    )
  })

  test('is neither missing nor listed twice while the node is behind MongoDB', async () => {
    const before = (await flow.latest(slot.id)).revision
    await onSchedule('pause', made.shown!)
    const fresh = await live('fresh')
    made.fresh = fresh
    const of = (revision: number) => ({ __typename: 'DecisionExplanation', app: flow.app, slot: slot.code, revision })
    const told = async (revision: number) => {
      const [{ notServed }] = await flow.subgraphs.delivery.must('viewer', ENTITY, { of: [of(revision)], first: 100 })
      return new Map(notServed.map((one: Told) => [one.schedule.id, one.reason]))
    }
    const behind = await told(before)
    expect([behind.get(made.shown!.id), behind.get(fresh.id)]).toEqual([undefined, 'PENDING'])
    const latest = await told((await flow.latest(slot.id)).revision)
    expect([latest.get(made.shown!.id), latest.get(fresh.id)]).toEqual(['PAUSED', undefined])
    await inStep()
    expect(reasons(await explain())).toEqual({ ...REASONS, shown: 'PAUSED' })
  })

  test('comes newest first, page by page, and is read at once', async () => {
    const of = [{ __typename: 'DecisionExplanation', app: flow.app, slot: slot.code, revision: 1 }]
    const page = async (first: number, before?: string) => {
      const [{ notServed }] = await flow.subgraphs.delivery.must('viewer', ENTITY, { of, first, before })
      return notServed.map(({ schedule }: Told) => schedule.id)
    }
    const all = await page(100)
    expect(all).toEqual(all.toSorted().reverse())
    expect([...(await page(3)), ...(await page(100, all[2]))]).toEqual(all)
    await expect(page(101)).rejects.toThrow('first: must be 1 to 100')
    const once = { reads: 1, counts: 0 }
    const { reads } = await readsDuring(flow.store, () => page(100))
    expect(reads).toEqual({ slots: once, slotHeads: once, publications: once, schedules: once })
  })

  test('is hidden without a role in the app', async () => {
    const of = [{ __typename: 'DecisionExplanation', app: flow.app, slot: slot.code, revision: 1 }]
    expect(await flow.subgraphs.delivery.codeOf(undefined, ENTITY, { of })).toBe('UNAUTHENTICATED')
    const authorization = `Bearer ${await tokenFor('admin', ['elsewhere'])}`
    const request = { query: ENTITY, variables: { of } }
    const { errors } = await flow.subgraphs.delivery.subgraph.execute(request, { authorization, requestId: 'test' })
    expect(errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
  })
})
