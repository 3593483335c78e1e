// Checks a constraint when it is written, so that everything stored, published and compiled is well formed.
// Every mistake is reported with the path of the node that has it.

import { type InputError, isObject, presentFields, show } from './given.ts'
import type { ValueKind } from './kinds.ts'
import { OPERATORS } from './operators.ts'
import { describeDimensions, findDimension } from './registry.ts'
import type { Comparison, Constraint, Operator } from './types.ts'

export type CheckedConstraint = { ok: true; constraint: Constraint } | { ok: false; errors: InputError[] }

/** Of a tree; `values` and `valueLength` (in UTF-16 units) of each comparison in it, which by itself has depth 1. */
export const CONSTRAINT_LIMITS = { depth: 8, nodes: 200, values: 1000, valueLength: 256 } as const

const KINDS = ['all', 'any', 'not', 'dimension', 'segment'] as const
const MAX_SEGMENT_ID = 100
const COMPARISON_FIELDS = ['dimension', 'operator', 'values']

/**
 * @param input what a client sent: properties that are null are as absent, as GraphQL inputs have them.
 * @param path of the input itself, with which the paths of all errors begin.
 * @returns a clean copy of the constraint, or all mistakes.
 */
export function checkConstraint(input: unknown, path: string): CheckedConstraint {
  const check: Check = { nodes: 0, errors: [] }
  const constraint = checkNode(check, input, path, 1)
  if (check.nodes > CONSTRAINT_LIMITS.nodes) {
    check.errors.push({ path, message: `has more than ${CONSTRAINT_LIMITS.nodes} nodes` })
  }
  return constraint && check.errors.length === 0 ? { ok: true, constraint } : { ok: false, errors: check.errors }
}

type Check = { nodes: number; errors: InputError[] }

/** Undefined when something below is wrong; then `check.errors` or `check.nodes` say what. */
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

/** Whether there is such a segment is for the rules of what names it to say. */
function checkSegment(check: Check, id: unknown, path: string): Constraint | undefined {
  if (typeof id === 'string' && id !== '' && id.length <= MAX_SEGMENT_ID && id.isWellFormed()) return { segment: id }
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
  const values = checkValues(check, node.values, operator as Operator, found.kind, `${path}.values`)
  return values && { dimension: dimension as string, operator: operator as Operator, values }
}

function checkValues(
  check: Check,
  input: unknown,
  operator: Operator,
  kind: ValueKind,
  path: string,
): string[] | undefined {
  if (!Array.isArray(input)) return refuse(check, path, `must be a list of strings, but is ${show(input)}`)
  if (OPERATORS[operator].takes === 'exactly one' && input.length !== 1) {
    return refuse(check, path, `must have exactly one value for ${operator}, but has ${input.length}`)
  }
  if (input.length === 0) return refuse(check, path, 'must not be empty')
  const { values: most } = CONSTRAINT_LIMITS
  if (input.length > most) return refuse(check, path, `has ${input.length} values; at most ${most} are allowed`)
  for (const [index, value] of input.entries()) {
    const expected = whatMisses(value, operator, kind)
    if (expected) return refuse(check, `${path}[${index}]`, `must be ${expected}, but is ${show(value)}`)
  }
  return [...input]
}

/** What a value must be, when this one is not. */
function whatMisses(value: unknown, operator: Operator, kind: ValueKind): string | undefined {
  const { valueLength } = CONSTRAINT_LIMITS
  if (typeof value !== 'string' || value === '' || value.length > valueLength) {
    return `a string of 1 to ${valueLength} characters`
  }
  // Half a surrogate pair becomes another character in the store, and then the content no longer fits its hash.
  if (!value.isWellFormed()) return 'well-formed Unicode'
  return OPERATORS[operator].misses(value, kind)
}

function refuse(check: Check, path: string, message: string): undefined {
  check.errors.push({ path, message })
  return undefined
}
