import { beforeAll, expect, test } from '@jest/globals'
import type { Head } from '../../common/store/revisioned.ts'
import type { Store } from '../../common/store/store.ts'
import { segments, strategies } from '../../subgraphs/strategy/repository.ts'
import {
  type Input,
  makeApp,
  makeSegment,
  makeStrategy,
  type Planning,
  run,
  startPlanning,
} from '../support/planning.ts'
import { readsDuring } from '../support/reads.ts'
import { describeEachStore } from '../support/stores.ts'
import { tokenFor } from '../support/subgraphs.ts'

/** What differs between the two lists. */
const KINDS = {
  strategies: {
    one: 'strategy',
    type: 'Strategy',
    repository: strategies,
    make: makeStrategy,
    archive: 'archiveStrategy',
  },
  segments: { one: 'segment', type: 'Segment', repository: segments, make: makeSegment, archive: 'archiveSegment' },
} as const
type Kind = keyof typeof KINDS

const once = { reads: 1, counts: 0 }

const textOf = (kind: Kind) => `
  query ($app: ID!, $filter: ${KINDS[kind].type}Filter, $first: Int, $after: String) {
    ${kind}(app: $app, filter: $filter, first: $first, after: $after) {
      total nodes { name } pageInfo { hasNextPage endCursor } } }`

describeEachStore('Lists of strategies and segments', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
    for (const kind of ['strategies', 'segments'] as const) {
      const { make, archive, repository } = KINDS[kind]
      for (const name of ['VIPs', 'vip (new)', 'Beta', 'Everyone', 'Old VIPs', 'Old']) {
        planning.clock.advance(1)
        const id = await make(planning, app, { name })
        if (name.startsWith('Old')) await run(planning, archive, { id, expectedVersion: 1 })
        const state = name.endsWith('VIPs') ? 'APPROVED' : 'REJECTED'
        if (name !== 'Beta') await store.transaction((tx) => repository.transition(tx, { id, revision: 1 }, state))
      }
      await make(planning, await makeApp(planning), { name: 'VIPs elsewhere' })
    }
  })

  /** The names of all that pass, read two at a time; every page has to say how many there are. */
  async function listed(kind: Kind, filter: Input | null): Promise<string[]> {
    const names: string[] = []
    const totals: number[] = []
    for (let after: string | null = null, more = true; more; ) {
      const page = await planning.strategy.must('viewer', textOf(kind), { app, filter, first: 2, after })
      names.push(...page.nodes.map(({ name }: { name: string }) => name))
      totals.push(page.total)
      after = page.pageInfo.endCursor
      more = page.pageInfo.hasNextPage
    }
    expect(new Set(totals)).toEqual(new Set([names.length]))
    return names
  }

  const everything = ['Everyone', 'Beta', 'vip (new)', 'VIPs']

  for (const kind of ['strategies', 'segments'] as const) {
    test.each<[string, Input | null, string[]]>([
      ['nothing', null, everything],
      ['fields that are null', { reviewStates: null, text: null, archived: null }, everything],
      ['one review state', { reviewStates: ['APPROVED'] }, ['VIPs']],
      ['several review states', { reviewStates: ['APPROVED', 'DRAFT'] }, ['Beta', 'VIPs']],
      ['part of the name, in any letter case', { text: 'VIP' }, ['vip (new)', 'VIPs']],
      ['text that means something in a pattern', { text: '(new)' }, ['vip (new)']],
      ['text that nothing has', { text: '.*' }, []],
      ['what is archived', { archived: true }, ['Old', 'Old VIPs']],
      ['what is not', { archived: false }, everything],
      ['everything at once', { archived: true, text: 'vip', reviewStates: ['APPROVED'] }, ['Old VIPs']],
    ])(`${kind} narrowed by %s`, async (_, filter, names) => {
      expect(await listed(kind, filter)).toEqual(names)
    })

    test(`${kind} narrowed by when they were changed: from a moment on, until just before another`, async () => {
      const found = await store.collection<Head<{ name: string }>>(kind).find({ app })
      const changed = Object.fromEntries(found.map(({ content, updatedAt }) => [content.name, updatedAt]))
      expect(await listed(kind, { changed: { from: changed.Beta } })).toEqual(['Everyone', 'Beta'])
      expect(await listed(kind, { changed: { to: changed.Beta } })).toEqual(['vip (new)', 'VIPs'])
      expect(await listed(kind, { changed: {} })).toEqual(everything)
      await expect(listed(kind, { changed: { from: changed.Beta, to: changed.Beta } })).rejects.toThrow(
        'filter.changed.to',
      )
    })

    test(`text to look for in ${kind} is at most 200 characters`, async () => {
      const { errors } = await planning.strategy.ask('viewer', textOf(kind), { app, filter: { text: 'x'.repeat(201) } })
      expect(errors![0]!.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'filter.text' })
    })

    test(`${kind}, and one by its id, need a role in the app`, async () => {
      const { one, make } = KINDS[kind]
      const elsewhere = await makeApp(planning)
      const id = await make(planning, elsewhere)
      const asked = [
        { query: textOf(kind), variables: { app: elsewhere } },
        { query: `query ($id: ID!) { ${one}(id: $id) { id } }`, variables: { id } },
      ]
      for (const request of asked) {
        for (const [authorization, code] of [
          [`Bearer ${await tokenFor('viewer', [app])}`, 'FORBIDDEN'],
          [undefined, 'UNAUTHENTICATED'],
          [`Bearer ${await tokenFor('viewer', [elsewhere])}`, undefined],
        ] as const) {
          const { errors } = await planning.strategy.subgraph.execute(request, { authorization, requestId: 'test' })
          expect(errors?.[0]?.extensions?.code).toBe(code)
        }
      }
      const query = `query ($id: ID!) { ${one}(id: $id) { id } }`
      expect(await planning.strategy.must('viewer', query, { id: 'nothing' })).toBeNull()
    })
  }

  async function readsOf(query: string, variables: Input) {
    const { answer, reads } = await readsDuring(store, () => planning.strategy.ask('viewer', query, variables))
    expect(answer.errors).toBeUndefined()
    return reads
  }

  test('a page of 100 strategies with their segments, or references to them, reads each collection once', async () => {
    const many = await makeApp(planning)
    const ids: string[] = []
    for (let made = 0; made < 100; made++) {
      const constraint = {
        any: [{ segment: await makeSegment(planning, many) }, { segment: await makeSegment(planning, many) }],
      }
      ids.push(await makeStrategy(planning, many, { constraint }))
    }
    const fields = 'id name rollout { percentage } segments { id name constraint }'
    const list = `query ($app: ID!) { strategies(app: $app, first: 100) { total nodes { ${fields} } } }`
    expect(await readsOf(list, { app: many })).toEqual({ strategies: { reads: 1, counts: 1 }, segments: once })

    const entities = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on Strategy { ${fields} } } }`
    const representations = ids.map((id) => ({ __typename: 'Strategy', id }))
    expect(await readsOf(entities, { representations })).toEqual({ strategies: once, segments: once })
  }, 60_000)

  test('references to segments and their revisions read each collection once', async () => {
    const ids = (await segments.page(store, app, {}, { limit: 100 })).map(({ _id }) => _id)
    const query = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on Segment { id name } ... on SegmentRevision { content segment { name } } } }`
    const heads = ids.map((id) => ({ __typename: 'Segment', id }))
    expect(await readsOf(query, { representations: heads })).toEqual({ segments: once })
    const revisions = ids.map((id) => ({ __typename: 'SegmentRevision', id, revision: 1 }))
    expect(await readsOf(query, { representations: revisions })).toEqual({ segmentRevisions: once, segments: once })
  })
})
