import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { type Made, makeApp, makeMany, type Planning, run, startPlanning } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { type TestSubgraph, tokenFor } from '../support/subgraphs.ts'

const MADE = 105

type Kind = keyof Made
type Page = { nodes: { id: string }[]; edges: { cursor: string; node: { id: string } }[]; pageInfo: PageInfo }
type PageInfo = { hasNextPage: boolean; endCursor: string | null }

describeEachStore('Lists of what is planned', (open) => {
  let store: Store
  let planning: Planning
  let app: string
  let ids: Made

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
    ids = await makeMany(planning, app, MADE)
    await makeMany(planning, await makeApp(planning), 1)
  }, 60_000)
  afterAll(() => planning.stop())

  const subgraphOf = (kind: Kind): TestSubgraph =>
    kind === 'creatives' ? planning.creative : kind === 'strategies' ? planning.strategy : planning.schedule
  const textOf = (kind: Kind) => `query ($app: ID!, $first: Int, $after: String) {
    ${kind}(app: $app, first: $first, after: $after) {
      nodes { id } edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }`
  const page = (kind: Kind, more: object = {}): Promise<Page> =>
    subgraphOf(kind).must('viewer', textOf(kind), { app, ...more })

  for (const kind of ['slots', 'schedules', 'creatives', 'strategies'] as const) {
    test(`${kind} come in pages that hold everything of the app once, in order`, async () => {
      const seen: string[] = []
      let after: string | null = null
      for (const size of [1, 4, 100]) {
        const { nodes, edges, pageInfo }: Page = await page(kind, { first: size, after })
        expect(nodes).toHaveLength(size)
        expect(edges.map(({ node }) => node)).toEqual(nodes)
        expect(pageInfo).toEqual({ hasNextPage: size !== 100, endCursor: edges.at(-1)!.cursor })
        seen.push(...nodes.map(({ id }) => id))
        after = pageInfo.endCursor
      }
      expect(seen).toEqual(ids[kind])
      const beyond = await page(kind, { after })
      expect(beyond).toEqual({ nodes: [], edges: [], pageInfo: { hasNextPage: false, endCursor: null } })
    })

    test(`${kind} come 20 at a time, 1 to 100 when asked for`, async () => {
      expect((await page(kind)).nodes).toHaveLength(20)
      expect((await page(kind, { first: null })).nodes).toHaveLength(20)
      for (const first of [0, -1, 101]) {
        const { errors } = await subgraphOf(kind).ask('viewer', textOf(kind), { app, first })
        expect(errors![0]!.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'first' })
      }
    })

    test(`${kind} refuse a cursor that no list wrote`, async () => {
      const { endCursor } = (await page(kind)).pageInfo
      for (const after of ['', 'x', '!', ids[kind][0]!, `${endCursor}!`, Buffer.from('{}').toString('base64url')]) {
        const { errors } = await subgraphOf(kind).ask('viewer', textOf(kind), { app, after })
        expect(errors![0]!.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'after' })
      }
    })

    test(`${kind} need a role in the app`, async () => {
      const { subgraph } = subgraphOf(kind)
      const request = { query: textOf(kind), variables: { app } }
      const elsewhere = `Bearer ${await tokenFor('viewer', ['elsewhere'])}`
      for (const [authorization, code] of [
        [elsewhere, 'FORBIDDEN'],
        [undefined, 'UNAUTHENTICATED'],
      ] as const) {
        const { errors } = await subgraph.execute(request, { authorization, requestId: 'test' })
        expect(errors![0]!.extensions!.code).toBe(code)
      }
    })
  }

  test('things that are created while someone pages neither repeat nor hide items of later pages', async () => {
    const first = await page('schedules', { first: 50 })
    const content = { name: 'New', creatives: [{ creative: ids.creatives[0]! }] }
    planning.clock.advance(1)
    const { id } = await run(planning, 'createSchedule', { app, slot: ids.slots[0], content })
    const second = await page('schedules', { first: 100, after: first.pageInfo.endCursor })
    expect([...first.nodes, ...second.nodes].map((node) => node.id)).toEqual(ids.schedules)
    ids.schedules.unshift(id)
  })
})
