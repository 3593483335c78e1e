// Compiles the `u` of an update: a replacement, operators over paths, or a pipeline. Applying it gives a new document
// and leaves the old one as it was. Errors are those of MongoDB.
import { newContext } from '../aggregate/context.ts'
import { compileStages, stageName, stages, updateStages } from '../aggregate/pipeline.ts'
import { identical } from '../compare.ts'
import { fail } from '../errors.ts'
import type { Query } from '../query/filter.ts'
import { matchedPosition } from '../query/position.ts'
import { type Doc, isDoc, type Maybe, show, type Value } from '../values.ts'
import { compileModification } from './operator-update.ts'
import { storable } from './storable.ts'
import { ArrayFilters } from './update-path.ts'

export interface Update {
  isReplacement: boolean
  /** The new document, or the same object if nothing changes. `query` is the one that found `doc`. */
  apply(doc: Doc, query: Query): Doc
  /** The document that an upsert inserts. `base` holds the equalities of its filter. */
  insert(base: Doc): Doc
}

export function compileUpdate(update: Maybe, arrayFilters?: Maybe): Update {
  const filters = new ArrayFilters(arrayFilters)
  if (Array.isArray(update)) {
    if (arrayFilters !== undefined)
      fail('FailedToParse', 'arrayFilters may not be specified for pipeline-style updates')
    return pipeline(update)
  }
  if (!isDoc(update)) return fail('FailedToParse', 'Update argument must be either an object or an array')
  if (Object.keys(update)[0]?.startsWith('$')) return modification(update, filters)
  if (arrayFilters !== undefined)
    fail('FailedToParse', 'arrayFilters may not be specified for replacement-style updates')
  return replacement(update)
}

function replacement(body: Doc): Update {
  return {
    isReplacement: true,
    apply(doc) {
      const result = storable('_id' in body ? body : { _id: doc._id!, ...body })
      return keepId(doc, result)
    },
    insert(base) {
      if (base._id === undefined) return storable(body)
      return keepId(base, storable('_id' in body ? body : { _id: base._id, ...body }))
    },
  }
}

function modification(body: Doc, filters: ArrayFilters): Update {
  const run = compileModification(body, filters)
  return {
    isReplacement: false,
    apply: (doc, query) => keepId(doc, storable(run(doc, false, () => matchedPosition(query.source, doc)))),
    insert(base) {
      const made = run(base, true, () =>
        fail('BadValue', 'The positional operator did not find the match needed from the query.'),
      )
      return base._id === undefined ? storable(made) : keepId(base, storable(made))
    },
  }
}

function pipeline(stages: Value[]): Update {
  const run = compilePipelineUpdate(stages)
  return {
    isReplacement: false,
    apply: (doc) => keepId(doc, storable(run(doc))),
    insert(base) {
      const made = storable(run(base))
      return base._id === undefined ? made : keepId(base, made)
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

/** A new document without an `_id` keeps the old one. */
export function compilePipelineUpdate(pipeline: Value[]): (doc: Doc) => Doc {
  for (const stage of pipeline) {
    const name = stageName(stage)
    if (Object.hasOwn(stages, name) && !updateStages.includes(name)) {
      fail('InvalidOptions', `${name} is not allowed to be used within an update`)
    }
  }
  const run = compileStages(pipeline, newContext())
  return (doc) => {
    const [made] = run([doc]) as [Doc]
    return '_id' in made || doc._id === undefined ? made : { _id: doc._id, ...made }
  }
}
