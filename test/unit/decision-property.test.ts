// Holds compile and select against the plain evaluator, on random publications, contexts and instants.

import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compileSlot } from '../../common/decision/compile.ts'
import { decide } from '../../common/decision/select.ts'
import { deriveSigningKeys } from '../../common/publication/sign.ts'
import type { Publication, PublishedCreative, PublishedEntry } from '../../common/publication/types.ts'
import { compileConstraint } from '../../common/targeting/compile.ts'
import { readContext } from '../../common/targeting/context.ts'
import { describeDimensions, findDimension } from '../../common/targeting/registry.ts'
import type { InlinedConstraint, Operator, RequestContext } from '../../common/targeting/types.ts'
import { checkConstraint } from '../../common/targeting/validate.ts'
import { holds } from '../support/plain-constraint.ts'
import { decidePlainly } from '../support/plain-decision.ts'

const keys = deriveSigningKeys('a secret for tests of 32 characters or more')

// Small alphabets, so that values, creatives and instants meet often.
const instant = fc.integer({ min: 0, max: 40 }).map((step) => step * 500)
const creativeId = fc.constantFrom('c1', 'c2', 'c3', 'c4', 'c5', 'c6')
const weight = fc.constantFrom(0.01, 1, 1, 3, 250)

const VERSIONS = ['8', '8.0.0', 'v8.1', '8.01+5', '8.1-beta.2', '8.1.0-beta.11', '8.1-rc', '8.10', '21.0.1180.89']
const REGIONS = ['CN', 'cn-11', 'CN_11-2', 'CN-1', 'US']
const LANGUAGES = ['zh', 'zh-Hans', 'ZH_hans_CN', 'zho', 'en-US']
const PLATFORMS = ['ios', 'iOS', 'android']
const TEXTS = ['a', 'b', 'A', '1']
const NUMBERS = ['0', '-0.0', '1', '01', '2.5', '2.50', '-3', '10', '1e1']

/** What constraints ask for and requests hold; then what requests hold beside that and cannot be read. */
const ALPHABETS: Record<string, { values: string[]; strays: string[] }> = {
  tags: { values: ['a', 'b', 'c', 'd'], strays: [''] },
  appVersion: { values: VERSIONS, strays: ['x', '8.', ''] },
  osVersion: { values: VERSIONS, strays: ['8.x'] },
  platform: { values: PLATFORMS, strays: [''] },
  region: { values: REGIONS, strays: ['CNX', 'CN-', 'C', 'China, Beijing', ''] },
  language: { values: LANGUAGES, strays: ['z', 'zh-', 'zh--CN', ''] },
  channel: { values: TEXTS, strays: [''] },
  'attributes.x': { values: TEXTS, strays: [''] },
  'attributes.y': { values: [...NUMBERS, ...VERSIONS], strays: ['', '.', 'one', '0x1', 'Infinity', ' 1'] },
}

/** The values that constraints with this operator may ask for. */
function valuesFor(dimension: string, operator: Operator): string[] {
  if (operator.startsWith('NUMBER')) return NUMBERS
  if (operator.startsWith('VERSION')) return VERSIONS
  return ALPHABETS[dimension]!.values
}

const comparison = fc.constantFrom(...Object.keys(ALPHABETS)).chain((dimension) =>
  fc.constantFrom(...findDimension(dimension)!.operators).chain((operator) =>
    fc.record({
      dimension: fc.constant(dimension),
      operator: fc.constant(operator),
      values: fc.array(fc.constantFrom(...valuesFor(dimension, operator)), {
        minLength: 1,
        maxLength: operator === 'IN' || operator === 'NOT_IN' ? 3 : 1,
      }),
    }),
  ),
)

const { constraint } = fc.letrec<{ constraint: InlinedConstraint; children: InlinedConstraint[] }>((tie) => ({
  children: fc.array(tie('constraint'), { maxLength: 3 }),
  constraint: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    { arbitrary: comparison, weight: 2 },
    tie('children').map((all) => ({ all })),
    fc.tuple(tie('constraint'), tie('children')).map(([first, rest]) => ({ any: [first, ...rest] })),
    tie('constraint').map((not) => ({ not })),
  ) as fc.Arbitrary<InlinedConstraint>,
}))

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

const heldIn = (dimension: string) => {
  const { values, strays } = ALPHABETS[dimension]!
  return fc.oneof({ arbitrary: fc.constantFrom(...values), weight: 4 }, fc.constantFrom(...strays))
}

const attribute = fc
  .constantFrom('x', 'y')
  .chain((name) =>
    fc.record({ name: fc.constant(name), values: fc.array(heldIn(`attributes.${name}`), { maxLength: 2 }) }),
  )

const context: fc.Arbitrary<RequestContext> = fc.record(
  {
    userId: fc.option(fc.string({ unit: 'binary', maxLength: 5 })),
    deviceId: fc.option(fc.string({ maxLength: 5 })),
    tags: fc.option(fc.array(heldIn('tags'), { maxLength: 3 })),
    appVersion: fc.option(heldIn('appVersion')),
    platform: fc.option(heldIn('platform')),
    osVersion: fc.option(heldIn('osVersion')),
    region: fc.option(heldIn('region')),
    channel: fc.option(heldIn('channel')),
    language: fc.option(heldIn('language')),
    attributes: fc.option(fc.array(attribute, { maxLength: 3 })),
  },
  { requiredKeys: [] },
)

const chance = fc.nat(2 ** 32 - 1).map((drawn) => drawn / 2 ** 32)

test('a compiled comparison equals the plain one', () => {
  fc.assert(
    fc.property(comparison, context, (of, request) => {
      expect(compileConstraint(of)(readContext(request))).toBe(holds(of, request))
    }),
    { numRuns: 20_000 },
  )
})

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

test('the generator knows every dimension', () => {
  const names = describeDimensions().map(({ name }) => name)
  const generated = Object.keys(ALPHABETS).map((name) => name.replace(/^attributes\..*/, 'attributes.<name>'))
  expect(new Set(generated)).toEqual(new Set(names))
})
