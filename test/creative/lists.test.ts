import { beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { creatives } from '../../subgraphs/creative/repository.ts'
import {
  failure,
  type Input,
  makeApp,
  makeCreative,
  makeMany,
  type Planning,
  run,
  startPlanning,
} from '../support/planning.ts'
import { readsDuring } from '../support/reads.ts'
import { describeEachStore } from '../support/stores.ts'

const LIST = `query ($app: ID!, $filter: CreativeFilter, $first: Int, $after: String) {
  creatives(app: $app, filter: $filter, first: $first, after: $after) {
    total nodes { name } pageInfo { hasNextPage endCursor } } }`

describeEachStore('Lists of creatives, and their archive', (open) => {
  let store: Store
  let planning: Planning
  let app: string
  let many: string
  const ids: Record<string, string> = {}
  const times: Record<string, string> = {}

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
    const titles = {
      banner: 'Summer SALE',
      popup: 'Welcome',
      'sale (50%)': 'Hello',
      feed: 'Hello [again]',
      old: 'Summer sale of 2025',
      older: 'Summer sale of 2024',
    }
    for (const [name, title] of Object.entries(titles)) {
      planning.clock.advance(60_000)
      ids[name] = await makeCreative(planning, app, { name, title })
      times[name] = new Date(planning.clock.now()).toISOString()
    }
    await makeCreative(planning, await makeApp(planning), { title: 'Summer sale' })
    const move = (name: string, state: 'IN_REVIEW' | 'APPROVED' | 'REJECTED') =>
      store.transaction((tx) => creatives.transition(tx, { id: ids[name]!, revision: 1 }, state))
    await move('banner', 'APPROVED')
    await move('popup', 'IN_REVIEW')
    await move('old', 'APPROVED')
    for (const name of ['old', 'older']) await archive(ids[name]!)
    many = await makeApp(planning)
    await makeMany(planning, many, 100)
  }, 60_000)

  const archive = (id: string, expectedVersion = 1) => run(planning, 'archiveCreative', { id, expectedVersion })

  /** The names of all that pass, read two at a time; every page has to say how many there are. */
  async function listed(filter: Input | null): Promise<string[]> {
    const names: string[] = []
    const totals: number[] = []
    for (let after: string | null = null, more = true; more; ) {
      const page = await planning.creative.must('viewer', LIST, { app, filter, first: 2, after })
      names.push(...page.nodes.map(({ name }: { name: string }) => name))
      totals.push(page.total)
      after = page.pageInfo.endCursor
      more = page.pageInfo.hasNextPage
    }
    expect(new Set(totals)).toEqual(new Set([names.length]))
    return names
  }

  const everything = ['feed', 'sale (50%)', 'popup', 'banner']

  test.each<[string, Input | null, string[]]>([
    ['nothing', null, everything],
    ['fields that are null', { reviewStates: null, text: null, archived: null, changed: null }, everything],
    ['one review state', { reviewStates: ['APPROVED'] }, ['banner']],
    ['several review states', { reviewStates: ['IN_REVIEW', 'DRAFT'] }, ['feed', 'sale (50%)', 'popup']],
    ['part of the name or of the title, in any letter case', { text: 'SaLe' }, ['sale (50%)', 'banner']],
    ['text that means something in a pattern', { text: '(50%)' }, ['sale (50%)']],
    ['text that would be a wrong pattern', { text: '[again' }, ['feed']],
    ['text that nothing has', { text: 'winter' }, []],
    ['empty text, as forms send it', { text: ' ' }, everything],
    ['what is archived', { archived: true }, ['older', 'old']],
    ['what is not', { archived: false }, everything],
    ['everything at once', { archived: true, text: 'summer', reviewStates: ['APPROVED'] }, ['old']],
  ])('narrowed by %s', async (_, filter, names) => {
    expect(await listed(filter)).toEqual(names)
  })

  test('narrowed by when they were changed: from a moment on, until just before another', async () => {
    expect(await listed({ changed: { from: times.popup } })).toEqual(['feed', 'sale (50%)', 'popup'])
    expect(await listed({ changed: { to: times.popup } })).toEqual(['banner'])
    expect(await listed({ changed: { from: times.popup, to: times.feed } })).toEqual(['sale (50%)', 'popup'])
    expect(await listed({ changed: {} })).toEqual(everything)
    await expect(listed({ changed: { from: times.feed, to: times.popup } })).rejects.toThrow('filter.changed.to')
    // Archiving is a change, made after all else.
    expect(await listed({ changed: { from: times.older }, archived: true })).toEqual(['older', 'old'])
    expect(await listed({ changed: { to: times.older }, archived: true })).toEqual([])
  })

  test('text to look for is at most 200 characters', async () => {
    expect(await listed({ text: 'x'.repeat(200) })).toEqual([])
    const { errors } = await planning.creative.ask('viewer', LIST, { app, filter: { text: 'x'.repeat(201) } })
    expect(errors![0]!.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'filter.text' })
  })

  test('text with a NUL, which no pattern of MongoDB can hold, is neither looked for nor written', async () => {
    const { errors } = await planning.creative.ask('viewer', LIST, { app, filter: { text: 'a\0b' } })
    expect(errors![0]!.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'filter.text' })
    const input = { app, content: { name: 'a\0b', title: 'Hello' } }
    const failed = await failure(planning, 'createCreative', input)
    expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.content.name' })
  })

  test('an archived creative still reads, cannot be revised, and is archived once only', async () => {
    const id = await makeCreative(planning, await makeApp(planning), { title: 'Old' })
    planning.clock.advance(1_000)
    const at = new Date(planning.clock.now()).toISOString()
    expect(await archive(id)).toMatchObject({ version: 2, revision: 1, reviewState: 'DRAFT', archivedAt: at })
    const query = 'query ($id: ID!) { creative(id: $id) { version title archivedAt updatedAt } }'
    const after = { version: 2, title: 'Old', archivedAt: at, updatedAt: at }
    expect(await planning.creative.must('viewer', query, { id })).toEqual(after)
    const content = { name: 'Anew', title: 'Anew' }
    for (const refused of [
      await failure(planning, 'reviseCreative', { id, expectedVersion: 2, content }),
      await failure(planning, 'archiveCreative', { id, expectedVersion: 2 }),
    ]) {
      expect(refused).toMatchObject({ code: 'INVALID_STATE', message: expect.stringContaining('is archived') })
    }
    expect(await planning.creative.must('viewer', query, { id })).toEqual(after)
  })

  test('a creative in review cannot be archived', async () => {
    expect(await failure(planning, 'archiveCreative', { id: ids.popup, expectedVersion: 1 })).toMatchObject({
      ...{ code: 'INVALID_STATE', message: expect.stringContaining('recall its submission') },
    })
    expect(await listed({ reviewStates: ['IN_REVIEW'] })).toEqual(['popup'])
  })

  test('a page of 100 creatives is one read, and one more where the total is asked for', async () => {
    const ask = async (fields: string) => {
      const query = `query ($app: ID!) { creatives(app: $app, first: 100) { ${fields} nodes { id title app { id } } } }`
      const { answer, reads } = await readsDuring(store, () => planning.creative.must('viewer', query, { app: many }))
      expect(answer.nodes).toHaveLength(100)
      return reads
    }
    expect(await ask('')).toEqual({ creatives: { reads: 1, counts: 0 } })
    expect(await ask('total')).toEqual({ creatives: { reads: 1, counts: 1 } })
  })

  test('100 references to revisions of creatives, and to the creatives, read each collection once', async () => {
    const representations = (await creatives.page(store, many, {}, { limit: 100 })).map(({ _id }) => ({
      ...{ __typename: 'CreativeRevision', id: _id, revision: 1 },
    }))
    const query = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on CreativeRevision { content hash author writtenAt creative { name } } } }`
    const ask = () => planning.creative.must('viewer', query, { representations })
    const { answer, reads } = await readsDuring(store, ask)
    expect(answer).toHaveLength(100)
    const once = { reads: 1, counts: 0 }
    expect(reads).toEqual({ creativeRevisions: once, creatives: once })
  })
})
