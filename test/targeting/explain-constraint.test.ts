import { expect, test } from '@jest/globals'
import { readContext } from '../../engine/targeting/context.ts'
import { explainConstraint } from '../../engine/targeting/explain-constraint.ts'
import type { InlinedConstraint, RequestContext } from '../../engine/targeting/types.ts'

const tagged = (tag: string): InlinedConstraint => ({ dimension: 'tags', operator: 'IN', values: [tag] })
const recent: InlinedConstraint = { dimension: 'appVersion', operator: 'VERSION_GTE', values: ['8'] }
const everyone: InlinedConstraint = { all: [] }

const user: RequestContext = { tags: ['new', 'vip'], appVersion: 'v7.9' }
const explain = (constraint: InlinedConstraint, context = user) => explainConstraint(constraint, readContext(context))
const byTags = (path: string, tag: string) => {
  return { matched: false, path, dimension: 'tags', operator: 'IN', values: [tag], held: ['new', 'vip'] }
}
const byVersion = (path: string) => {
  return { matched: false, path, dimension: 'appVersion', operator: 'VERSION_GTE', values: ['8'], held: ['v7.9'] }
}

test('a constraint that matches needs no reason', () => {
  expect(explain(everyone)).toEqual({ matched: true })
  expect(explain({ not: { all: [tagged('vip'), recent] } })).toEqual({ matched: true })
})

test.each<[string, InlinedConstraint, ReturnType<typeof byTags>]>([
  ['the comparison itself', recent, byVersion('')],
  ['of all, the first that does not match', { all: [tagged('vip'), recent, tagged('x')] }, byVersion('all[1]')],
  ['of any, the first', { any: [tagged('x'), recent] }, byTags('any[0]', 'x')],
  ['deep in the tree', { all: [everyone, { any: [recent, tagged('x')] }] }, byVersion('all[1].any[0]')],
  ['of not, what matched', { not: tagged('vip') }, byTags('not', 'vip')],
  ['of not any, the first that matched', { not: { any: [recent, tagged('new')] } }, byTags('not.any[1]', 'new')],
  ['of not all, the first', { not: { all: [tagged('new'), tagged('vip')] } }, byTags('not.all[0]', 'new')],
  ['of not not, what did not match', { all: [{ not: { not: recent } }] }, byVersion('all[0].not.not')],
])('what decided is named: %s', (_, constraint, expected) => {
  expect(explain(constraint)).toEqual(expected)
})

test('what is missing is said to be', () => {
  expect(explain(recent, {})).toMatchObject({ dimension: 'appVersion', held: [] })
})

test('where there is no comparison, the node is named', () => {
  expect(explain({ all: [{ not: everyone }] })).toEqual({
    ...{ matched: false, path: 'all[0].not', dimension: null, operator: null, values: [], held: [] },
  })
})
