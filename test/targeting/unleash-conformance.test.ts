// The cases of @unleash/client-specification, by which all clients of Unleash are tested, on our own decision. How features
// become schedules is in test/support/unleash.

import { describe, expect, test } from '@jest/globals'
import { compileSlot } from '../../engine/decision/compile-slot.ts'
import { decide } from '../../engine/decision/decide.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import { readContext } from '../../engine/targeting/context.ts'
import { translateContext } from '../support/unleash/constraints.ts'
import { ON, translateFeature } from '../support/unleash/features.ts'
import {
  readSpecification,
  type Specification,
  specificationNames,
  type UnleashContext,
} from '../support/unleash/specification.ts'

/** How many cases of a file run here; or why none of them can. */
const TABLE: Record<string, number | string> = {
  '01-simple-examples': 5,
  '02-user-with-id-strategy': 5,
  '03-gradual-rollout-user-id-strategy': 6,
  '04-gradual-rollout-session-id-strategy': 6,
  '05-gradual-rollout-random-strategy':
    'Chance decides with every request; here a rollout is sticky, or lets nobody in.',
  '06-remote-address-strategy': 'By network address and its ranges: nodes do not look at addresses.',
  '07-multiple-strategies': 6,
  '08-variants': 15,
  '09-strategy-constraints': 16,
  '10-flexible-rollout-strategy': 10,
  '11-strategy-constraints-edge-cases': 4,
  '12-custom-stickiness': 9,
  '13-constraint-operators': 46,
  '14-constraint-semver-operators': 24,
  '15-global-constraints': 6,
  '16-strategy-variants': 11,
  '17-dependent-features': 'Features that depend on others: what one schedule shows depends on no other one.',
  '18-utf8-flag-names': 'The names of features: codes of slots are ASCII.',
  '19-delta-api-hydration': 'How changes travel to clients, not how they decide.',
  '20-delta-api-events': 'How changes travel to clients, not how they decide.',
  '21-regex-constraint-operators': 37,
  '22-cidr-constraint-operators': 'By network address and its ranges: nodes do not look at addresses.',
}

const OVERRIDE = 'Variants for named users: here that is a schedule of a higher tier with a constraint.'
const EMPTY_NOT_IN = 'NOT_IN with an empty list: refused when written, since it says nothing.'

/** Single cases of those files that do not run, by description. */
const LEFT_OUT: Record<string, string> = {
  'Feature.Variants.override.D should return variant1 for user 132': OVERRIDE,
  'Feature.Variants.override.D should return variant1 for user 61': OVERRIDE,
  'Always enabled for value not in empty list': EMPTY_NOT_IN,
  'Feature.constraints.no_values_NOT_IN should be enabled in default environment': EMPTY_NOT_IN,
  'Feature.constraints.no_values_NOT_IN should be enabled in empty environment': EMPTY_NOT_IN,
  'F8.invalidSemverWithLeadingV - invalid semver resolves to false':
    'v2.0.0 is no version there; real apps send it, and here the letter means nothing.',
}

/** Strategies that are refused when written, and so are shown to nobody: what the specification asks of a client. */
const REFUSED: Record<string, Record<string, RegExp>> = {
  '09-strategy-constraints': {
    'Feature.constraints.empty': /values: must not be empty/,
    'Feature.constraints.empty-not-in': /values: must not be empty/,
  },
  '11-strategy-constraints-edge-cases': {
    'Feature.constraints.no_values': /values: must not be empty/,
    'Feature.constraints.no_values_NOT_IN': /values: must not be empty/,
  },
  '13-constraint-operators': { 'F7.invalid-operator': /unknown operator "NOT_A_VALID_OPERATOR"/ },
  '15-global-constraints': { 'F9.withMissingSegment': /names the segment "seg_404", which does not exist/ },
  '21-regex-constraint-operators': {
    'invalid-regex-defaults-to-false': /missing closing \)/,
    'R90.reject_lookahead': /invalid or unsupported Perl syntax/,
    'R91.reject_backreference': /invalid escape sequence/,
  },
}

const keys = deriveSigningKeys('a secret for tests of 32 characters or more')

describe.each(Object.keys(TABLE).filter((name) => typeof TABLE[name] === 'number'))('%s', (name) => {
  const specification = readSpecification(name)
  const { features, segments = [] } = specification.state
  const translated = new Map(features.map((feature) => [feature.name, translateFeature(feature, segments)]))
  const slots = new Map([...translated].map(([code, { publication }]) => [code, compileSlot(publication, keys)]))
  const cases = casesOf(specification)

  /** The creative that is shown; undefined when there is none, or no such slot. */
  function shownTo(context: UnleashContext, toggleName: string) {
    const slot = slots.get(toggleName)
    return slot && decide(slot, readContext(translateContext(context)), 0, () => 0.5, null).creatives[0]
  }

  test.each(cases.filter(isIn))('$description', ({ context, toggleName, expectedResult }) => {
    const shown = shownTo(context, toggleName)
    if (typeof expectedResult === 'boolean') return expect(shown !== undefined).toBe(expectedResult)
    const variant = shown && shown.id !== ON ? { name: shown.id, payload: shown.data, enabled: true } : NO_VARIANT
    expect({ ...variant, feature_enabled: shown !== undefined }).toEqual(expectedResult)
  })

  test('runs as many cases as the table says', () => {
    expect(cases.filter(isIn)).toHaveLength(TABLE[name] as number)
  })

  test('refuses when it is written what is no strategy, and nothing else', () => {
    const refusals = [...translated].filter(([, { refused }]) => refused.length > 0)
    const expected = Object.entries(REFUSED[name] ?? {}).map(([code, message]) => [
      code,
      [expect.stringMatching(message)],
    ])
    expect(refusals.map(([code, { refused }]) => [code, refused])).toEqual(expected)
  })
})

const NO_VARIANT = { name: 'disabled', enabled: false }

test('the table has every file, and every case that it leaves out is there', () => {
  expect(Object.keys(TABLE)).toEqual(specificationNames())
  const descriptions = specificationNames().flatMap((name) => casesOf(readSpecification(name)))
  for (const description of Object.keys(LEFT_OUT)) {
    expect([description, descriptions.filter((one) => one.description === description).length]).toEqual([
      description,
      1,
    ])
  }
  const counts = Object.values(TABLE).filter((count) => typeof count === 'number')
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(206)
})

function casesOf({ tests = [], variantTests = [] }: Specification) {
  return [...tests, ...variantTests]
}

function isIn({ description }: { description: string }): boolean {
  return !(description in LEFT_OUT)
}
