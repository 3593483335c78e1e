// Checks a constraint when it is written, so that everything stored, published and compiled is well formed.
// Every mistake is reported with the path of the node that has it.

import { OPERATORS } from './operators.ts'
import { DIMENSION_NAMES, operatorsOf } from './registry.ts'
import type { Comparison, Constraint, Operator } from './types.ts'

/** `path` is where the mistake is: `constraint.all[1].operator`. */
export type ConstraintError = { path: string; message: string }

export type CheckedConstraint = { ok: true; constraint: Constraint } | { ok: false; errors: ConstraintError[] }

/** `valueLength` in UTF-16 units. A single comparison has depth 1. */
export const CONSTRAINT_LIMITS = { depth: 8, nodes: 200, values: 1000, valueLength: 256 } as const

const KINDS = ['all', 'any', 'not', 'dimension'] as const
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

type Check = { nodes: number; errors: ConstraintError[] }

/** Undefined when something below is wrong; then `check.errors` or `check.nodes` say what. */
function checkNode(check: Check, input: unknown, path: string, depth: number): Constraint | undefined {
  check.nodes += 1
  if (check.nodes > CONSTRAINT_LIMITS.nodes) return undefined
  if (depth > CONSTRAINT_LIMITS.depth) {
    return refuse(check, path, `is nested more than ${CONSTRAINT_LIMITS.depth} deep`)
  }
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    return refuse(check, path, `must be an object, but is ${show(input)}`)
  }
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

function checkComparison(check: Check, node: Record<string, unknown>, path: string): Comparison | undefined {
  const { dimension, operator } = node
  const operators = typeof dimension === 'string' ? operatorsOf(dimension) : undefined
  if (!operators) {
    const message = `unknown dimension ${show(dimension)}; known: ${DIMENSION_NAMES.join(', ')}`
    return refuse(check, `${path}.dimension`, message)
  }
  if (!operators.includes(operator as Operator)) {
    const message = `${operator === undefined ? 'missing' : `unknown operator ${show(operator)}`}; known for ${dimension}: ${operators.join(', ')}`
    return refuse(check, `${path}.operator`, message)
  }
  const values = checkValues(check, node.values, operator as Operator, `${path}.values`)
  return values && { dimension: dimension as string, operator: operator as Operator, values }
}

function checkValues(check: Check, input: unknown, operator: Operator, path: string): string[] | undefined {
  if (!Array.isArray(input)) return refuse(check, path, `must be a list of strings, but is ${show(input)}`)
  if (OPERATORS[operator].takes === 'exactly one' && input.length !== 1) {
    return refuse(check, path, `must have exactly one value for ${operator}, but has ${input.length}`)
  }
  if (input.length === 0) return refuse(check, path, 'must not be empty')
  const { values: most, valueLength } = CONSTRAINT_LIMITS
  if (input.length > most) return refuse(check, path, `has ${input.length} values; at most ${most} are allowed`)
  const bad = input.findIndex((value) => typeof value !== 'string' || value === '' || value.length > valueLength)
  if (bad < 0) return [...input]
  const message = `must be a string of 1 to ${valueLength} characters, but is ${show(input[bad])}`
  return refuse(check, `${path}[${bad}]`, message)
}

function presentFields(input: object): Record<string, unknown> {
  const present = Object.entries(input).filter(([, value]) => value !== null && value !== undefined)
  return Object.fromEntries(present)
}

function refuse(check: Check, path: string, message: string): undefined {
  check.errors.push({ path, message })
  return undefined
}

/** What came instead, short enough for a message. */
function show(input: unknown): string {
  if (input === undefined) return 'missing'
  if (Array.isArray(input)) return 'a list'
  if (typeof input === 'object' && input !== null) return 'an object'
  const text = typeof input === 'string' ? JSON.stringify(input) : String(input)
  return text.length > 60 ? `${text.slice(0, 60)}... (${text.length} characters)` : text
}
