// Holds compiled constraints, what an index reads of them and what explains them against the plain evaluator, on random
// constraints and contexts.

import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { checkConstraint } from '../../engine/targeting/check-constraint.ts'
import { compileConstraint } from '../../engine/targeting/compile-constraint.ts'
import { readContext } from '../../engine/targeting/context.ts'
import { describeDimensions } from '../../engine/targeting/dimensions.ts'
import { explainConstraint } from '../../engine/targeting/explain-constraint.ts'
import { rangeClause, termClause } from '../../engine/targeting/index-clauses.ts'
import { OPERATORS } from '../../engine/targeting/operators.ts'
import { isInRange } from '../../engine/targeting/ordered-types.ts'
import type { Operator } from '../../engine/targeting/types.ts'
import { ALPHABETS, asked, constraint, context } from '../support/arbitrary-constraint.ts'
import { holds } from '../support/plain-constraint.ts'

test('a compiled comparison equals the plain one, whatever the operator', () => {
  const seen = new Map<Operator, { true: number; false: number }>()
  fc.assert(
    fc.property(asked, ([of, request]) => {
      const matched = compileConstraint(of)(readContext(request))
      expect(matched).toBe(holds(of, request))
      const counts = seen.get(of.operator) ?? { true: 0, false: 0 }
      counts[`${matched}`] += 1
      seen.set(of.operator, counts)
    }),
    { numRuns: 20_000 },
  )
  expect(new Set(seen.keys())).toEqual(new Set(Object.keys(OPERATORS)))
  // Were every outcome the same, the equality above would say little.
  for (const [operator, counts] of seen)
    expect([operator, Math.min(counts.true, counts.false) >= 10]).toEqual([operator, true])
})

test('a compiled tree equals the plain one', () => {
  fc.assert(
    fc.property(constraint, context, (of, request) => {
      expect(compileConstraint(of)(readContext(request))).toBe(holds(of, request))
    }),
    { numRuns: 5000 },
  )
})

test('the terms and the range of a comparison say when it is true', () => {
  fc.assert(
    fc.property(asked, ([of, request]) => {
      const compiled = readContext(request)
      const held = compiled.values.get(of.dimension)
      const terms = termClause(of)
      if (terms) {
        const isHeld = (held?.[terms.space] ?? []).some((term) => terms.terms.includes(term))
        expect([of, isHeld !== terms.negated]).toEqual([of, compileConstraint(of)(compiled)])
      }
      const ranged = rangeClause(of)
      if (ranged) {
        const { orderedType, range } = ranged
        const isIn =
          held !== undefined && orderedType.valuesIn(held).some((value) => isInRange(orderedType, range, value))
        expect([of, isIn]).toEqual([of, compileConstraint(of)(compiled)])
      }
      const byNeither = ['STARTS_WITH', 'ENDS_WITH', 'CONTAINS', 'MATCHES', 'EXISTS'].includes(of.operator)
      expect([terms, ranged].filter(Boolean)).toHaveLength(byNeither ? 0 : 1)
    }),
    { numRuns: 5000 },
  )
})

test('an explanation names a comparison that is there, and what was held', () => {
  fc.assert(
    fc.property(constraint, context, (of, request) => {
      const compiled = readContext(request)
      const explained = explainConstraint(of, compiled)
      expect(explained.matched).toBe(holds(of, request))
      if (explained.matched || explained.dimension === null) return
      const steps = explained.path.match(/\w+/g) ?? []
      const named = steps.reduce((node, step) => (node as Record<string, unknown>)[step], of as unknown)
      expect(named).toMatchObject({ dimension: explained.dimension, operator: explained.operator })
      expect(explained.held).toEqual(compiled.values.get(explained.dimension)?.texts ?? [])
    }),
    { numRuns: 5000 },
  )
})

test('what the generator makes is what a strategy may hold', () => {
  fc.assert(
    fc.property(constraint, (tree) => {
      const checked = checkConstraint(tree, 'constraint')
      expect(checked).toEqual({ ok: true, constraint: tree })
    }),
  )
})

test('the generator knows every dimension', () => {
  const names = describeDimensions().map(({ name }) => name)
  const generated = Object.keys(ALPHABETS).map((name) => name.replace(/^attributes\..*/, 'attributes.<name>'))
  expect(new Set(generated)).toEqual(new Set(names))
})
