import { beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { schedules } from '../../subgraphs/schedule/repository.ts'
import {
  failure,
  type Input,
  idIn,
  makeApp,
  makeCreative,
  makeSlot,
  type Planning,
  run,
  startPlanning,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

const TIMES = `query ($id: ID!) { schedule(id: $id) {
  zone dayParts { days from to } excludedDates recurrence exclusive windowState } }`

describeEachStore('The times of schedules', (open) => {
  let store: Store
  let planning: Planning
  let app: string
  let slot: string
  let creative: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning, { zone: 'Asia/Shanghai' })
    slot = await makeSlot(planning, app)
    creative = await makeCreative(planning, app)
  })

  const contentOf = (times: Input) => ({ name: 'S', creatives: [{ creative }], ...times })
  const book = async (times: Input) =>
    idIn(await run(planning, 'createSchedule', { app, slot, content: contentOf(times) }))
  const refused = (times: Input) => failure(planning, 'createSchedule', { app, slot, content: contentOf(times) })
  const read = (id: string) => planning.schedule.must('viewer', TIMES, { id })
  const stored = async (id: string, revision = 1) => (await schedules.atPins(store, [{ id, revision }]))[0]!.content
  const DAY_PART = { days: ['MONDAY'], from: '09:00', to: '17:30' }
  const START = '2026-06-01T00:00:00Z'

  test('are kept clean: days and dates in order and each once, times of day in minutes, a recurrence written in one way', async () => {
    const id = await book({
      ...{ startsAt: START, zone: 'Europe/Berlin', exclusive: true, recurrence: 'rrule:byday=mo,fr;freq=weekly' },
      dayParts: [
        { days: ['FRIDAY', 'MONDAY', 'FRIDAY'], from: '09:00', to: '17:30' },
        { days: ['SUNDAY'], from: '22:00', to: '00:00' },
        { days: ['SUNDAY'], from: '00:00', to: '24:00' },
        { days: ['SATURDAY'], from: '22:00', to: '02:05' },
      ],
      excludedDates: ['2026-12-25', '2026-06-08', '2026-12-25'],
    })
    expect(await read(id)).toMatchObject({
      ...{ zone: 'Europe/Berlin', recurrence: 'FREQ=WEEKLY;BYDAY=MO,FR', exclusive: true },
      dayParts: [
        { days: ['MONDAY', 'FRIDAY'], from: '09:00', to: '17:30' },
        { days: ['SUNDAY'], from: '22:00', to: '24:00' },
        { days: ['SUNDAY'], from: '00:00', to: '24:00' },
        { days: ['SATURDAY'], from: '22:00', to: '02:05' },
      ],
      excludedDates: ['2026-06-08', '2026-12-25'],
    })
    expect((await stored(id)).dayParts.slice(0, 2)).toEqual([
      { days: [1, 5], from: 540, to: 1_050 },
      { days: [7], from: 1_320, to: 1_440 },
    ])
  })

  test('null means left out, and the zone is then the time zone of the app at that moment', async () => {
    const other = await makeApp(planning, { zone: 'Asia/Shanghai' })
    const place = { app: other, slot: await makeSlot(planning, other) }
    const content = { name: 'S', creatives: [{ creative: await makeCreative(planning, other) }] }
    const nothing = { zone: null, dayParts: null, excludedDates: null, recurrence: null, exclusive: null }
    const id = idIn(await run(planning, 'createSchedule', { ...place, content: { ...content, ...nothing } }))
    const plain = { zone: 'Asia/Shanghai', dayParts: [], excludedDates: [], recurrence: null, exclusive: false }
    expect(await read(id)).toMatchObject(plain)
    expect(await stored(id)).toMatchObject(plain)

    await run(planning, 'updateApp', { app: other, expectedVersion: 1, zone: 'Asia/Tokyo' })
    expect(await read(id)).toMatchObject(plain)
    await run(planning, 'reviseSchedule', { id, expectedVersion: 1, content })
    expect(await read(id)).toMatchObject({ ...plain, zone: 'Asia/Tokyo' })
    expect(await stored(id)).toMatchObject(plain)
  })

  test('a copy keeps them', async () => {
    const times = {
      zone: 'Asia/Tokyo',
      dayParts: [DAY_PART],
      excludedDates: ['2026-12-25'],
      recurrence: 'FREQ=DAILY',
      exclusive: true,
    }
    const id = await book({ ...times, startsAt: START })
    const copy = idIn(await run(planning, 'duplicateSchedule', { id, expectedVersion: 1 }))
    expect(await read(copy)).toMatchObject(times)
    expect(await stored(copy)).toEqual({ ...(await stored(id)), name: 'S (copy)' })
  })

  test('windowState depends only on start and end', async () => {
    const now = planning.clock.now()
    const content = {
      startsAt: new Date(now - 1).toISOString(),
      recurrence: 'FREQ=YEARLY;INTERVAL=2;BYMONTH=2;BYMONTHDAY=1',
    }
    expect(await read(await book(content))).toMatchObject({ windowState: 'RUNNING' })
  })

  test.each([
    ['zone', { zone: '+08:00' }, 'an IANA zone'],
    ['zone', { zone: 'Mars/Olympus' }, 'an IANA zone'],
    ['dayParts[0].days', { dayParts: [{ ...DAY_PART, days: [] }] }, 'at least 1'],
    ['dayParts[0].from', { dayParts: [{ ...DAY_PART, from: '24:00' }] }, '`00:00` to `23:59`'],
    ['dayParts[1].from', { dayParts: [DAY_PART, { ...DAY_PART, from: '9:00' }] }, '`HH:MM`'],
    ['dayParts[0].to', { dayParts: [{ ...DAY_PART, to: '24:01' }] }, '`00:00` to `24:00`'],
    ['dayParts', { dayParts: Array.from({ length: 51 }, () => DAY_PART) }, 'at most 50'],
    ['excludedDates[0]', { excludedDates: ['2026-02-30'] }, '`YYYY-MM-DD`'],
    ['excludedDates[1]', { excludedDates: ['2026-02-01', '2026-2-2'] }, '`YYYY-MM-DD`'],
    ['recurrence', { startsAt: START, recurrence: 'FREQ=HOURLY' }, 'DAILY, WEEKLY, MONTHLY and YEARLY'],
    ['recurrence', { startsAt: START, recurrence: 'FREQ=DAILY;BYHOUR=9' }, 'dayParts'],
    ['recurrence', { startsAt: START, recurrence: `FREQ=DAILY;${' '.repeat(490)}X` }, 'at most 500'],
    ['recurrence', { recurrence: 'FREQ=DAILY' }, 'needs startsAt'],
    ['recurrence', { startsAt: START, recurrence: 'FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30' }, 'must name a day'],
    ['recurrence', { startsAt: START, recurrence: 'FREQ=YEARLY;COUNT=12' }, 'UNTIL'],
  ])('%s of %j is refused', async (path, times, message) => {
    expect(await refused(times)).toMatchObject({
      ...{ code: 'BAD_USER_INPUT', path: `input.content.${path}` },
      message: expect.stringContaining(message),
    })
  })

  test('a recurrence counts from the day of startsAt in the zone of the schedule', async () => {
    const lastDay = { startsAt: '2026-06-01T20:00:00Z', recurrence: 'FREQ=DAILY;UNTIL=20260601' }
    await book({ ...lastDay, zone: 'UTC' })
    expect(await refused(lastDay)).toMatchObject({ path: 'input.content.recurrence' }) // in Shanghai it is June 2 already
  })

  test('up to 50 day parts and 366 excluded dates are taken, each date counted once', async () => {
    const dates = Array.from({ length: 367 }, (_, day) =>
      new Date(Date.UTC(2027, 0, 1 + day)).toISOString().slice(0, 10),
    )
    const most = dates.slice(0, 366)
    await book({ dayParts: Array.from({ length: 50 }, () => DAY_PART), excludedDates: [...most, most[0]] })
    expect(await refused({ excludedDates: dates })).toMatchObject({ path: 'input.content.excludedDates' })
  })
})
