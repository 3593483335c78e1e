// The insertion half of an upsert, for update and findAndModify.
import type { Collection } from '../store/collection.ts'
import type { Unit } from '../store/unit.ts'
import type { Update } from '../update/update.ts'
import { upsertBase } from '../update/upsert.ts'
import type { Doc } from '../values.ts'

/** Returns the document that was inserted. */
export function upsert(collection: Collection, unit: Unit, filter: Doc, change: Update): Doc {
  const made = change.insert(upsertBase(filter, change.isReplacement))
  collection.insert(unit, made)
  return made
}
