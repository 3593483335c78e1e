// The constraint of docs/targeting.md, as it stands there.

import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { checkConstraint } from '../../engine/targeting/check-constraint.ts'
import { compileConstraint } from '../../engine/targeting/compile-constraint.ts'
import { readContext } from '../../engine/targeting/context.ts'
import { checkInlined } from '../../engine/targeting/segments.ts'
import type { Constraint, RequestContext } from '../../engine/targeting/types.ts'

const page = readFileSync(new URL('../../docs/targeting.md', import.meta.url), 'utf8')
const [, text] = /```json\n(\{ "all": \[[\s\S]+?)\n```/.exec(page)!
const members: Constraint = { dimension: 'tags', operator: 'IN', values: ['member'] }

const CASES: [string, boolean, RequestContext][] = [
  ['a version between, in a part of China', true, { appVersion: '8.4-beta', region: 'CN-11' }],
  ['the highest version, in Bavaria', true, { appVersion: 'v8.9.0', region: 'de-by' }],
  [
    'elsewhere, with an address that ends so in any letter case',
    true,
    { appVersion: '8.4', region: 'FR', attributes: [{ name: 'email', values: ['Ada@Example.COM'] }] },
  ],
  ['elsewhere, with another address', false, { appVersion: '8.4', region: 'FR' }],
  ['a version past the highest', false, { appVersion: '8.9.1', region: 'CN' }],
  [
    'whose trial ended before',
    false,
    { appVersion: '8.4', region: 'CN', attributes: [{ name: 'trialEnds', values: ['2026-04-30'] }] },
  ],
]

test.each(CASES)('the constraint of docs/targeting.md and a member: %s', (_who, expected, context) => {
  const checked = checkConstraint(JSON.parse(text!), 'constraint')
  if (!checked.ok) throw new Error(JSON.stringify(checked.errors))
  const inlined = checkInlined(checked.constraint, () => members)
  if (!inlined.ok) throw new Error(inlined.message)
  const matches = compileConstraint(inlined.constraint)
  expect(matches(readContext({ tags: ['member'], ...context }))).toBe(expected)
  expect(matches(readContext({ tags: ['guest'], ...context }))).toBe(false)
})
