// Makes UNAVAILABLE of two kinds of failures: the store is out of reach, or its disk refuses writes. They are not INTERNAL, because
// nothing is broken in Alkaid and the client may try again.

import {
  type CommandFailedEvent,
  type CommandSucceededEvent,
  type MongoClient,
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
