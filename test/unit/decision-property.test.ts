// Holds compile and select against the plain evaluator, on random publications, contexts and instants.

import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compileSlot } from '../../common/decision/compile.ts'
import { decide } from '../../common/decision/select.ts'
import { deriveSigningKeys } from '../../common/publication/sign.ts'
import type { Publication, PublishedCreative, PublishedEntry } from '../../common/publication/types.ts'
import { readContext } from '../../common/targeting/context.ts'
import { constraint, context } from '../support/arbitrary-constraint.ts'
import { decidePlainly } from '../support/plain-decision.ts'

const keys = deriveSigningKeys('a secret for tests of 32 characters or more')

// Small alphabets, so that values, creatives and instants meet often.
const instant = fc.integer({ min: 0, max: 40 }).map((step) => step * 500)
const creativeId = fc.constantFrom('c1', 'c2', 'c3', 'c4', 'c5', 'c6')
const weight = fc.constantFrom(0.01, 1, 1, 3, 250)

const rollout = fc.record({
  buckets: fc.constantFrom(0, 1, 2500, 5000, 9999, 10_000),
  stickiness: fc.constantFrom(null, 'userId', 'deviceId', 'attributes.x'),
  group: fc.constantFrom('spring', 'str_1', '\u00e9'),
})

const creative = (id: string): PublishedCreative => {
  return { id, revision: 1, title: id, text: null, image: null, link: null, data: null }
}

const entry = (index: number): fc.Arbitrary<PublishedEntry> =>
  fc.record({
    schedule: fc.constant({ id: `s${index}`, revision: 1 }),
    strategy: fc.constant(null),
    startsAt: fc.option(instant),
    endsAt: fc.option(instant),
    priority: fc.integer({ min: -1, max: 1 }),
    weight,
    segments: fc.constant([]),
    constraint: fc.option(constraint),
    rollout: fc.option(rollout),
    times: fc.constant(null),
    exclusive: fc.constant(false),
    caps: fc.constant([]),
    creatives: fc
      .uniqueArray(creativeId, { minLength: 1, maxLength: 3 })
      .chain((ids) => fc.tuple(...ids.map((id) => weight.map((share) => ({ ...creative(id), weight: share }))))),
  })

const publication: fc.Arbitrary<Publication> = fc.record({
  kind: fc.constant('slot' as const),
  app: fc.constant('shop'),
  epoch: fc.constant(1),
  revision: fc.nat(),
  slot: fc.record({
    id: fc.constantFrom('slo_1', 'slo_2'),
    code: fc.constant('home'),
    capacity: fc.integer({ min: 1, max: 5 }),
    rotationSeconds: fc.constantFrom(1, 7, 3600),
    caps: fc.constant([]),
  }),
  stopped: fc.nat(20).map((one) => one === 0),
  fallback: fc.array(creativeId.map(creative), { maxLength: 4 }),
  entries: fc.nat(12).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => entry(index)))),
})

const chance = fc.nat(2 ** 32 - 1).map((drawn) => drawn / 2 ** 32)

test('the compiled decision equals the plain one', () => {
  fc.assert(
    fc.property(
      publication,
      fc.array(fc.tuple(context, instant, chance), { minLength: 5, maxLength: 5 }),
      (of, requests) => {
        const slot = compileSlot(of, keys)
        for (const [request, now, random] of requests) {
          const decision = decide(slot, readContext(request), now, () => random)
          const shown = decision.creatives.map((one) => `${one.schedule ?? 'fallback'}:${one.id}`)
          const { reason, validUntil, chance } = decision
          expect({ reason, shown, validUntil, chance }).toEqual(decidePlainly(of, request, now, random))
        }
      },
    ),
    { numRuns: 4000 },
  )
})

test('an answer changes neither before its validity ends nor without a new publication', () => {
  fc.assert(
    fc.property(
      publication,
      context,
      instant,
      fc.double({ min: 0, max: 1, noNaN: true }),
      chance,
      (of, request, now, part, random) => {
        const slot = compileSlot(of, keys)
        const ask = (at: number) => decide(slot, readContext(request), at, () => random)
        const decision = ask(now)
        expect(decision.validUntil).toBeGreaterThan(now)
        const last = Math.min(decision.validUntil - 1, now + 10_000_000)
        expect(ask(Math.floor(now + part * (last - now)))).toEqual(decision)
      },
    ),
    { numRuns: 2000 },
  )
})
