// Recognizes three kinds of errors of the store:
// - The store is out of reach, or its disk refuses writes. That becomes UNAVAILABLE and not INTERNAL, because nothing is broken in Alkaid
//   and the client may try again.
// - The store refuses a write because of its content, for example a document that is too large. Trying again does not help.
// - A unique index has the value already.

import {
  BSON,
  type CommandFailedEvent,
  type CommandSucceededEvent,
  type MongoClient,
  MongoError,
  MongoNetworkError,
  MongoNotConnectedError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from 'mongodb'
import { AlkaidError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'

const OUTAGES = [MongoNetworkError, MongoNotConnectedError, MongoServerSelectionError, MongoTopologyClosedError]

/** The driver does not export this class, so it is found by its name. */
const WAITED_TOO_LONG = 'MongoWaitQueueTimeoutError'

/** MongoDB's error code -> why the disk refused a write. */
const DISK_REFUSALS: Record<number, string> = {
  14031: 'its disk is full', // OutOfDiskSpace
  39: 'its disk cannot be written', // FileStreamFailed
}

/** Runs an operation. Throws UNAVAILABLE when the server is out of reach, and when the disk of the server refuses the write. */
export async function orUnavailable<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    if (isOutage(error)) throw new AlkaidError('UNAVAILABLE', 'The store is out of reach: try again')
    const refusal = diskRefusal(error)
    if (refusal) {
      const message = `Nothing was changed, because the store cannot write: ${refusal}. Reading goes on; try again later`
      throw new AlkaidError('UNAVAILABLE', message)
    }
    throw error
  }
}

function isOutage(error: unknown): boolean {
  return OUTAGES.some((kind) => error instanceof kind) || (error instanceof Error && error.name === WAITED_TOO_LONG)
}

function diskRefusal(error: unknown): string | undefined {
  return error instanceof MongoServerError ? DISK_REFUSALS[Number(error.code)] : undefined
}

const WRITES = new Set(['insert', 'update', 'delete', 'findAndModify', 'commitTransaction', 'createIndexes'])

/** Returns a function: why the store refused the last write, or undefined. Logs when refusals begin and when they end. */
export function watchWrites(client: MongoClient, log: Logger | undefined): () => string | undefined {
  let refused: string | undefined
  client.on('commandFailed', ({ failure }: CommandFailedEvent) => {
    const refusal = diskRefusal(failure)
    if (!refusal) return
    if (!refused) log?.error({ err: failure }, `the store refuses writes: ${refusal}`)
    refused = refusal
  })
  client.on('commandSucceeded', ({ commandName }: CommandSucceededEvent) => {
    if (!refused || !WRITES.has(commandName)) return
    refused = undefined
    log?.warn({}, 'the store takes writes again')
  })
  return () => refused
}

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

/** Whether a unique index refused a value because it already exists. */
export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoError && error.code === 11000
}
