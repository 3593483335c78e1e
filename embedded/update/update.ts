// Compiles the `u` of an update: a replacement, or operators over paths. Applying it gives a new document and leaves
// the old one as it was. Errors are MongoDB's: what it refuses is never skipped.
import { compareStrings, identical } from '../compare.ts'
import { fail, notImplemented } from '../errors.ts'
import { isIndex, splitPath } from '../paths.ts'
import { type Doc, isDoc, show, type Value } from '../values.ts'
import { Draft } from './draft.ts'
import { UNCHANGED, UNSET, type UpdateOperator, updateOperators } from './operators.ts'
import { storable } from './storable.ts'

export interface Update {
  isReplacement: boolean
  /** The new document; the very same object where nothing changes. */
  apply(doc: Doc): Doc
  /** The document that an upsert inserts, from the equalities of the filter. */
  insert(base: Doc): Doc
}

interface Step {
  path: string
  parts: readonly string[]
  operator: UpdateOperator
  operand: Value
}

const knownToMongo = new Set(['$mul', '$rename', '$currentDate', '$pop', '$pullAll', '$bit'])

export function compileUpdate(update: Value | undefined): Update {
  if (Array.isArray(update)) return notImplemented('an update given as a pipeline')
  if (!isDoc(update)) return fail('FailedToParse', 'Update argument must be either an object or an array')
  if (!Object.keys(update)[0]?.startsWith('$')) return replacement(update)
  return modification(parseSteps(update))
}

function replacement(body: Doc): Update {
  return {
    isReplacement: true,
    apply(doc) {
      const result = storable('_id' in body ? body : { _id: doc._id!, ...body })
      return keepId(doc, result)
    },
    insert: (base) => storable('_id' in body || base._id === undefined ? body : { _id: base._id, ...body }),
  }
}

function modification(steps: Step[]): Update {
  return {
    isReplacement: false,
    apply: (doc) => keepId(doc, storable(run(steps, doc, false))),
    insert(base) {
      const made = run(steps, base, true)
      if (base._id !== undefined) return keepId(base, storable(made))
      return storable(made)
    },
  }
}

function keepId(before: Doc, after: Doc): Doc {
  if (!identical(before._id!, after._id!)) {
    fail(
      'ImmutableField',
      `After applying the update, the (immutable) field '_id' was found to have been altered to ${show({ _id: after._id! })}`,
    )
  }
  return identical(before, after) ? before : after
}

function run(steps: readonly Step[], doc: Doc, inserting: boolean): Doc {
  const draft = new Draft(doc)
  for (const { path, parts, operator, operand } of steps) {
    if (operator.onInsert && !inserting) continue
    const current = draft.get(parts)
    const outcome = operator.apply(current, operand, { path, id: doc._id })
    if (parts[0] === '_id') checkId(doc, path, current, outcome)
    if (outcome === UNCHANGED) continue
    if (outcome === UNSET) draft.unset(parts)
    else if (current === undefined || !identical(current, outcome)) draft.set(parts, outcome)
  }
  return draft.root
}

function checkId(doc: Doc, path: string, current: Value | undefined, outcome: Value | symbol): void {
  if (doc._id === undefined || outcome === UNCHANGED) return
  if (outcome === UNSET ? current === undefined : current !== undefined && identical(current, outcome as Value)) return
  fail('ImmutableField', `Performing an update on the path '${path}' would modify the immutable field '_id'`)
}

/** All operators' paths in the order in which MongoDB applies them, which shows in the order of new fields. */
function parseSteps(update: Doc): Step[] {
  const steps: Step[] = []
  for (const [name, fields] of Object.entries(update)) {
    const operator = Object.hasOwn(updateOperators, name) ? updateOperators[name] : undefined
    if (operator === undefined) {
      if (knownToMongo.has(name)) notImplemented(`the update operator ${name}`)
      fail(
        'FailedToParse',
        `Unknown modifier: ${name}. Expected a valid update modifier or pipeline-style update specified as an array`,
      )
    }
    if (!isDoc(fields)) {
      fail(
        'FailedToParse',
        `Modifiers operate on fields but we found type ${typeof fields} instead. For example: {$mod: {<field>: ...}} not {${name}: ${show(fields)}}`,
      )
    }
    for (const [path, operand] of Object.entries(fields as Doc)) {
      steps.push({ path, parts: parsePath(path), operator: operator!, operand })
      operator!.check?.(operand, path)
    }
  }
  steps.sort((a, b) => comparePaths(a.parts, b.parts))
  for (let at = 1; at < steps.length; at++) {
    const [before, after] = [steps[at - 1]!, steps[at]!]
    if (before.parts.every((part, depth) => part === after.parts[depth])) {
      fail(
        'ConflictingUpdateOperators',
        `Updating the path '${after.path}' would create a conflict at '${before.path}'`,
      )
    }
  }
  return steps
}

function parsePath(path: string): readonly string[] {
  const parts = splitPath(path)
  for (const part of parts) {
    if (part === '')
      fail('EmptyFieldName', `The update path '${path}' contains an empty field name, which is not allowed.`)
    if (part === '$' || part.startsWith('$[')) notImplemented(`the positional operator ${part} in an update`)
    if (part.startsWith('$')) {
      fail(
        'DollarPrefixedFieldName',
        `The dollar ($) prefixed field '${part}' in '${path}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
      )
    }
    if (part === '__proto__' || part === '_bsontype') notImplemented(`the field name '${part}'`)
  }
  return parts
}

/** Numeric names by number, others by text, a path before those that continue it. */
function comparePaths(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [left, right] = [a[at]!, b[at]!]
    if (left === right) continue
    return isIndex(left) && isIndex(right) ? Number(left) - Number(right) : compareStrings(left, right)
  }
  return a.length - b.length
}
