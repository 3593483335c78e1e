// The stages there are. To add one, write it and its line here.

import type { Doc, Value } from '../../values.ts'
import type { Context } from '../context.ts'
import { compileAddFields, compileProject, compileUnset } from '../fields.ts'
import { bucket, sortByCount } from './bucket.ts'
import { compileGroup } from './group.ts'
import { lookup } from './lookup.ts'
import { count, facet, limit, match, replaceRoot, replaceWith, skip, sort } from './simple.ts'
import type { MakeStage } from './stage.ts'
import { unwind } from './unwind.ts'

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

/** Those that an update may consist of. */
export const updateStages = ['$addFields', '$set', '$project', '$unset', '$replaceRoot', '$replaceWith']
