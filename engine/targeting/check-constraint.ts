// Checks a constraint when it is written, so that everything that is stored, published and compiled is well formed. It reports all
// mistakes, each with the path of its node. The work is limited: it stops when the tree has too many nodes or values.

import { isLonger, type ReadText, readText } from '../text.ts'
import { describeDimensions, findDimension } from './dimensions.ts'
import { type InputError, isObject, presentFields, show } from './input-errors.ts'
import type { ValueKind } from './kinds.ts'
import type { OperatorDefinition } from './operators/operator.ts'
import { OPERATORS } from './operators.ts'
import type { Comparison, Constraint, Operator } from './types.ts'

export type CheckedConstraint = { ok: true; constraint: Constraint } | { ok: false; errors: InputError[] }

/** Limits of a tree whose segments are inlined. A single comparison has depth 1. `valueLength` is in code points. */
export const CONSTRAINT_LIMITS = { depth: 8, nodes: 200, values: 1000, valueLength: 256 } as const

const KINDS = ['all', 'any', 'not', 'dimension', 'segment'] as const
const MAX_SEGMENT_ID = 100
const COMPARISON_FIELDS = ['dimension', 'operator', 'values', 'caseInsensitive']

/**
 * @param input what a client sent. Null properties count as absent.
 * @param path of the input. The paths of all errors begin with it.
 * @returns a clean copy of the constraint, or all mistakes.
 */
export function checkConstraint(input: unknown, path: string): CheckedConstraint {
  const check: Check = { nodes: 0, values: 0, errors: [] }
  const constraint = checkNode(check, input, path, 1)
  for (const counted of ['nodes', 'values'] as const) {
    const most = CONSTRAINT_LIMITS[counted]
    if (check[counted] > most) check.errors.push({ path, message: `has more than ${most} ${counted}` })
  }
  return constraint && check.errors.length === 0 ? { ok: true, constraint } : { ok: false, errors: check.errors }
}

/** One check while it runs. `nodes` and `values` count what was seen so far. */
type Check = { nodes: number; values: number; errors: InputError[] }

/** Undefined: there is a mistake in this node or below, and `check.errors` has it. */
function checkNode(check: Check, input: unknown, path: string, depth: number): Constraint | undefined {
  check.nodes += 1
  if (check.nodes > CONSTRAINT_LIMITS.nodes) return undefined
  if (depth > CONSTRAINT_LIMITS.depth) {
    return refuse(check, path, `is nested more than ${CONSTRAINT_LIMITS.depth} deep`)
  }
  if (!isObject(input)) return refuse(check, path, `must be an object, but is ${show(input)}`)
  const node = presentFields(input)
  const kinds = KINDS.filter((kind) => kind in node)
  if (kinds.length !== 1) {
    const found = kinds.length === 0 ? 'none' : kinds.join(' and ')
    return refuse(check, path, `must have exactly one of ${KINDS.join(', ')}, but has ${found}`)
  }
  const kind = kinds[0]!
  const allowed = kind === 'dimension' ? COMPARISON_FIELDS : [kind]
  const stray = Object.keys(node).find((field) => !allowed.includes(field))
  if (stray !== undefined) return refuse(check, `${path}.${stray}`, `does not belong beside ${kind}`)

  if (kind === 'dimension') return checkComparison(check, node, path)
  if (kind === 'segment') return checkSegment(check, node.segment, `${path}.segment`)
  if (kind === 'not') {
    const not = checkNode(check, node.not, `${path}.not`, depth + 1)
    return not && { not }
  }
  const children = checkChildren(check, node[kind], `${path}.${kind}`, depth)
  if (kind === 'all') return children && { all: children }
  if (children?.length === 0) return refuse(check, `${path}.any`, 'must not be empty: it would never match')
  return children && { any: children }
}

function checkChildren(check: Check, input: unknown, path: string, depth: number): Constraint[] | undefined {
  if (!Array.isArray(input)) return refuse(check, path, `must be a list, but is ${show(input)}`)
  const children: Constraint[] = []
  for (const [index, child] of input.entries()) {
    if (check.nodes > CONSTRAINT_LIMITS.nodes) break
    const checked = checkNode(check, child, `${path}[${index}]`, depth + 1)
    if (checked) children.push(checked)
  }
  return children.length === input.length ? children : undefined
}

/** Checks only the form of the id. The caller checks that the segment exists. */
function checkSegment(check: Check, id: unknown, path: string): Constraint | undefined {
  if (typeof id === 'string' && id !== '' && !isLonger(id, MAX_SEGMENT_ID)) return { segment: id }
  return refuse(check, path, `must be the id of a segment, but is ${show(id)}`)
}

function checkComparison(check: Check, node: Record<string, unknown>, path: string): Comparison | undefined {
  const { dimension, operator } = node
  const found = typeof dimension === 'string' ? findDimension(dimension) : undefined
  if (!found) {
    const known = describeDimensions().map(({ name }) => name)
    return refuse(check, `${path}.dimension`, `unknown dimension ${show(dimension)}; known: ${known.join(', ')}`)
  }
  if (!found.operators.includes(operator as Operator)) {
    const message = `${operator === undefined ? 'missing' : `unknown operator ${show(operator)}`}; known for ${dimension}: ${found.operators.join(', ')}`
    return refuse(check, `${path}.operator`, message)
  }
  const comparison = { dimension: dimension as string, operator: operator as Operator }
  const folds = checkLetterCase(check, node.caseInsensitive, comparison, found.kind, `${path}.caseInsensitive`)
  const values = checkValues(check, node.values, comparison.operator, found.kind, `${path}.values`)
  if (!values || folds === undefined) return undefined
  return folds ? { ...comparison, values, caseInsensitive: true } : { ...comparison, values }
}

function checkLetterCase(
  check: Check,
  input: unknown,
  { dimension, operator }: Omit<Comparison, 'values'>,
  kind: ValueKind,
  path: string,
): boolean | undefined {
  if (input === undefined || input === false) return false
  if (input !== true) return refuse(check, path, `must be true or false, but is ${show(input)}`)
  if (!OPERATORS[operator].comparesLetters) return refuse(check, path, `means nothing for ${operator}`)
  if (kind.caseMatters) return true
  const why = kind.type === 'VERSION' ? 'whose values are versions' : 'which is compared in any letter case anyway'
  return refuse(check, path, `means nothing for ${dimension}, ${why}`)
}

function checkValues(
  check: Check,
  input: unknown,
  operator: Operator,
  kind: ValueKind,
  path: string,
): string[] | undefined {
  const { takes, mistakeIn } = OPERATORS[operator]
  const given = takes === 'none' && input === undefined ? [] : input
  if (!Array.isArray(given)) return refuse(check, path, `must be a list of strings, but is ${show(given)}`)
  const expected = COUNTS[takes]
  if (expected !== undefined && given.length !== expected.count) {
    return refuse(check, path, `must have ${expected.said} for ${operator}, but has ${given.length}`)
  }
  if (given.length === 0 && takes !== 'none') return refuse(check, path, 'must not be empty')
  check.values += given.length
  if (check.values > CONSTRAINT_LIMITS.values) return undefined
  const values: string[] = []
  for (const [index, value] of given.entries()) {
    const read = readValue(value, operator, kind)
    if (read.mistake !== undefined) return refuse(check, `${path}[${index}]`, read.mistake)
    values.push(read.text)
  }
  const mistake = mistakeIn?.(values)
  return mistake === undefined ? values : refuse(check, path, mistake)
}

/** For operators that take an exact number of values. */
const COUNTS: Partial<Record<OperatorDefinition['takes'], { count: number; said: string }>> = {
  none: { count: 0, said: 'no values' },
  'exactly one': { count: 1, said: 'exactly one value' },
  'exactly two': { count: 2, said: 'exactly two values' },
}

/** The value as it is stored and compared. The values of requests follow the same rule for text. */
function readValue(value: unknown, operator: Operator, kind: ValueKind): ReadText {
  const { valueLength } = CONSTRAINT_LIMITS
  const read = readText(typeof value === 'string' ? value : '', 'line')
  if (read.mistake !== undefined) return read
  const expected =
    read.text === '' || isLonger(read.text, valueLength)
      ? `a string of 1 to ${valueLength} characters`
      : OPERATORS[operator].expectedInstead(read.text, kind)
  return expected === undefined ? read : { mistake: `must be ${expected}, but is ${show(value)}` }
}

function refuse(check: Check, path: string, message: string): undefined {
  check.errors.push({ path, message })
  return undefined
}
