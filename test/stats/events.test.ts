import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { startOfDay } from '../../engine/time/periods.ts'
import { createEventRecorder } from '../../subgraphs/stats/event-recorder.ts'
import { connectMongoEventStream } from '../../subgraphs/stats/mongo-event-stream.ts'
import { statsChecks } from '../../subgraphs/stats/monitoring.ts'
import { tallies } from '../../subgraphs/stats/repository.ts'
import { eventsOf, NOW, type PlannedApp, planApp, RECORD, startStats, type TestStats } from '../support/stats.ts'
import { describeEachStore } from '../support/stores.ts'

const ago = (ms: number) => new Date(NOW - ms).toISOString()
const ALL_DAY = { from: '2031-05-07T00:00:00Z', to: '2031-05-08T00:00:00Z', interval: 'TOTAL' }

describeEachStore('Recording events', (open) => {
  let stats: TestStats
  let home: PlannedApp
  let other: PlannedApp
  let token: string
  let fallbackToken: string
  beforeAll(async () => {
    const store = await open()
    stats = await startStats(store)
    home = await planApp(store, 'home')
    other = await planApp(store, 'other')
    token = stats.token(home)
    fallbackToken = stats.token({ ...home, schedule: null, creative: home.fallback })
  })
  afterAll(() => stats.stop())

  const tallyOf = async (app: string) => {
    await stats.fold()
    const tally = await tallies.of(stats.services.store, app, startOfDay(NOW, 'UTC'))
    return tally ?? { accepted: 0, duplicate: 0, late: 0, forged: 0, future: 0, expired: 0, unknown: 0 }
  }

  test("an app's impressions and clicks, with the tokens it was given, are in the report", async () => {
    const answer = await stats.asApp('home', [
      ...eventsOf(4, 'shown', { type: 'IMPRESSION', token }),
      { id: 'tapped', type: 'CLICK', token },
      { id: 'bought', type: 'CONVERSION', token },
      { id: 'house', type: 'IMPRESSION', token: fallbackToken },
    ])
    expect(answer).toEqual({ data: { recordEvents: { accepted: 7, forged: 0, future: 0, expired: 0 } } })
    await stats.fold()
    const report = await stats.report('home', ALL_DAY)
    const day = { at: '2031-05-07T00:00:00.000Z', until: '2031-05-08T00:00:00.000Z' }
    expect(report).toEqual({
      rows: [
        { id: 'fallback', ...day, impressions: 1, clicks: 0, conversions: 0, ctr: 0 },
        { id: home.schedule, ...day, impressions: 4, clicks: 1, conversions: 1, ctr: 0.25 },
      ],
      total: { impressions: 5, clicks: 1, conversions: 1, ctr: 0.2 },
    })
    const bySlot = await stats.report('home', { ...ALL_DAY, by: 'SLOT' })
    expect(bySlot.rows).toMatchObject([{ id: home.slot, impressions: 5 }])
    const byCreative = await stats.report('home', { ...ALL_DAY, by: 'CREATIVE', ids: [home.fallback] })
    expect(byCreative.rows).toMatchObject([{ id: home.fallback, impressions: 1 }])
    expect((await stats.report('other', ALL_DAY)).rows).toEqual([])
  })

  test('an operator may send tokens, too', async () => {
    const input = { app: 'home', events: [{ id: 'by-operator', type: 'CLICK', token }] }
    expect(await stats.api.must('operator', RECORD, { input })).toEqual({
      accepted: 1,
      forged: 0,
      future: 0,
      expired: 0,
    })
  })

  test("forged tokens and another app's are refused one by one, reported, and tallied", async () => {
    const before = await tallyOf('home')
    const answer = await stats.asApp('home', [
      { id: 'genuine', type: 'IMPRESSION', token },
      { id: 'tampered', type: 'IMPRESSION', token: `${token.slice(0, -2)}AA` },
      { id: 'nonsense', type: 'IMPRESSION', token: '' },
      { id: 'foreign', type: 'IMPRESSION', token: stats.token(other) },
    ])
    expect(answer.data?.recordEvents).toEqual({ accepted: 1, forged: 3, future: 0, expired: 0 })
    const after = await tallyOf('home')
    expect(after.forged - before.forged).toBe(3)
    expect(after.accepted - before.accepted).toBe(1)
    expect((await stats.report('other', ALL_DAY)).rows).toEqual([])
  })

  test('a batch of nothing but forged tokens is answered and tallied', async () => {
    const answer = await stats.asApp('other', eventsOf(5, 'forged', { type: 'CLICK', token: 'x' }))
    expect(answer.data?.recordEvents).toEqual({ accepted: 0, forged: 5, future: 0, expired: 0 })
    expect(await tallyOf('other')).toMatchObject({ accepted: 0, forged: 5 })
  })

  test('events more than five minutes ahead are refused one by one and tallied', async () => {
    const before = await tallyOf('home')
    const answer = await stats.asApp('home', [
      { id: 'soon', type: 'IMPRESSION', token, at: ago(-5 * MINUTE_MS) },
      { id: 'too-soon', type: 'IMPRESSION', token, at: ago(-5 * MINUTE_MS - 1) },
    ])
    expect(answer.data?.recordEvents).toEqual({ accepted: 1, forged: 0, future: 1, expired: 0 })
    expect((await tallyOf('home')).future - before.future).toBe(1)
  })

  test('events older than 30 days are refused one by one and tallied: the rest of the batch is accepted', async () => {
    const before = await tallyOf('home')
    const answer = await stats.asApp('home', [
      { id: 'old-enough', type: 'IMPRESSION', token, at: ago(30 * 24 * HOUR_MS) },
      { id: 'too-old', type: 'IMPRESSION', token, at: ago(30 * 24 * HOUR_MS + 1) },
    ])
    expect(answer.data?.recordEvents).toEqual({ accepted: 1, forged: 0, future: 0, expired: 1 })
    expect((await tallyOf('home')).expired - before.expired).toBe(1)
  })

  test('events over 48 hours old are flagged as late and counted in their own hour', async () => {
    const before = await tallyOf('home')
    await stats.asApp('home', [
      { id: 'just-not-late', type: 'IMPRESSION', token, at: ago(48 * HOUR_MS) },
      { id: 'late', type: 'IMPRESSION', token, at: ago(48 * HOUR_MS + 1) },
      { id: 'very-late', type: 'IMPRESSION', token, at: ago(30 * 24 * HOUR_MS) },
    ])
    expect((await tallyOf('home')).late - before.late).toBe(2)
    const period = { from: ago(48 * HOUR_MS + 1), to: ago(48 * HOUR_MS - MINUTE_MS), interval: 'HOUR' }
    expect((await stats.report('home', period)).rows).toMatchObject([
      { at: '2031-05-05T08:00:00.000Z', impressions: 2 },
    ])
  })

  describe('is refused, with nothing recorded,', () => {
    const good = () => ({ id: 'good', type: 'IMPRESSION', token })
    const wrong: [string, () => object[], string][] = [
      ['without events', () => [], 'input.events'],
      ['with more than 1,000', () => eventsOf(1_001, 'many', { type: 'CLICK', token }), 'input.events'],
      ['for an id of other characters', () => [good(), { ...good(), id: 'a|b' }], 'input.events[1].id'],
      ['for an id that is too long', () => [{ ...good(), id: 'x'.repeat(65) }], 'input.events[0].id'],
      ['for neither token nor source', () => [good(), { id: 'a', type: 'CLICK' }], 'input.events[1]'],
      [
        'for token and source together',
        () => [{ ...good(), source: { slot: home.slot, creative: home.creative } }],
        'input.events[0]',
      ],
    ]
    test.each(wrong)('%s', async (_name, events, path) => {
      await stats.fold()
      const { errors } = await stats.asApp('home', events() as never)
      expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path })
      expect(await stats.stream.length()).toBe(0)
    })
  })

  test('an app records only for itself, and never with a source', async () => {
    const events = [{ id: 'a', type: 'CLICK', token }]
    expect(await stats.codeAsApp('home', events, { app: 'other' })).toBe('FORBIDDEN')
    const source = { slot: home.slot, schedule: home.schedule, creative: home.creative }
    expect(await stats.codeAsApp('home', [{ id: 'a', type: 'CLICK', source }])).toBe('FORBIDDEN')
  })

  test('without a key it takes a token with the role', async () => {
    const input = { app: 'home', events: [{ id: 'roles', type: 'CLICK', token }] }
    expect(await stats.api.codeOf(undefined, RECORD, { input })).toBe('UNAUTHENTICATED')
    for (const actor of ['viewer', 'reviewer', 'publisher']) {
      expect(await stats.api.codeOf(actor, RECORD, { input })).toBe('FORBIDDEN')
    }
    for (const actor of ['operator', 'admin']) expect(await stats.api.codeOf(actor, RECORD, { input })).toBe(undefined)
    expect(await stats.api.codeOf('admin', RECORD, { input: { ...input, app: 'none' } })).toBe('NOT_FOUND')
  })

  test('when the stream is out of reach nothing is acknowledged: UNAVAILABLE', async () => {
    const closed = await connectMongoEventStream(stats.services.store)
    await closed.close()
    const accept = createEventRecorder(stats.services, closed)
    const caller = { principal: null, requestId: 'test', appKey: { app: 'home' } }
    const recorded = accept(caller, { app: 'home', events: [{ id: 'lost', type: 'CLICK', token }] })
    await expect(recorded).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('when the stream is full, batches are UNAVAILABLE until events are folded, and `/readyz` says so', async () => {
    const small = await connectMongoEventStream(stats.services.store, 10)
    const accept = createEventRecorder(stats.services, small)
    const caller = { principal: null, requestId: 'test', appKey: { app: 'home' } }
    const send = (...ids: string[]) =>
      accept(caller, { app: 'home', events: ids.map((id) => ({ id: `full-${id}`, type: 'CLICK' as const, token })) })
    const checks = statsChecks(small, stats.worker(), () => NOW)
    await stats.fold()
    await send('1', '2', '3', '4', '5', '6', '7', '8')
    expect(await checks.stream!()).toMatchObject({
      backlog: 8,
      capacity: 10,
      warning: expect.stringMatching(/^the event stream is nearly full: 8 of at most 10 events wait to be folded/),
    })
    await expect(send('9', '10', '11')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'The event stream is full: 10 events wait to be folded. Send the same batch again later',
    })
    await send('9', '10')
    expect(await checks.stream!()).toMatchObject({
      warning: expect.stringMatching(/^no events can be accepted: 10 of/),
    })
    await expect(send('11')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await stats.fold()
    expect(await send('11')).toMatchObject({ accepted: 1 })
    expect(await checks.stream!()).toMatchObject({ backlog: 1, warning: undefined })
    await small.close()
  })

  test('events of an unknown app are tallied separately, and an invalid record blocks nothing', async () => {
    const event = { app: 'gone', id: 'a', type: 'CLICK', at: NOW, slot: 's', schedule: null, creative: 'c' }
    const unknown = JSON.stringify({ ...event, acceptedAt: NOW })
    await stats.stream.append(['not JSON', '{"app":"home"}', 'null', unknown])
    await stats.asApp('home', [{ id: 'after-nonsense', type: 'CONVERSION', token: fallbackToken }])
    expect(await tallyOf('gone')).toMatchObject({ accepted: 1, unknown: 1 })
    const report = await stats.report('home', { ...ALL_DAY, ids: ['fallback'] })
    expect(report.total.conversions).toBe(1)
  })
})
