// Recognizes a write that the store refuses because of its content, for example a document that is too large. Trying again does not
// help. (outage.ts is about a store that cannot write at the moment.)

import { BSON, MongoServerError } from 'mongodb'

/** MongoDB's error codes for an invalid document or an invalid update. */
const OF_CONTENT: ReadonlySet<unknown> = new Set([
  2, // BadValue
  9, // FailedToParse
  14, // TypeMismatch, for example $inc of a text
  22, // InvalidBSON
  28, // PathNotViable
  121, // DocumentValidationFailure
  10334, // BSONObjectTooLarge
  17419, // the document would be too large after the update
])

/** Whether an operation failed because of the content of its write. Then trying again is useless. */
export function isRefusedForItsContent(error: unknown): error is Error {
  if (error instanceof MongoServerError) return OF_CONTENT.has(error.code)
  return error instanceof BSON.BSONError
}
