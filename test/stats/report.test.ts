import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { signToken } from '../../common/access/tokens.ts'
import { DAY_MS, floorTo, HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { rollups } from '../../subgraphs/stats/repository.ts'
import {
  NOW,
  type PlannedApp,
  planApp,
  type Question,
  RECORD,
  type Report,
  startStats,
  type TestStats,
} from '../support/stats.ts'
import { describeEachStore } from '../support/stores.ts'
import { tokenSettings } from '../support/subgraphs.ts'

const STATS = `query ($representations: [_Any!]!, $from: DateTime!, $to: DateTime!, $interval: ReportInterval) {
  _entities(representations: $representations) {
    ... on Schedule { stats(from: $from, to: $to, interval: $interval) {
      rows { id at until impressions clicks conversions ctr } total { impressions clicks conversions ctr }
    } }
  }
}`
const QUESTION = `query ($app: ID!, $ids: [ID!], $from: DateTime!, $to: DateTime!, $interval: ReportInterval!) {
  report(app: $app, by: SCHEDULE, ids: $ids, from: $from, to: $to, interval: $interval) { total { impressions } }
}`

describeEachStore('A report', (open) => {
  let stats: TestStats
  let home: PlannedApp
  let berlin: PlannedApp
  let saoPaulo: PlannedApp
  beforeAll(async () => {
    const store = await open()
    stats = await startStats(store)
    home = await planApp(store, 'home')
    berlin = await planApp(store, 'berlin', 'Europe/Berlin')
    saoPaulo = await planApp(store, 'sao-paulo', 'America/Sao_Paulo')
    await seen(home, ['2031-05-01T10:00:00Z', '2031-05-01T10:59:59.999Z', '2031-05-01T11:00:00Z'])
    await seen(home, ['2031-05-01T10:30:00Z'], { type: 'CLICK' })
    await seen(home, ['2031-05-01T10:30:00Z'], { schedule: null, creative: home.fallback, type: 'CLICK' })
    // The nights of 30 and 31 March 2030, when Berlin's clocks go forward.
    await seen(berlin, ['2030-03-30T22:59:59Z', '2030-03-30T23:00:00Z', '2030-03-31T21:59:59Z', '2030-03-31T22:00:00Z'])
    // 4 November 2018 has no midnight in Sao Paulo: it begins at 01:00, which is 03:00 UTC.
    await seen(saoPaulo, [
      '2018-11-04T02:59:59Z',
      '2018-11-04T03:00:00Z',
      '2018-11-05T01:59:59Z',
      '2018-11-05T02:00:00Z',
    ])
    await stats.fold()
  })
  afterAll(() => stats.stop())

  let ids = 0
  async function seen({ app, slot, schedule, creative }: PlannedApp, times: string[], change: object = {}) {
    const { type = 'IMPRESSION', ...other } = change as { type?: string }
    const events = times.map((at) => ({ id: `e${ids++}`, type, at, source: { slot, schedule, creative, ...other } }))
    await stats.api.must('operator', RECORD, { input: { app, events } })
  }

  const rowsOf = async (planned: PlannedApp, question: Question) => {
    const { rows } = await stats.report(planned.app, { ids: [planned.schedule], ...question })
    return rows.map(({ at, impressions, clicks }) => [at.slice(0, 16), impressions, clicks])
  }

  test('has rows by time, then by id, with a ctr where there were impressions', async () => {
    const { rows, total } = await stats.report('home', {
      from: '2031-05-01T10:00Z',
      to: '2031-05-01T12:00Z',
      interval: 'HOUR',
    })
    const ten = { at: '2031-05-01T10:00:00.000Z', until: '2031-05-01T11:00:00.000Z' }
    const eleven = { at: '2031-05-01T11:00:00.000Z', until: '2031-05-01T12:00:00.000Z' }
    expect(rows).toEqual([
      { id: 'fallback', ...ten, impressions: 0, clicks: 1, conversions: 0, ctr: null },
      { id: home.schedule, ...ten, impressions: 2, clicks: 1, conversions: 0, ctr: 0.5 },
      { id: home.schedule, ...eleven, impressions: 1, clicks: 0, conversions: 0, ctr: 0 },
    ])
    expect(total).toEqual({ impressions: 3, clicks: 2, conversions: 0, ctr: 2 / 3 })
  })

  test('rounds its period out to the interval', async () => {
    const within = { from: '2031-05-01T10:45:30Z', to: '2031-05-01T10:45:31Z' }
    expect(await rowsOf(home, { ...within, interval: 'HOUR' })).toEqual([['2031-05-01T10:00', 2, 1]])
    expect(await rowsOf(home, { ...within, interval: 'DAY' })).toEqual([['2031-05-01T00:00', 3, 1]])
    expect(await rowsOf(home, { ...within, interval: 'MINUTE' })).toEqual([])
    const last = { from: '2031-05-01T10:59:30Z', to: '2031-05-01T11:00:00.001Z' }
    expect(await rowsOf(home, { ...last, interval: 'MINUTE' })).toEqual([
      ['2031-05-01T10:59', 1, 0],
      ['2031-05-01T11:00', 1, 0],
    ])
    const upToTheHour = { from: '2031-05-01T10:00:00Z', to: '2031-05-01T11:00:00Z' }
    expect(await rowsOf(home, { ...upToTheHour, interval: 'HOUR' })).toEqual([['2031-05-01T10:00', 2, 1]])
  })

  test('has days of the zone of the app, over a change of its clocks', async () => {
    const days = { from: '2030-03-30T12:00Z', to: '2030-04-01T12:00Z', interval: 'DAY' }
    expect(await rowsOf(berlin, days)).toEqual([
      ['2030-03-29T23:00', 1, 0],
      ['2030-03-30T23:00', 2, 0],
      ['2030-03-31T22:00', 1, 0],
    ])
    expect(await rowsOf(berlin, { ...days, from: '2030-03-30T23:00Z', to: '2030-03-31T22:00Z' })).toEqual([
      ['2030-03-30T23:00', 2, 0],
    ])
  })

  test('has a day without midnight', async () => {
    const days = { from: '2018-11-03T12:00Z', to: '2018-11-05T12:00Z', interval: 'DAY' }
    expect(await rowsOf(saoPaulo, days)).toEqual([
      ['2018-11-03T03:00', 1, 0],
      ['2018-11-04T03:00', 2, 0],
      ['2018-11-05T02:00', 1, 0],
    ])
  })

  test('has no rows for ids without events, and none for no ids', async () => {
    const day = { from: '2031-05-01T00:00Z', to: '2031-05-02T00:00Z', interval: 'DAY' }
    const nothing = { rows: [], total: { impressions: 0, clicks: 0, conversions: 0, ctr: null } }
    expect(await stats.report('home', { ...day, ids: ['sch_none'] })).toEqual(nothing)
    expect(await stats.report('home', { ...day, ids: [] })).toEqual(nothing)
    expect(await stats.report('home', { ...day, ids: [berlin.schedule] })).toEqual(nothing)
  })

  const codeOf = (change: object, actor: string | undefined = 'viewer') => {
    const hour = { from: new Date(NOW - HOUR_MS), to: new Date(NOW), interval: 'TOTAL' }
    return stats.api.codeOf(actor, QUESTION, { app: 'home', ...hour, ...change })
  }
  const before = (ms: number) => ({ from: new Date(NOW - ms) })

  test.each([
    ['MINUTE', DAY_MS],
    ['HOUR', 31 * DAY_MS],
    ['DAY', 3_660 * DAY_MS],
    ['TOTAL', 366 * DAY_MS],
  ])('by %s spans at most what the schema says', async (interval, longest) => {
    expect(await codeOf({ interval, ...before(longest) })).toBeUndefined()
    expect(await codeOf({ interval, ...before(longest + 1) })).toBe('LIMIT_EXCEEDED')
  })

  test('needs a period that is not empty, at most 1,000 ids, and an app that exists', async () => {
    expect(await codeOf(before(0))).toBe('BAD_USER_INPUT')
    expect(await codeOf(before(-MINUTE_MS))).toBe('BAD_USER_INPUT')
    expect(await codeOf({ ids: Array.from({ length: 1_000 }, (_, n) => `sch_${n}`) })).toBeUndefined()
    expect(await codeOf({ ids: Array.from({ length: 1_001 }, (_, n) => `sch_${n}`) })).toBe('BAD_USER_INPUT')
    expect(await codeOf({ app: 'none' })).toBe('NOT_FOUND')
  })

  /** An hour of UTC, as rollups have it. */
  const hour = (at: number) => {
    const day = floorTo(at, DAY_MS)
    return { at, until: at + HOUR_MS, within: { at: day, until: day + DAY_MS } }
  }

  test('of more than 20,000 rows is refused, and one of exactly 20,000 is not', async () => {
    const { store } = stats.services
    const from = Date.parse('2029-01-01T00:00:00Z')
    const many = Array.from({ length: 20_001 }, (_, n) => ({
      ...{ app: 'home', unit: 'HOUR' as const, slot: 's', creative: 'c', schedule: `sch_${Math.floor(n / 720)}` },
      ...hour(from + (n % 720) * HOUR_MS),
      ...{ impressions: 1, clicks: 0, conversions: 0 },
    }))
    for (let at = 0; at < 20_000; at += 2_000) {
      await store.transaction((tx) => rollups.add(tx, many.slice(at, at + 2_000), NOW))
    }
    const period = { from: new Date(from), to: new Date(from + 30 * DAY_MS), interval: 'HOUR' }
    expect(await codeOf(period)).toBeUndefined()
    await store.transaction((tx) => rollups.add(tx, many.slice(20_000), NOW))
    expect(await codeOf(period)).toBe('LIMIT_EXCEEDED')
    expect(await codeOf({ ...period, interval: 'TOTAL' })).toBeUndefined()
  })

  test('is for those who may read in the app', async () => {
    const period = { from: '2031-05-01T00:00:00Z', to: '2031-05-02T00:00:00Z', interval: 'TOTAL' }
    expect(await stats.api.codeOf(undefined, QUESTION, { app: 'home', ...period })).toBe('UNAUTHENTICATED')
    for (const actor of ['viewer', 'operator', 'reviewer', 'publisher', 'admin']) {
      expect(await codeOf({}, actor)).toBeUndefined()
    }
  })

  const reportsOf = async (schedules: string[], period: object): Promise<Report[]> => {
    const representations = schedules.map((id) => ({ __typename: 'Schedule', id }))
    const { data, errors } = await stats.api.ask('viewer', STATS, { representations, ...period })
    expect(errors).toBeUndefined()
    return (data!._entities as { stats: Report }[]).map(({ stats }) => stats)
  }

  test('of a schedule is what `report` says, at every interval', async () => {
    for (const [planned, from, to] of [
      [home, '2031-05-01T10:10:00Z', '2031-05-01T10:50:00Z'],
      [berlin, '2030-03-30T23:30:00Z', '2030-03-31T21:00:00Z'],
      [saoPaulo, '2018-11-04T03:00:00Z', '2018-11-05T02:00:00Z'],
    ] as const) {
      for (const interval of ['MINUTE', 'HOUR', 'DAY', 'TOTAL']) {
        const expected = await stats.report(planned.app, { ids: [planned.schedule], from, to, interval })
        expect(await reportsOf([planned.schedule], { from, to, interval })).toEqual([expected])
      }
    }
    const [byDefault] = await reportsOf([home.schedule], { from: '2031-05-01T10:00:00Z', to: '2031-05-01T11:00:00Z' })
    expect(byDefault!.rows).toMatchObject([{ impressions: 2 }])
  })

  test('of a page of 100 schedules is one read', async () => {
    const others = Array.from({ length: 98 }, (_, n) => `sch_page_${n}`)
    const commands: string[] = []
    const listen = ({ commandName }: { commandName: string }) => void commands.push(commandName)
    stats.services.store.client.on('commandStarted', listen)
    const period = { from: '2031-05-01T00:00:00Z', to: '2031-05-02T00:00:00Z' }
    const found = await reportsOf([home.schedule, ...others, berlin.schedule], period)
    stats.services.store.client.off('commandStarted', listen)
    expect(commands).toEqual(['aggregate'])
    expect(found).toHaveLength(100)
    expect(found.map(({ total }) => total.impressions)).toEqual([3, ...others.map(() => 0), 0])
  })

  test('of a schedule is for those who may read in its app; the others on the page are answered', async () => {
    const { subgraph } = stats.api
    const token = await signToken(tokenSettings, { actor: 'viewer', roles: { home: ['viewer'] } })
    const representations = [home, berlin].map(({ schedule: id }) => ({ __typename: 'Schedule', id }))
    const variables = { representations, from: '2030-06-01T00:00:00Z', to: '2031-05-02T00:00:00Z' }
    await seen(berlin, ['2030-06-01T00:00:00Z'])
    await stats.fold()
    const headers = { authorization: `Bearer ${token}`, requestId: 'test' }
    const { data, errors } = await subgraph.execute({ query: STATS, variables }, headers)
    expect(errors?.map(({ extensions }) => extensions?.code)).toEqual(['FORBIDDEN'])
    expect(data!._entities).toMatchObject([{ stats: { total: { impressions: 3 } } }, { stats: null }])
    expect(await stats.api.codeOf(undefined, STATS, variables)).toBe('UNAUTHENTICATED')
  })

  test('counts beyond what GraphQL calls an Int', async () => {
    const at = Date.parse('2028-01-01T00:00:00Z')
    const { slot, schedule, creative } = home
    const key = { app: 'home', unit: 'HOUR' as const, ...hour(at), slot, schedule, creative }
    const counts = { impressions: 5_000_000_000, clicks: 0, conversions: 0 }
    await stats.services.store.transaction((tx) => rollups.add(tx, [{ ...key, ...counts }], NOW))
    const { total } = await stats.report('home', { from: at, to: at + 1, interval: 'TOTAL' })
    expect(total.impressions).toBe(5_000_000_000)
  })
})
