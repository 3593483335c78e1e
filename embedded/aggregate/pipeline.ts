// The table of all stages, and how a pipeline is compiled: each stage once, to a function over all documents. To add a
// stage, write it in stages/ and add its line here.
import { fail, notImplemented } from '../errors.ts'
import { unsupportedStages } from '../unsupported.ts'
import { type Doc, isDoc, type Value } from '../values.ts'
import type { Context } from './context.ts'
import { compileAddFields, compileProject, compileUnset } from './projection.ts'
import { bucket, compileGroup, sortByCount } from './stages/group.ts'
import { lookup } from './stages/lookup.ts'
import { count, facet, limit, match, replaceRoot, replaceWith, skip, sort } from './stages/simple.ts'
import type { MakeStage, Stage } from './stages/stage.ts'
import { unwind } from './stages/unwind.ts'

/** A stage that changes each document by itself. */
function each(compile: (spec: Value, context: Context) => (doc: Doc) => Doc): MakeStage {
  return (spec, context) => {
    const change = compile(spec, context)
    return (documents) => documents.map(change)
  }
}

export const stages: Record<string, MakeStage> = {
  $match: match,
  $group: compileGroup,
  $sort: sort,
  $limit: limit,
  $skip: skip,
  $project: each(compileProject),
  $addFields: each(compileAddFields),
  $set: each(compileAddFields),
  $unset: each(compileUnset),
  $unwind: unwind,
  $lookup: lookup,
  $facet: facet,
  $bucket: bucket,
  $sortByCount: sortByCount,
  $count: count,
  $replaceRoot: replaceRoot,
  $replaceWith: replaceWith,
}

/** The stages that the pipeline of an update may have. */
export const updateStages = ['$addFields', '$set', '$project', '$unset', '$replaceRoot', '$replaceWith']

export interface Pipeline {
  /** The filter of a leading `$match`. The collection evaluates it, with the help of its indexes. */
  filter: Value | undefined
  stages: Stage[]
}

export function compilePipeline(spec: Value | undefined, context: Context): Pipeline {
  if (!Array.isArray(spec)) return fail('TypeMismatch', "'pipeline' option must be specified as an array")
  const compiled = spec.map((stage) => compileStage(stage, context))
  const first = spec[0] as Doc | undefined
  if (first?.$match !== undefined) return { filter: first.$match, stages: compiled.slice(1) }
  return { filter: undefined, stages: compiled }
}

/** All stages as one, for a pipeline inside a stage or an update. */
export function compileStages(spec: Value | undefined, context: Context): Stage {
  if (!Array.isArray(spec)) return fail('TypeMismatch', "'pipeline' option must be specified as an array")
  const compiled = spec.map((stage) => compileStage(stage, context))
  return (documents) => compiled.reduce<readonly Doc[]>((result, stage) => stage(result), documents)
}

/** The name of a stage: the only field of its specification. */
export function stageName(spec: Value): string {
  if (!isDoc(spec)) return fail('TypeMismatch', "Each element of the 'pipeline' array must be an object")
  const [name, ...more] = Object.keys(spec)
  if (name === undefined || more.length > 0) {
    return fail('Location40323', 'A pipeline stage specification object must contain exactly one field.')
  }
  return name
}

function compileStage(spec: Value, context: Context): Stage {
  const name = stageName(spec)
  const make = Object.hasOwn(stages, name) ? stages[name] : undefined
  if (make !== undefined) return make((spec as Doc)[name]!, context, compileStages)
  if (unsupportedStages.has(name)) return notImplemented(`the aggregation stage ${name}`)
  return fail('Location40324', `Unrecognized pipeline stage name: '${name}'`)
}
