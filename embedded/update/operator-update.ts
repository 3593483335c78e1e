// Updates by operators, such as { $inc: { "stock.0": -1 } }. The paths are checked against each other once. Then they
// are resolved and applied for each document.
import { identical } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { unsupportedUpdateOperators } from '../unsupported.ts'
import { type Doc, isArrayIndex, isDoc, type Maybe, show, type Value } from '../values.ts'
import { Draft } from './draft.ts'
import { UNCHANGED, UNSET, type UpdateOperator, updateOperators } from './operators.ts'
import {
  type ArrayFilters,
  comparePaths,
  conflict,
  identifierIn,
  isDynamic,
  type Path,
  parsePath,
  resolve,
} from './update-path.ts'

interface Step {
  parts: Path
  operator: UpdateOperator
  operand: Value
  /** Set for `$rename`, which has one step for each of its two paths. The step of the new name does the work. */
  rename?: Rename
}

/** `position` gives the array index that the positional `$` stands for. */
type Modification = (doc: Doc, inserting: boolean, position: () => number) => Doc

export function compileModification(body: Doc, filters: ArrayFilters): Modification {
  const steps = parseSteps(body)
  const identifiers = steps.flatMap(({ parts }) => parts.flatMap((part) => identifierIn(part) ?? []))
  filters.check(new Set(identifiers))
  const dynamic = steps.some(({ parts }) => parts.some(isDynamic))
  const now = new Date()
  return (doc, inserting, position) => {
    const active = inserting ? steps : steps.filter(({ operator }) => !operator.onInsert)
    const resolved = dynamic ? resolveSteps(active, doc, filters, position) : active
    const draft = new Draft(doc)
    for (const step of resolved) {
      if (step.rename !== undefined) {
        if (step.parts === step.rename.to) rename(draft, step.rename, doc._id)
        continue
      }
      apply(draft, step, doc, now)
    }
    return draft.root
  }
}

function resolveSteps(steps: readonly Step[], doc: Doc, filters: ArrayFilters, position: () => number): Step[] {
  const resolved = steps.flatMap((step) =>
    step.parts.some(isDynamic)
      ? resolve(step.parts, doc, filters, position).map((parts) => ({ ...step, parts }))
      : [step],
  )
  return inOrder(resolved, (at) => `Update created a conflict at '${at}'`)
}

function apply(draft: Draft, { parts, operator, operand }: Step, doc: Doc, now: Date): void {
  const path = parts.join('.')
  const current = draft.get(parts)
  const outcome = operator.apply(current, operand, { path, id: doc._id, now })
  if (parts[0] === '_id') checkId(doc, path, current, outcome)
  if (outcome === UNCHANGED) return
  if (outcome === UNSET) draft.unset(parts)
  else if (current === undefined || !identical(current, outcome)) draft.set(parts, outcome)
}

function checkId(doc: Doc, path: string, current: Maybe, outcome: Value | symbol): void {
  if (doc._id === undefined || outcome === UNCHANGED) return
  if (outcome === UNSET ? current === undefined : current !== undefined && identical(current, outcome as Value)) return
  fail('ImmutableField', `Performing an update on the path '${path}' would modify the immutable field '_id'`)
}

function parseSteps(update: Doc): Step[] {
  const steps: Step[] = []
  for (const [name, fields] of Object.entries(update)) {
    const operator = operatorNamed(name)
    if (!isDoc(fields)) {
      return fail(
        'FailedToParse',
        `Modifiers operate on fields but we found type ${typeof fields} instead. For example: {$mod: {<field>: ...}} not {${name}: ${show(fields)}}`,
      )
    }
    for (const [path, operand] of Object.entries(fields)) {
      if (name === '$rename') {
        const both = parseRename(path, operand)
        steps.push(
          { parts: both.from, operator, operand, rename: both },
          { parts: both.to, operator, operand, rename: both },
        )
      } else {
        steps.push({ parts: parsePath(path), operator, operand })
        operator.check?.(operand, path)
      }
    }
  }
  return inOrder(steps, (at, path) => `Updating the path '${path}' would create a conflict at '${at}'`)
}

function operatorNamed(name: string): UpdateOperator {
  const operator = Object.hasOwn(updateOperators, name) ? updateOperators[name] : undefined
  if (operator !== undefined) return operator
  if (unsupportedUpdateOperators.has(name)) return notImplemented(`the update operator ${name}`)
  return fail(
    'FailedToParse',
    `Unknown modifier: ${name}. Expected a valid update modifier or pipeline-style update specified as an array`,
  )
}

/** The order in which MongoDB applies paths. It decides the order of new fields. Throws if two paths conflict. */
function inOrder(steps: readonly Step[], message: (at: string, path: string) => string): Step[] {
  const sorted = [...steps].sort((a, b) => comparePaths(a.parts, b.parts))
  for (let at = 1; at < sorted.length; at++) {
    // Paths that begin alike are neighbours, but `$[]` sorts away from names. So compare all with the same first part.
    for (let other = at - 1; other >= 0; other--) {
      const conflicting = conflict(sorted[other]!.parts, sorted[at]!.parts)
      if (conflicting !== undefined) {
        fail('ConflictingUpdateOperators', message(conflicting.join('.'), sorted[at]!.parts.join('.')))
      }
      if (sorted[other]!.parts[0] !== sorted[at]!.parts[0]) break
    }
  }
  return sorted
}

export interface Rename {
  from: Path
  to: Path
}

export function parseRename(path: string, operand: Value): Rename {
  if (typeof operand !== 'string')
    return fail('BadValue', `The 'to' field for $rename must be a string: ${path}: ${show(operand)}`)
  const [from, to] = [parsePath(path), parsePath(operand)]
  for (const [name, parts] of [
    ['source', from],
    ['destination', to],
  ] as const) {
    if (parts.some(isDynamic)) fail('BadValue', `The ${name} field for $rename may not be dynamic: ${parts.join('.')}`)
  }
  const same = (a: Path, b: Path) => a.every((part, at) => part === b[at])
  if (from.length === to.length && same(from, to))
    fail('BadValue', `The source and target field for $rename must differ: ${path}`)
  if (same(from, to) || same(to, from)) {
    fail('BadValue', `The source and target field for $rename must not be on the same path: ${path}`)
  }
  return { from, to }
}

export function rename(draft: Draft, { from, to }: Rename, id: Maybe): void {
  const value = draft.get(from)
  if (value === undefined) return
  refuseArrays(draft, from, 'source', id)
  refuseArrays(draft, to, 'destination', id)
  draft.unset(from)
  draft.set(to, value)
}

function refuseArrays(draft: Draft, path: Path, name: string, id: Maybe): void {
  for (let at = 1; at < path.length; at++) {
    if (Array.isArray(draft.get(path.slice(0, at))) && isArrayIndex(path[at]!)) {
      fail('BadValue', `The ${name} field cannot be an array element, '${path.join('.')}' in doc with _id: ${show(id)}`)
    }
  }
}
