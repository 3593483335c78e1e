// The form of the cases of commands, and the steps and answers that many of them share.
import { expect } from '@jest/globals'
import type { AnyDocument } from '../support.ts'

export type CommandStep = [command: AnyDocument, answer: AnyDocument | number, more?: StepOptions]

export interface StepOptions {
  /** The database, if it is not that of the case. The driver sends it as `$db`. */
  on?: string
  /** Use another session than that of the case. The driver sends it as `lsid`. */
  otherSession?: true
  /** The driver sends it as `$readPreference`. To a single server it sends it only if it is not 'primary'. */
  readPreference?: 'secondaryPreferred' | 'nearest'
}

export type CommandCase = [sentence: string, ...steps: CommandStep[]]

/** Placeholders for values that are known only when the case runs. */
export const known = {
  cursor: '<the id of the last cursor>',
  database: '<the name of the database>',
  session: '<the id of the session>',
  number: '<a number that the session has not used>',
}

export const done = { ok: 1 }
export const admin: StepOptions = { on: 'admin' }
export const otherSession: StepOptions = { otherSession: true }

export const filled = (...documents: AnyDocument[]): CommandStep => [
  { insert: 'c', documents },
  { n: documents.length },
]
export const numbers = filled({ _id: 1, a: 1 }, { _id: 2, a: 2 }, { _id: 3, a: 2 })
export const batch = (...firstBatch: AnyDocument[]) => ({ cursor: { firstBatch } })
export const left = (...documents: AnyDocument[]): CommandStep => [{ find: 'c', sort: { _id: 1 } }, batch(...documents)]
export const ids = (...list: number[]) => batch(...list.map((_id) => ({ _id })))
export const idOnly = { projection: { _id: 1 } }
export const duplicate = (index: number) => expect.objectContaining({ index, code: 11000 })
export const idIndex = { v: 2, key: { _id: 1 }, name: '_id_' }
export const aIndex = { v: 2, key: { a: 1 }, name: 'a_1' }
export const indexed: CommandStep = [
  { createIndexes: 'c', indexes: [{ key: { a: 1 }, name: 'a_1' }] },
  { numIndexesBefore: 1, numIndexesAfter: 2 },
]
// The fields that make a command part of a transaction, or its first command.
export const inside = { txnNumber: known.number, autocommit: false }
export const first = { ...inside, startTransaction: true }
export const commit: CommandStep = [{ commitTransaction: 1, ...inside }, done, admin]
export const abort: CommandStep = [{ abortTransaction: 1, ...inside }, done, admin]
