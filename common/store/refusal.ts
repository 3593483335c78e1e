// A store that refuses what it was given to write, as opposed to one that cannot write now. The same again is refused again.

import { BSON, MongoServerError } from 'mongodb'

/** MongoDB's codes for a document, or an update of one, that is wrong in itself. */
const OF_CONTENT: ReadonlySet<unknown> = new Set([
  2, // BadValue
  9, // FailedToParse
  14, // TypeMismatch, as $inc of a text
  22, // InvalidBSON
  28, // PathNotViable
  121, // DocumentValidationFailure
  10334, // BSONObjectTooLarge
  17419, // the document would be too large after the update
])

/** Whether an operation failed for what was to be written, so that trying again is in vain. */
export function isRefusedForItsContent(error: unknown): error is Error {
  if (error instanceof MongoServerError) return OF_CONTENT.has(error.code)
  return error instanceof BSON.BSONError
}
