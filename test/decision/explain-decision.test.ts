import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { writeCapToken } from '../../engine/decision/cap-token.ts'
import { count, hash48 } from '../../engine/decision/caps.ts'
import { compileSlot } from '../../engine/decision/compile-slot.ts'
import { decide } from '../../engine/decision/decide.ts'
import {
  type DecisionExplanation,
  explainDecision,
  explainRequest,
  type ScheduleExplanation,
} from '../../engine/decision/explain-decision.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import type { Publication, PublishedCreative, PublishedEntry } from '../../engine/publication/types.ts'
import { readContext } from '../../engine/targeting/context.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { HOUR_MS } from '../../engine/time/days.ts'
import { context } from '../support/arbitrary-constraint.ts'
import { instant, largePublication, publication } from '../support/arbitrary-publication.ts'
import { nothingServed } from '../support/plain-caps.ts'

const keys = deriveSigningKeys('a secret for tests of 32 characters or more')
const NOW = Date.parse('2026-05-01T08:00:00Z')
const chance = fc.nat(2 ** 32 - 1).map((drawn) => drawn / 2 ** 32)

const creative = (id: string): PublishedCreative & { weight: number } => {
  return { id, revision: 1, title: id, text: null, image: null, link: null, data: null, weight: 1 }
}

const entry = (id: string, change: Partial<PublishedEntry> = {}): PublishedEntry => ({
  ...{ schedule: { id, revision: 3 }, strategy: null, startsAt: null, endsAt: null, priority: 0, weight: 1 },
  ...{ segments: [], constraint: null, rollout: null, times: null, exclusive: false, caps: [] },
  creatives: [creative(`cre_${id}`)],
  ...change,
})

type Change = Partial<Omit<Publication, 'slot'>> & { slot?: Partial<Publication['slot']> }

function publish(entries: PublishedEntry[], { slot, ...change }: Change = {}): Publication {
  const home = { id: 'slo_1', code: 'home.banner', capacity: 1, rotationSeconds: 3600, caps: [], ...slot }
  return {
    ...{ kind: 'slot', app: 'shop', epoch: 1, revision: 5, slot: home, stopped: false, fallback: [], entries },
    ...change,
  }
}

function explain(of: Publication, request: RequestContext = { userId: 'ann' }, at = NOW): DecisionExplanation {
  return explainRequest(compileSlot(of, keys), request, { now: at, zone: 'UTC', random: () => 0.5 })
}

/** The only schedule's. */
function reasonOf(change: Partial<PublishedEntry>, request?: RequestContext): ScheduleExplanation {
  return explain(publish([entry('a', change)]), request).schedules[0]!
}

test('what is shown is said with its creative; the answer is that of the decision', () => {
  const { schedules, ...decision } = explain(publish([entry('a')]))
  expect(decision).toMatchObject({ slot: 'home.banner', at: NOW, reason: 'MATCHED', revision: 5, chance: false })
  expect(schedules).toEqual([
    {
      ...{ schedule: { id: 'a', revision: 3 }, priority: 0, startsAt: null, endsAt: null },
      ...{ reason: 'SHOWN', creative: decision.creatives[0] },
    },
  ])
})

test('a window that is not open is named, and so are closed times within it', () => {
  const closed = { zone: 'UTC', dayParts: [], excludedDates: ['2026-05-01'], recurrence: null }
  expect(reasonOf({ startsAt: NOW + 1 })).toMatchObject({ reason: 'WINDOW', startsAt: NOW + 1, endsAt: null })
  expect(reasonOf({ endsAt: NOW })).toMatchObject({ reason: 'WINDOW', endsAt: NOW })
  expect(reasonOf({ times: closed })).toMatchObject({ reason: 'DAY_PART' })
})

test('the comparison that decided is named, with what it wants and what the request holds', () => {
  const vip = { dimension: 'tags', operator: 'IN', values: ['vip'] } as const
  const constraint = { all: [{ all: [] }, { ...vip, values: ['vip'] }] }
  const comparison = { path: 'all[1]', ...vip, held: ['new'] }
  expect(reasonOf({ constraint }, { tags: ['new'] })).toMatchObject({ reason: 'CONSTRAINT', constraint: comparison })
})

test('a rollout is explained by the bucket of the user, and by how many are let in', () => {
  const rollout = { buckets: 1, stickiness: null, group: 'spring' }
  const out = reasonOf({ rollout })
  expect(out).toMatchObject({ reason: 'ROLLOUT', rollout: { buckets: 1, bucket: expect.any(Number) } })
  const { bucket } = (out as Extract<ScheduleExplanation, { reason: 'ROLLOUT' }>).rollout
  expect(reasonOf({ rollout: { ...rollout, buckets: bucket! } })).toMatchObject({ reason: 'ROLLOUT' })
  expect(reasonOf({ rollout: { ...rollout, buckets: bucket! + 1 } })).toMatchObject({ reason: 'SHOWN' })
  expect(reasonOf({ rollout }, {})).toMatchObject({ rollout: { bucket: null, buckets: 1 } })
})

test('caps of a schedule, and of the slot, are explained by the token, which stays as it is', () => {
  const cap = { count: 2, every: 1, unit: 'DAY' } as const
  const capped = (of: Publication) => {
    const slot = compileSlot(of, keys)
    const counters = nothingServed('UTC', hash48('ann'))
    for (let served = 0; served < 2; served += 1) count(counters, slot.caps ?? slot.entries[0]!.caps!, NOW)
    const request = { userId: 'ann', capToken: writeCapToken(counters, NOW) }
    return {
      ...explainRequest(slot, request, { now: NOW, zone: 'UTC', random: () => 0.5 }),
      next: explain(of, request, NOW + 24 * HOUR_MS),
    }
  }
  const ofSchedule = capped(publish([entry('a', { caps: [cap] })]))
  expect(ofSchedule).toMatchObject({ reason: 'EMPTY', schedules: [{ reason: 'CAP', cap: { limit: cap, times: 2 } }] })
  expect(ofSchedule.next.schedules).toMatchObject([{ reason: 'SHOWN' }])
  const ofSlot = capped(publish([entry('a')], { slot: { caps: [cap] } }))
  expect(ofSlot).toMatchObject({ reason: 'EMPTY', schedules: [{ reason: 'SLOT_CAP', cap: { limit: cap, times: 2 } }] })

  const slot = compileSlot(publish([entry('a', { caps: [{ ...cap, count: 1 }] })]), keys)
  const counters = nothingServed()
  const explained = () => explainDecision(slot, readContext({ userId: 'ann' }), NOW, () => 0.5, counters).reason
  expect([explained(), explained(), counters.byId.size]).toEqual(['MATCHED', 'MATCHED', 0])
})

test('who comes too late is told by whom: places that are filled, creatives that are shown, a schedule that is alone', () => {
  const reasons = (of: Publication) => explain(of).schedules.map(({ schedule, reason }) => `${schedule.id} ${reason}`)
  const twin = entry('b', { priority: 1, creatives: [creative('cre_a')] })
  const three = [entry('c'), twin, entry('a', { priority: 2 })]
  expect(reasons(publish(three))).toEqual(['a SHOWN', 'b CAPACITY', 'c CAPACITY'])
  expect(reasons(publish(three, { slot: { capacity: 2 } }))).toEqual(['a SHOWN', 'b DUPLICATE', 'c SHOWN'])
  const alone = entry('z', { exclusive: true, priority: -5 })
  const nobody = entry('y', { exclusive: true, priority: 9, constraint: { not: { all: [] } } })
  expect(explain(publish([...three, alone, nobody], { slot: { capacity: 3 } })).schedules).toMatchObject([
    { schedule: { id: 'y' }, reason: 'CONSTRAINT' },
    { schedule: { id: 'z' }, reason: 'SHOWN' },
    ...['a', 'b', 'c'].map((id) => ({ schedule: { id }, reason: 'EXCLUSIVE', exclusive: 'z' })),
  ])
})

test('in a stopped slot everything is stopped, and a fallback is no schedule', () => {
  expect(explain(publish([entry('a')], { stopped: true }))).toMatchObject({
    ...{ reason: 'STOPPED', creatives: [], schedules: [{ reason: 'STOPPED' }] },
  })
  const late = entry('a', { startsAt: NOW + 1 })
  expect(explain(publish([late], { fallback: [creative('house')] }))).toMatchObject({
    ...{ reason: 'FALLBACK', creatives: [{ id: 'house' }], schedules: [{ reason: 'WINDOW' }] },
  })
})

/** Rules in the order in which they are asked; a schedule that passes one gets a reason further on. */
const RULES = [
  ...['STOPPED', 'SLOT_CAP', 'WINDOW', 'DAY_PART', 'CONSTRAINT', 'ROLLOUT', 'CAP', 'EXCLUSIVE'],
  ...['CAPACITY', 'DUPLICATE', 'SHOWN'],
]

/** The publication without what kept the schedule out, and nothing else changed. */
function without({ schedule, reason }: ScheduleExplanation, of: Publication): Publication {
  const change = (make: (entry: PublishedEntry) => Partial<PublishedEntry>, isOther = false) => ({
    ...of,
    entries: of.entries.map((one) => ((one.schedule.id === schedule.id) !== isOther ? { ...one, ...make(one) } : one)),
  })
  const removals: Record<string, () => Publication> = {
    STOPPED: () => ({ ...of, stopped: false }),
    SLOT_CAP: () => ({ ...of, slot: { ...of.slot, caps: [] } }),
    WINDOW: () => change(() => ({ startsAt: null, endsAt: null, times: null })),
    DAY_PART: () => change(() => ({ times: null })),
    CONSTRAINT: () => change(() => ({ constraint: null })),
    ROLLOUT: () => change(() => ({ rollout: null })),
    CAP: () => change(() => ({ caps: [] })),
    EXCLUSIVE: () => change(() => ({ exclusive: false }), true),
    CAPACITY: () => ({ ...of, slot: { ...of.slot, capacity: of.entries.length } }),
    DUPLICATE: () => change(() => ({ creatives: [creative('fresh')] })),
  }
  return removals[reason]!()
}

/** Explains several requests of one user, one after another, and holds each against its decision. */
function holdAgainstDecisions(of: Publication, request: RequestContext, instants: readonly number[], random: number) {
  const asked = { slot: compileSlot(of, keys), context: readContext(request) }
  const counters = nothingServed()
  const explainIn = (other: Publication, now: number) =>
    explainDecision(compileSlot(other, keys), asked.context, now, () => random, counters)
  for (const now of instants.toSorted((a, b) => a - b)) {
    const { schedules, at, ...explained } = explainDecision(asked.slot, asked.context, now, () => random, counters)
    const others = schedules.filter(({ reason }) => reason !== 'SHOWN').slice(0, 3)
    const later = others.map((one) => {
      const after = explainIn(without(one, of), now).schedules.find(({ schedule }) => schedule.id === one.schedule.id)!
      return { one: one.reason, after: after.reason }
    })
    const { validUntil: _, ...decision } = decide(asked.slot, asked.context, now, () => random, counters)
    expect([at, explained]).toEqual([now, decision])
    expect(schedules.map(({ schedule }) => schedule.id).toSorted()).toEqual(
      of.entries.map(({ schedule }) => schedule.id).toSorted(),
    )
    const shown = schedules.flatMap((one) => (one.reason === 'SHOWN' ? [one.creative] : []))
    expect(shown).toEqual(decision.reason === 'MATCHED' ? decision.creatives : [])
    for (const { one, after } of later) expect(RULES.indexOf(after)).toBeGreaterThan(RULES.indexOf(one))
  }
}

test('what is explained is what is decided, in its order; without the rule that is named, the next one decides', () => {
  const requests = fc.array(instant, { minLength: 4, maxLength: 4 })
  fc.assert(fc.property(publication, context, requests, chance, holdAgainstDecisions), { numRuns: 1000 })
})

test('the same holds for large tiers', () => {
  const requests = fc.array(instant, { minLength: 2, maxLength: 2 })
  fc.assert(fc.property(largePublication(70), context, requests, chance, holdAgainstDecisions), { numRuns: 100 })
})
