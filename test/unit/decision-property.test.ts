// Holds compile and select against the plain evaluator, on random publications, contexts and instants.

import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compileSlot } from '../../common/decision/compile.ts'
import { decide } from '../../common/decision/select.ts'
import { deriveSigningKeys } from '../../common/publication/sign.ts'
import type { Publication, PublishedCreative, PublishedEntry } from '../../common/publication/types.ts'
import { readContext } from '../../common/targeting/context.ts'
import type { InlinedConstraint, RequestContext } from '../../common/targeting/types.ts'
import { checkConstraint } from '../../common/targeting/validate.ts'
import { decidePlainly } from '../support/plain-decision.ts'

const keys = deriveSigningKeys('a secret for tests of 32 characters or more')

// Small alphabets, so that values, creatives and instants meet often.
const value = fc.constantFrom('a', 'b', 'c', 'd')
const instant = fc.integer({ min: 0, max: 40 }).map((step) => step * 500)
const creativeId = fc.constantFrom('c1', 'c2', 'c3', 'c4', 'c5', 'c6')
const weight = fc.constantFrom(0.01, 1, 1, 3, 250)

const { constraint } = fc.letrec<{ constraint: InlinedConstraint; children: InlinedConstraint[] }>((tie) => ({
  children: fc.array(tie('constraint'), { maxLength: 3 }),
  constraint: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.record({
      dimension: fc.constantFrom('tags', 'attributes.x', 'attributes.y'),
      operator: fc.constantFrom('IN', 'NOT_IN'),
      values: fc.array(value, { minLength: 1, maxLength: 3 }),
    }),
    fc.record({
      dimension: fc.constantFrom('tags', 'attributes.x'),
      operator: fc.constant('EQUALS'),
      values: fc.array(value, { minLength: 1, maxLength: 1 }),
    }),
    tie('children').map((all) => ({ all })),
    fc.tuple(tie('constraint'), tie('children')).map(([first, rest]) => ({ any: [first, ...rest] })),
    tie('constraint').map((not) => ({ not })),
  ) as fc.Arbitrary<InlinedConstraint>,
}))

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
    rollout: fc.constant(null),
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
  }),
  stopped: fc.nat(20).map((one) => one === 0),
  fallback: fc.array(creativeId.map(creative), { maxLength: 4 }),
  entries: fc.nat(12).chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => entry(index)))),
})

const context: fc.Arbitrary<RequestContext> = fc.record(
  {
    userId: fc.option(fc.string({ unit: 'binary', maxLength: 5 })),
    deviceId: fc.option(fc.string({ maxLength: 5 })),
    tags: fc.option(fc.array(value, { maxLength: 3 })),
    attributes: fc.option(
      fc.array(fc.record({ name: fc.constantFrom('x', 'y'), values: fc.array(value, { maxLength: 2 }) }), {
        maxLength: 3,
      }),
    ),
  },
  { requiredKeys: [] },
)

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

test('what the generator makes is what a strategy may hold', () => {
  fc.assert(fc.property(constraint, (tree) => expect(checkConstraint(tree, 'constraint').ok).toBe(true)))
})
