// Random publications over small alphabets, so that creatives, instants and what is asked for meet often.

import fc from 'fast-check'
import type {
  FrequencyCap,
  Pin,
  Publication,
  PublishedCreative,
  PublishedEntry,
} from '../../engine/publication/types.ts'
import { HOUR_MS } from '../../engine/time/days.ts'
import { constraint } from './arbitrary-constraint.ts'

/** In the first seconds of 1970, at some hour of its first days, or just before. */
export const instant = fc.oneof(
  fc.nat(40).map((step) => step * 500),
  fc.tuple(fc.nat(100), fc.constantFrom(-1, 0)).map(([hours, before]) => hours * HOUR_MS + before),
)
const creativeId = fc.constantFrom('c1', 'c2', 'c3', 'c4', 'c5', 'c6')
const weight = fc.constantFrom(1, 1, 1, 2, 3, 250)

const rollout = fc.record({
  buckets: fc.constantFrom(0, 1, 2500, 5000, 9999, 10_000),
  stickiness: fc.constantFrom(null, 'userId', 'deviceId', 'attributes.x'),
  group: fc.constantFrom('spring', 'str_1', '\u00e9'),
})

const time = fc.nat(24).map((hours) => hours * 60)

const times = fc.record({
  zone: fc.constantFrom('UTC', 'Asia/Shanghai', 'America/New_York'),
  dayParts: fc.array(
    fc.record({
      days: fc.constantFrom<number[]>([1, 2, 3, 4, 5], [4], [6, 7], [1, 2, 3, 4, 5, 6, 7]),
      from: time.map((minutes) => minutes % 1440),
      to: time.map((minutes) => minutes || 1440),
    }),
    { maxLength: 2 },
  ),
  excludedDates: fc.subarray(['1970-01-01', '1970-01-03']),
  recurrence: fc.constantFrom(null, null, 'FREQ=DAILY;INTERVAL=2'),
})

const caps: fc.Arbitrary<FrequencyCap[]> = fc.uniqueArray(
  fc.record({
    count: fc.integer({ min: 1, max: 3 }),
    every: fc.constant(1),
    unit: fc.constantFrom('MINUTE', 'DAY', 'LIFETIME'),
  }),
  { maxLength: 2, selector: ({ unit }) => unit },
)

/** Mostly what everybody has; now and then something else. */
const rarely = <T>(arbitrary: fc.Arbitrary<T>, otherwise: T) =>
  fc.oneof({ arbitrary: fc.constant(otherwise), weight: 5 }, arbitrary)

const creative = (id: string): PublishedCreative => {
  return { id, revision: 1, title: id, text: null, image: null, link: null, data: null }
}

/** Everything of an entry but its schedule. */
const shape: fc.Arbitrary<Omit<PublishedEntry, 'schedule'>> = fc
  .record({
    strategy: fc.constant(null),
    startsAt: fc.option(instant),
    endsAt: fc.option(instant),
    priority: fc.integer({ min: -1, max: 1 }),
    weight,
    segments: fc.constant<Pin[]>([]),
    constraint: fc.option(constraint),
    rollout: fc.option(rollout),
    times: rarely<PublishedEntry['times']>(times, null),
    exclusive: rarely(fc.constant(true), false),
    caps: rarely(caps, []),
    creatives: fc
      .uniqueArray(creativeId, { minLength: 1, maxLength: 3 })
      .chain((ids) => fc.tuple(...ids.map((id) => weight.map((share) => ({ ...creative(id), weight: share }))))),
  })
  .map((entry) =>
    // A recurrence counts from the first day of the window.
    entry.times && entry.startsAt === null ? { ...entry, times: { ...entry.times, recurrence: null } } : entry,
  )

const publicationOf = (entries: fc.Arbitrary<PublishedEntry[]>): fc.Arbitrary<Publication> =>
  fc.record({
    kind: fc.constant('slot' as const),
    app: fc.constant('shop'),
    epoch: fc.constant(1),
    revision: fc.nat(),
    slot: fc.record({
      id: fc.constantFrom('slo_1', 'slo_2'),
      code: fc.constant('home'),
      capacity: fc.integer({ min: 1, max: 5 }),
      rotationSeconds: fc.constantFrom(1, 7, 3600),
      caps: rarely(caps, []),
    }),
    stopped: fc.nat(20).map((one) => one === 0),
    fallback: fc.array(creativeId.map(creative), { maxLength: 4 }),
    entries,
  })

const numbered = (shapes: readonly Omit<PublishedEntry, 'schedule'>[]): PublishedEntry[] =>
  shapes.map((one, index) => ({ ...one, schedule: { id: `s${index}`, revision: 1 } }))

/** Up to 40 entries in three tiers, which do not fit words of 32 bits. */
export const publication: fc.Arbitrary<Publication> = publicationOf(
  fc.oneof(
    { arbitrary: fc.array(shape, { maxLength: 12 }).map(numbered), weight: 7 },
    fc.array(shape, { minLength: 30, maxLength: 40 }).map(numbered),
  ),
)

/** Tiers of up to twice `size`, of a few shapes that come again and again with other weights and creatives. */
export function largePublication(size: number): fc.Arbitrary<Publication> {
  const varied = fc.tuple(fc.nat(4), weight, fc.integer({ min: 7, max: 30 }))
  return publicationOf(
    fc
      .tuple(
        fc.array(shape, { minLength: 5, maxLength: 5 }),
        fc.array(varied, { minLength: size, maxLength: 4 * size }),
        fc.boolean(),
      )
      .map(([shapes, picked, oneTier]) =>
        numbered(
          picked.map(([which, weight, id]) => {
            const of = shapes[which]!
            const priority = oneTier ? 0 : of.priority
            return { ...of, priority, weight, creatives: [{ ...creative(`c${id}`), weight: 1 }, ...of.creatives] }
          }),
        ),
      ),
  )
}
