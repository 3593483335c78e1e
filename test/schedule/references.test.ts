import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { CommandStartedEvent } from 'mongodb'
import type { Store } from '../../common/store/store.ts'
import { schedules } from '../../subgraphs/schedule/repository.ts'
import { failure, type Made, makeApp, makeMany, type Planning, run, startPlanning } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { type TestSubgraph, tokenFor } from '../support/subgraphs.ts'

describeEachStore('References to what is planned, and what they cost', (open) => {
  let store: Store
  let planning: Planning
  let app: string
  let ids: Made

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
    ids = await makeMany(planning, app, 100)
  }, 60_000)
  afterAll(() => planning.stop())

  /** collection -> how many reads a question cost. */
  async function readsOf(ask: () => Promise<unknown>): Promise<Record<string, number>> {
    const reads: Record<string, number> = {}
    const count = ({ commandName, command }: CommandStartedEvent) => {
      const name = `${commandName} ${command[commandName]}`
      reads[name] = (reads[name] ?? 0) + 1
    }
    store.client.on('commandStarted', count)
    await ask()
    store.client.off('commandStarted', count)
    return reads
  }

  test('a page of 100 schedules with apps, slots, creatives and strategies reads each collection once', async () => {
    const query = `query ($app: ID!) { schedules(app: $app, first: 100) { nodes { id name revision app { id name }
      slot { id code app { name } fallback { id } } creatives { creative { id } weight } strategy { id } } } }`
    const reads = await readsOf(async () => {
      const { nodes } = await planning.schedule.must('viewer', query, { app })
      expect(nodes).toHaveLength(100)
      expect(nodes.at(-1)).toMatchObject({ app: { name: 'An app' }, slot: { app: { name: 'An app' } } })
    })
    expect(reads).toEqual({ 'find schedules': 1, 'find slots': 1, 'find apps': 1 })
  })

  test('a total costs one count, also with fields that are computed from the content', async () => {
    const query = `query ($app: ID!) { schedules(app: $app, first: 100) { total
      nodes { windowState archivedAt slot { archivedAt format { required } } } } }`
    const reads = await readsOf(async () => {
      const { nodes, total } = await planning.schedule.must('viewer', query, { app })
      expect([nodes.length, total]).toEqual([100, 100])
    })
    expect(reads).toEqual({ 'find schedules': 1, 'find slots': 1, 'aggregate schedules': 1 })
  })

  test('a page of 100 slots with what is booked in each costs one read and one count, those of the list apart', async () => {
    const query = `query ($app: ID!) { slots(app: $app, first: 100) { nodes { id
      schedules(first: 5) { total nodes { name } } } } }`
    const reads = await readsOf(async () => {
      const { nodes } = await planning.schedule.must('viewer', query, { app })
      const booked = ids.slots.map((id, at) => ({ id, schedules: { total: 1, nodes: [{ name: `Schedule ${at}` }] } }))
      expect(nodes).toEqual(booked)
    })
    expect(reads).toEqual({ 'find slots': 1, 'aggregate slots': 1, 'aggregate schedules': 1 })
  })

  const entities = (subgraph: TestSubgraph, representations: object[], fields: string, actor = 'viewer') => {
    const query = `query ($representations: [_Any!]!) { _entities(representations: $representations) { ${fields} } }`
    return subgraph.must(actor, query, { representations })
  }

  test.each([
    ['Schedule', 'schedules', 'schedule', '... on Schedule { id slot { code } app { name } }', 3],
    ['Slot', 'slots', 'schedule', '... on Slot { id app { name } }', 2],
    ['Creative', 'creatives', 'creative', '... on Creative { id title app { id } }', 1],
    ['Strategy', 'strategies', 'strategy', '... on Strategy { id constraint app { id } }', 1],
  ] as const)('100 references to a %s cost one read a collection', async (type, kind, subgraph, fields, reads) => {
    const representations = ids[kind].slice(0, 100).map((id) => ({ __typename: type, id }))
    const cost = await readsOf(async () => {
      const found = await entities(planning[subgraph], [...representations, representations[0]!], fields)
      const wanted = [...representations, representations[0]!]
      expect(found.map(({ id }: { id: string }) => id)).toEqual(wanted.map(({ id }) => id))
    })
    expect(Object.values(cost)).toEqual(Array(reads).fill(1))
  })

  test.each([
    ['ScheduleRevision', 'schedules', 'schedule', 'schedule { name }'],
    ['CreativeRevision', 'creatives', 'creative', 'creative { title }'],
    ['StrategyRevision', 'strategies', 'strategy', 'strategy { name }'],
  ] as const)('100 references to a %s and its head cost two reads', async (type, kind, subgraph, head) => {
    const representations = ids[kind].slice(0, 100).map((id) => ({ __typename: type, id, revision: 1 }))
    const cost = await readsOf(async () => {
      const found = await entities(planning[subgraph], representations, `... on ${type} { id content ${head} }`)
      expect(found.every(({ content }: { content: unknown }) => content !== null)).toBe(true)
    })
    expect(Object.values(cost)).toEqual([1, 1])
  })

  test('references to an app cost one read, and one to what does not exist is null', async () => {
    const representations = [app, app, 'nothing'].map((id) => ({ __typename: 'App', id }))
    const cost = await readsOf(async () => {
      const found = await entities(planning.schedule, representations, '... on App { id name }')
      expect(found).toEqual([{ id: app, name: 'An app' }, { id: app, name: 'An app' }, null])
    })
    expect(cost).toEqual({ 'find apps': 1 })
    const missing = ['Slot', 'Schedule'].map((type) => ({ __typename: type, id: 'nothing' }))
    expect(await entities(planning.schedule, missing, '__typename')).toEqual([null, null])
  })

  test('a reference is forbidden without a role in its app, and takes nothing else with it', async () => {
    const authorization = `Bearer ${await tokenFor('viewer', ['elsewhere'])}`
    const pin = { id: ids.schedules[0], revision: 1 }
    const representations = [
      ...[
        { __typename: 'App', id: app },
        { __typename: 'App', id: 'elsewhere' },
        { __typename: 'Slot', id: ids.slots[0] },
      ],
      ...[
        { __typename: 'Schedule', id: ids.schedules[0] },
        { __typename: 'ScheduleRevision', ...pin },
      ],
    ]
    const query = 'query ($representations: [_Any!]!) { _entities(representations: $representations) { __typename } }'
    const request = { query, variables: { representations } }
    const { data, errors } = await planning.schedule.subgraph.execute(request, { authorization, requestId: 'test' })
    expect(data).toEqual({ _entities: [null, null, null, null, null] })
    expect(errors!.map(({ extensions, path }) => [extensions!.code, path![1]])).toEqual(
      [0, 2, 3, 4].map((index) => ['FORBIDDEN', index]),
    )
  })

  test.each([
    ['schedule', 'schedule'],
    ['creative', 'creative'],
    ['strategy', 'strategy'],
  ] as const)('a %s that does not exist is null, and one of another app is forbidden', async (field, subgraph) => {
    const query = `query ($id: ID!) { ${field}(id: $id) { id } }`
    expect(await planning[subgraph].must('viewer', query, { id: 'nothing' })).toBeNull()
    expect(await planning[subgraph].codeOf(undefined, query, { id: 'nothing' })).toBe('UNAUTHENTICATED')
    const plural = field === 'strategy' ? 'strategies' : (`${field}s` as keyof Made)
    const request = { query, variables: { id: ids[plural][0] } }
    const authorization = `Bearer ${await tokenFor('viewer', ['elsewhere'])}`
    const { data, errors } = await planning[subgraph].subgraph.execute(request, { authorization, requestId: 'test' })
    expect(data).toEqual({ [field]: null })
    expect(errors![0]!.extensions!.code).toBe('FORBIDDEN')
  })

  test('the rules of a mutation on 50 creatives read them once', async () => {
    const content = { name: 'S', creatives: ids.creatives.slice(0, 50).map((creative) => ({ creative })) }
    planning.clock.advance(1)
    const cost = await readsOf(() => run(planning, 'createSchedule', { app, slot: ids.slots[0], content }))
    expect(cost).toMatchObject({ 'find creatives': 1, 'find slots': 1, 'insert schedules': 1, 'insert changes': 1 })
    const newest = await schedules.page(store, app, {}, { limit: 1 })
    expect(newest[0]!.content.creatives).toHaveLength(50)
    expect(await failure(planning, 'createSchedule', { app, slot: 'no', content })).toMatchObject({
      path: 'input.slot',
    })
  })
})
