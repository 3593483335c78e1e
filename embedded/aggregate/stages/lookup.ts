// `$lookup` adds an array of documents of another collection: those with an equal field, or the result of a pipeline.

import { keyOf } from '../../compare.ts'
import { fail, notImplemented } from '../../errors.ts'
import { someAt, splitPath } from '../../paths.ts'
import { type Doc, field, isArrayIndex, isDoc, type Maybe, type Value } from '../../values.ts'
import type { Context, Expression } from '../context.ts'
import { scopeOf } from '../context.ts'
import { compileExpression } from '../expression.ts'
import { checkVariable } from '../expressions/arguments.ts'
import { fieldPath, type MakeStage, setPath } from './stage.ts'

export const lookup: MakeStage = (spec, context, compile) => {
  const { from, as, localField, foreignField, pipeline, variables } = parse(spec)
  if (context.documentsOf === undefined) return notImplemented('$lookup outside the command aggregate')
  const path = fieldPath(as)
  const values = Object.entries(variables).map(([name, value]) => ({ name, value: compileExpression(value, context) }))
  // The values of `let` for the current document. The inner pipeline is compiled once, and reads them here. This state
  // is safe: the whole command runs without waiting, and each $lookup has an object of its own.
  const current: Record<string, Maybe> = {}
  const inner =
    pipeline === undefined ? undefined : compile(pipeline, withLetVariables(context, Object.keys(variables), current))
  const documentsOf = context.documentsOf
  return (documents) => {
    const foreign = documentsOf(
      from,
      localField === undefined ? undefined : narrowing(documents, localField, foreignField!),
    )
    const equals = localField === undefined ? undefined : equality(foreign, localField, foreignField!)
    return documents.map((doc) => {
      for (const { name, value } of values) current[name] = value(scopeOf(doc))
      const candidates = equals === undefined ? foreign : equals(doc)
      return setPath(doc, path, 0, [...(inner === undefined ? candidates : inner(candidates))]) as Doc
    })
  }
}

function withLetVariables(context: Context, names: readonly string[], current: Record<string, Maybe>): Context {
  const variables = new Map<string, Expression>(context.variables)
  for (const name of names) variables.set(name, () => current[name])
  return { ...context, variables }
}

/** A filter that leaves out only documents without a match. An index can serve it. Only if all values are text. */
function narrowing(documents: readonly Doc[], localField: string, foreignField: string): Doc | undefined {
  const parts = splitPath(localField)
  const locals = documents.map((doc) => localValues(doc, parts))
  const values = new Set(locals.flatMap((local) => local.values))
  const isText = locals.every(({ hasGaps }) => !hasGaps) && [...values].every((value) => typeof value === 'string')
  return isText ? { [foreignField]: { $in: [...values] } } : undefined
}

/** Finds the documents with an equal value, as a filter for equality would, through a hash table of all values. */
function equality(foreign: readonly Doc[], localField: string, foreignField: string): (doc: Doc) => readonly Doc[] {
  const byKey = new Map<string, number[]>()
  const foreignParts = splitPath(foreignField)
  for (const [at, doc] of foreign.entries()) {
    const keys = new Set<string>()
    someAt(doc, foreignParts, 0, true, (value) => {
      keys.add(keyOf(value ?? null))
      return false
    })
    for (const key of keys) byKey.set(key, [...(byKey.get(key) ?? []), at])
  }
  const localParts = splitPath(localField)
  return (doc) => {
    const local = localValues(doc, localParts)
    const found = new Set<number>()
    for (const value of local.values) for (const at of byKey.get(keyOf(value)) ?? []) found.add(at)
    // MongoDB's two engines differ: an empty array, or a missing field in an array, can also mean null.
    if (local.hasGaps && (byKey.get(keyOf(null)) ?? []).some((at) => !found.has(at))) {
      notImplemented('$lookup of an empty array, or of a field missing inside an array, where null would match')
    }
    return [...found].sort((a, b) => a - b).map((at) => foreign[at]!)
  }
}

interface LocalValues {
  values: Value[]
  hasGaps: boolean
}

/** All values at the path. An array gives its elements. A missing field outside arrays counts as null. */
function localValues(doc: Doc, parts: readonly string[]): LocalValues {
  const result: LocalValues = { values: [], hasGaps: false }
  collect(doc, parts, 0, false, result)
  return result
}

function collect(value: Maybe, parts: readonly string[], at: number, inArray: boolean, result: LocalValues): void {
  if (Array.isArray(value)) {
    if (at < parts.length && isArrayIndex(parts[at]!)) notImplemented('$lookup by a position in an array')
    if (value.length === 0) result.hasGaps = true
    if (at === parts.length) result.values.push(...value)
    else for (const element of value) collect(Array.isArray(element) ? undefined : element, parts, at, true, result)
  } else if (at === parts.length && value !== undefined) result.values.push(value)
  else if (at < parts.length && isDoc(value)) collect(field(value, parts[at]!), parts, at + 1, inArray, result)
  else if (inArray) result.hasGaps = true
  else result.values.push(null)
}

interface Lookup {
  from: string
  as: string
  localField: string | undefined
  foreignField: string | undefined
  pipeline: Value | undefined
  variables: Doc
}

function parse(spec: Value): Lookup {
  if (!isDoc(spec)) return fail('FailedToParse', 'the $lookup stage specification must be an object')
  for (const [name, value] of Object.entries(spec)) {
    if (!['from', 'as', 'localField', 'foreignField', 'pipeline', 'let'].includes(name))
      fail('FailedToParse', `unknown argument to $lookup: ${name}`)
    if (name === 'from' && isDoc(value)) notImplemented('$lookup from another database')
    if (!['pipeline', 'let'].includes(name) && typeof value !== 'string')
      fail('FailedToParse', `$lookup argument '${name}' must be a string`)
  }
  const { pipeline, let: variables } = spec
  const text = (name: string) => spec[name] as string | undefined
  const [from, as, localField, foreignField] = [text('from'), text('as'), text('localField'), text('foreignField')]
  if (as === undefined) return fail('FailedToParse', "must specify 'as' field for a $lookup")
  if (from === undefined)
    return pipeline === undefined
      ? fail('FailedToParse', "must specify 'from' field for a $lookup")
      : notImplemented("$lookup without 'from'")
  if (
    (localField === undefined) !== (foreignField === undefined) ||
    (localField === undefined && pipeline === undefined)
  ) {
    return fail('FailedToParse', "$lookup requires both or neither of 'localField' and 'foreignField' to be specified")
  }
  if (variables !== undefined && pipeline === undefined)
    fail('FailedToParse', "$lookup with a 'let' argument must specify 'pipeline'")
  if (variables !== undefined && !isDoc(variables))
    return fail('FailedToParse', "$lookup argument 'let' must be an object")
  if (localField !== undefined) fieldPath(localField)
  if (foreignField !== undefined) fieldPath(foreignField)
  for (const name of Object.keys(variables ?? {})) checkVariable(name)
  return { from, as, localField, foreignField, pipeline, variables: variables ?? {} }
}
