// Updates by operators: their paths checked once against each other, then resolved and applied document by document.
import { identical } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { type Doc, isDoc, type Maybe, show, type Value } from '../values.ts'
import type { ArrayFilters } from './array-filters.ts'
import { Draft } from './draft.ts'
import { UNCHANGED, UNSET, type UpdateOperator, updateOperators } from './operators.ts'
import { comparePaths, conflict, identifierIn, isDynamic, type Path, parsePath, resolve } from './path.ts'
import { parseRename, type Rename, rename } from './rename.ts'

interface Step {
  parts: Path
  operator: UpdateOperator
  operand: Value
  /** Of `$rename`, which has a step for each of its two paths: the one at the new name does the work. */
  rename?: Rename
}

const knownToMongo = new Set(['$bit'])

/** `position` gives what the positional `$` stands for. */
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
  if (knownToMongo.has(name)) return notImplemented(`the update operator ${name}`)
  return fail(
    'FailedToParse',
    `Unknown modifier: ${name}. Expected a valid update modifier or pipeline-style update specified as an array`,
  )
}

/** The order in which MongoDB applies paths, which shows in the order of new fields. Throws if two conflict. */
function inOrder(steps: readonly Step[], message: (at: string, path: string) => string): Step[] {
  const sorted = [...steps].sort((a, b) => comparePaths(a.parts, b.parts))
  for (let at = 1; at < sorted.length; at++) {
    // In this order, paths that begin alike are neighbours; wildcards sort away from names and are asked of all.
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
