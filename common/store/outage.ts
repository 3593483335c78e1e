// A store that is out of reach is UNAVAILABLE to clients, not INTERNAL: they may try again, and nothing is broken.

import { MongoNetworkError, MongoNotConnectedError, MongoServerSelectionError, MongoTopologyClosedError } from 'mongodb'
import { AlkaidError } from '../base/errors.ts'

const OUTAGES = [MongoNetworkError, MongoNotConnectedError, MongoServerSelectionError, MongoTopologyClosedError]

/** Known to the driver by name only. */
const WAITED_TOO_LONG = 'MongoWaitQueueTimeoutError'

/** Runs an operation; what the driver throws for want of a server becomes UNAVAILABLE. */
export async function orUnavailable<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    if (!isOutage(error)) throw error
    throw new AlkaidError('UNAVAILABLE', 'The store is out of reach: try again')
  }
}

function isOutage(error: unknown): boolean {
  return OUTAGES.some((kind) => error instanceof kind) || (error instanceof Error && error.name === WAITED_TOO_LONG)
}
