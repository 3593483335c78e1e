import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { signToken } from '../../common/access/tokens.ts'
import type { Store } from '../../common/store/store.ts'
import { schedules } from '../../subgraphs/schedule/repository.ts'
import {
  type Input,
  idIn,
  makeApp,
  makeCreative,
  makeSlot,
  makeStrategy,
  type Planning,
  run,
  startPlanning,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { fakeClock, tokenFor, tokenSettings } from '../support/subgraphs.ts'

const PAGE = 'nodes { id } pageInfo { hasNextPage endCursor } total'
const SCHEDULES = `query ($app: ID!, $filter: ScheduleFilter, $first: Int, $after: String) {
  list: schedules(app: $app, filter: $filter, first: $first, after: $after) { ${PAGE} } }`
const SLOTS = `query ($app: ID!, $filter: SlotFilter, $first: Int, $after: String) {
  list: slots(app: $app, filter: $filter, first: $first, after: $after) { ${PAGE} } }`
const APPS = `query ($filter: AppFilter, $first: Int, $after: String) {
  list: apps(filter: $filter, first: $first, after: $after) { ${PAGE} } }`
const IN_SLOT = `query ($id: ID!, $filter: ScheduleFilter, $first: Int, $after: String) {
  slot(id: $id) { schedules(filter: $filter, first: $first, after: $after) { ${PAGE} } } }`

type Page = { nodes: { id: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string | null }; total: number }

const DAY_MS = 24 * 3_600_000
const START = fakeClock().now()
/** A moment, in days and milliseconds from when the clock stands. */
const at = (days: number, ms = 0) => new Date(START + days * DAY_MS + ms).toISOString()

/** name -> window */
const WINDOWS = {
  open: {},
  running: { startsAt: at(0), endsAt: at(0, 1) },
  upcoming: { startsAt: at(0, 1), endsAt: at(30) },
  'upcoming for ever': { startsAt: at(300) },
  ended: { startsAt: at(-120), endsAt: at(0) },
  'ended from ever': { endsAt: at(-90) },
}
type Name = keyof typeof WINDOWS

describeEachStore('Filters of lists', (open) => {
  let store: Store
  let planning: Planning
  let app: string
  let slot: string
  let creative: string
  let strategy: string
  const ids = {} as Record<Name, string>

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
    slot = await makeSlot(planning, app)
    creative = await makeCreative(planning, app)
    strategy = await makeStrategy(planning, app)
    for (const [name, window] of Object.entries(WINDOWS) as [Name, object][]) {
      const content = { name, creatives: [{ creative: await makeCreative(planning, app) }], ...window }
      ids[name] = idIn(await run(planning, 'createSchedule', { app, slot: await makeSlot(planning, app), content }))
    }
    // The name of one without a window, to be found by all that it is booked with.
    const content = {
      name: 'open',
      creatives: [{ creative: await makeCreative(planning, app) }, { creative }],
      strategy,
    }
    await run(planning, 'archiveSchedule', { id: ids.open, expectedVersion: 1 })
    ids.open = idIn(await run(planning, 'createSchedule', { app, slot, content }))
    await store.transaction(async (tx) => {
      await schedules.transition(tx, { id: ids.running, revision: 1 }, 'APPROVED')
      await schedules.setMore(tx, ids.running, { deliveryState: 'LIVE' })
      await schedules.transition(tx, { id: ids.ended, revision: 1 }, 'REJECTED')
    })
  })
  afterAll(() => planning.stop())

  /** All of a filtered list, read in pages of two, which must agree with its total. */
  async function all(text: string, variables: Input): Promise<string[]> {
    const seen: string[] = []
    let after: string | null = null
    for (let pages = 0; pages < 20; pages++) {
      const found = await planning.schedule.must('viewer', text, { ...variables, first: 2, after })
      const page: Page = found.schedules ?? found
      seen.push(...page.nodes.map(({ id }) => id))
      after = page.pageInfo.endCursor
      if (page.pageInfo.hasNextPage) continue
      expect(page.total).toBe(seen.length)
      return seen
    }
    throw new Error('A list without an end')
  }
  const named = (found: string[]) => found.map((id) => (Object.keys(ids) as Name[]).find((name) => ids[name] === id))
  const list = async (filter: Input | null) => named(await all(SCHEDULES, { app, filter }))
  const newestFirst: Name[] = ['open', 'ended from ever', 'ended', 'upcoming for ever', 'upcoming', 'running']

  test.each([
    [null, newestFirst],
    [{}, newestFirst],
    [{ text: '' }, newestFirst],
    [{ reviewStates: ['APPROVED', 'REJECTED'] }, ['ended', 'running']],
    [{ deliveryStates: ['LIVE', 'PAUSED'] }, ['running']],
    [{ windowStates: ['UPCOMING'] }, ['upcoming for ever', 'upcoming']],
    [{ windowStates: ['RUNNING'] }, ['open', 'running']],
    [{ windowStates: ['ENDED'] }, ['ended from ever', 'ended']],
    [{ windowStates: ['ENDED', 'RUNNING', 'UPCOMING'] }, newestFirst],
    [{ text: 'EVER' }, ['ended from ever', 'upcoming for ever']],
    [{ text: 'EVER', windowStates: ['ENDED'] }, ['ended from ever']],
    [{ text: '.*' }, []],
    [{ reviewStates: [] }, []],
    [{ deliveryStates: [] }, []],
    [{ windowStates: [] }, []],
    [{ creative: 'cre_no' }, []],
  ] as [Input | null, Name[]][])('schedules that fit %j', async (filter, expected) => {
    expect(await list(filter)).toEqual(expected)
  })

  test('schedules by when they were last changed', async () => {
    const later = new Date(planning.clock.now() + 1)
    expect(await list({ changed: { to: later } })).toEqual(newestFirst)
    expect(await list({ changed: { from: later } })).toEqual([])
    const filter = { changed: { from: later, to: later } }
    const { errors } = await planning.schedule.ask('viewer', SCHEDULES, { app, filter })
    expect(errors![0]!.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'filter.changed.to' })
  })

  test('schedules by what they book in their newest revision', async () => {
    expect(await list({ slot })).toEqual(['open'])
    expect(await list({ creative })).toEqual(['open'])
    expect(await list({ strategy })).toEqual(['open'])
    expect(await list({ slot, creative, strategy, deliveryStates: ['NONE'] })).toEqual(['open'])
    expect(await list({ slot, creative: await makeCreative(planning, app) })).toEqual([])
    const content = { name: 'ended', creatives: [{ creative }], endsAt: at(0), strategy }
    await run(planning, 'reviseSchedule', { id: ids.ended, expectedVersion: 1, content })
    expect(await list({ creative, strategy })).toEqual(['open', 'ended'])
    await run(planning, 'reviseSchedule', {
      id: ids.ended,
      expectedVersion: 2,
      content: { name: 'ended', creatives: [{ creative: await makeCreative(planning, app) }], ...WINDOWS.ended },
    })
    expect(await list({ creative })).toEqual(['open'])
    expect(await list({ strategy })).toEqual(['open'])
  })

  test.each([
    [{}, newestFirst],
    [{ from: at(30) }, ['open', 'upcoming for ever']],
    [{ from: at(30, -1) }, ['open', 'upcoming for ever', 'upcoming']],
    [{ to: at(-120) }, ['open', 'ended from ever']],
    [{ to: at(-120, 1) }, ['open', 'ended from ever', 'ended']],
    [{ from: at(0), to: at(0, 1) }, ['open', 'running']],
    [{ from: at(-90), to: at(-89) }, ['open', 'ended']],
  ] as [Input, Name[]][])('schedules whose window overlaps %j', async (period, expected) => {
    expect(await list({ period })).toEqual(expected)
  })

  test('a period whose end is not after its beginning, and long text, are refused with their path', async () => {
    const from = at(0)
    const refused = async (text: string, variables: Input) => {
      const { errors } = await planning.schedule.ask('viewer', text, variables)
      return errors![0]!.extensions
    }
    for (const to of [from, at(-1)]) {
      const filter = { period: { from, to } }
      const expected = { code: 'BAD_USER_INPUT', path: 'filter.period.to' }
      expect(await refused(SCHEDULES, { app, filter })).toMatchObject(expected)
      expect(await refused(IN_SLOT, { id: slot, filter })).toMatchObject(expected)
    }
    for (const text of [SCHEDULES, SLOTS, APPS]) {
      const variables = text === APPS ? {} : { app }
      const filter = { text: 'x'.repeat(201) }
      expect(await refused(text, { ...variables, filter })).toMatchObject({
        code: 'BAD_USER_INPUT',
        path: 'filter.text',
      })
      expect(await all(text, { ...variables, filter: { text: 'x'.repeat(200) } })).toEqual([])
    }
  })

  test('the state of a window follows the clock, to the millisecond', async () => {
    const states = async () => {
      const query = 'query ($app: ID!) { schedules(app: $app) { nodes { id windowState } } }'
      const { nodes } = await planning.schedule.must('viewer', query, { app })
      return Object.fromEntries(nodes.map(({ id, windowState }: Input) => [named([id])[0], windowState]))
    }
    const constant = { open: 'RUNNING', 'upcoming for ever': 'UPCOMING', ended: 'ENDED', 'ended from ever': 'ENDED' }
    expect(await states()).toEqual({ ...constant, running: 'RUNNING', upcoming: 'UPCOMING' })
    planning.clock.advance(1)
    expect(await states()).toEqual({ ...constant, running: 'ENDED', upcoming: 'RUNNING' })
    expect(await list({ windowStates: ['RUNNING'] })).toEqual(['open', 'upcoming'])
    planning.clock.advance(-1)
  })

  test('the schedules of a slot are narrowed and paged like a list of schedules', async () => {
    const own = await makeSlot(planning, app)
    const made: string[] = []
    for (const name of ['one', 'two', 'three', 'four', 'five']) {
      planning.clock.advance(1)
      const content = { name, creatives: [{ creative: await makeCreative(planning, app) }] }
      made.unshift(idIn(await run(planning, 'createSchedule', { app, slot: own, content })))
    }
    expect(await all(IN_SLOT, { id: own })).toEqual(made)
    expect(await all(IN_SLOT, { id: own, filter: { text: 'O' } })).toEqual([made[1], made[3], made[4]])
    expect(await all(IN_SLOT, { id: own, filter: { slot } })).toEqual([])
    for (const id of made) await run(planning, 'archiveSchedule', { id, expectedVersion: 1 })
    expect(await all(IN_SLOT, { id: own })).toEqual([])
    expect(await all(IN_SLOT, { id: own, filter: { archived: true, text: 'five' } })).toEqual([made[0]])
  })

  test('slots are narrowed by name or code, and archived ones are listed when asked for', async () => {
    const other = await makeApp(planning)
    const banner = await makeSlot(planning, other, { code: 'home.banner', name: 'Top' })
    const pop = await makeSlot(planning, other, { code: 'home.pop', name: 'Banner of old' })
    const feed = await makeSlot(planning, other, { code: 'feed', name: 'Feed' })
    const found = (filter: Input | null) => all(SLOTS, { app: other, filter })
    expect(await found(null)).toEqual([feed, banner, pop])
    expect(await found({ text: 'bAnNeR' })).toEqual([banner, pop])
    expect(await found({ text: 'home.' })).toEqual([banner, pop])
    await run(planning, 'archiveSlot', { id: pop, expectedVersion: 1 })
    expect(await found({ archived: false })).toEqual([feed, banner])
    expect(await found({ archived: true })).toEqual([pop])
    expect(await found({ archived: true, text: 'feed' })).toEqual([])
  })

  test('apps are those in which the caller has a role, narrowed by name or code', async () => {
    const one = await makeApp(planning, { name: 'Reader of books' })
    const two = await makeApp(planning, { name: 'Shop' })
    await makeApp(planning, { name: 'Not yours: a shop' })
    const ask = async (apps: string[], filter: Input | null = null) => {
      const authorization = `Bearer ${await tokenFor('viewer', apps)}`
      const request = { query: APPS, variables: { filter, first: 100 } }
      const { data } = await planning.schedule.subgraph.execute(request, { authorization, requestId: 'test' })
      const { nodes, total } = data!.list as Page
      expect(total).toBe(nodes.length)
      return nodes.map(({ id }) => id)
    }
    expect(await ask([two, one, 'nothing'])).toEqual([one, two].sort())
    expect(await ask([one, two], { text: 'SHOP' })).toEqual([two])
    expect(await ask([one, two], { text: one })).toContain(one)
    expect(await ask(['nothing'])).toEqual([])
    expect(await ask(['*'], { text: 'shop' })).toHaveLength(2)
    expect(await ask(['*'])).toEqual((await all(APPS, {})).slice(0, 100))
    expect(await planning.schedule.codeOf(undefined, APPS)).toBe('UNAUTHENTICATED')
  })

  test('an unknown role gives no app', async () => {
    const token = await signToken(tokenSettings, { actor: 'nobody', roles: { [app]: [] } })
    const headers = { authorization: `Bearer ${token}`, requestId: 'test' }
    const { data } = await planning.schedule.subgraph.execute({ query: APPS }, headers)
    expect(data!.list).toMatchObject({ nodes: [], total: 0 })
  })
})
