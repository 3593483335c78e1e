// Watches the driver's commands and the store's transactions: each has a line at debug with the id of the request that it
// is for, and is timed by command and collection.

import type { CommandFailedEvent, CommandStartedEvent, CommandSucceededEvent, MongoClient } from 'mongodb'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { currentRequestId } from '../base/request-id.ts'

export type StoreObserver = { log: Logger; metrics: Metrics }

type Begun = { collection: string; requestId: string | undefined }
type Ended = CommandSucceededEvent | CommandFailedEvent

export function observeCommands(client: MongoClient, { log, metrics }: StoreObserver): void {
  const begun = new Map<string, Begun>()
  // An end is told from the connection's own context: whose it is is known only at the begin.
  client.on('commandStarted', (event: CommandStartedEvent) => {
    begun.set(nameOf(event), { collection: collectionOf(event), requestId: currentRequestId() })
  })
  client.on('commandSucceeded', (event) => ended(event, 'ok'))
  client.on('commandFailed', (event) => ended(event, 'failed'))

  function ended(event: Ended, outcome: 'ok' | 'failed'): void {
    const { collection, requestId } = begun.get(nameOf(event)) ?? { collection: '', requestId: undefined }
    begun.delete(nameOf(event))
    const { commandName: command, duration: ms } = event
    metrics.storeCommand(command, collection, outcome, ms)
    log.debug({ requestId, command, collection, outcome, ms }, 'store command')
  }
}

/** Answers what `run` does. `attempts`: how often it has begun up to now. */
export async function observeTransaction<T>(
  { log, metrics }: StoreObserver,
  attempts: () => number,
  isRefusal: (error: unknown) => boolean,
  run: () => Promise<T>,
): Promise<T> {
  const began = performance.now()
  const tell = (outcome: 'committed' | 'refused' | 'failed') => {
    metrics.transaction(outcome, attempts())
    log.debug({ outcome, attempts: attempts(), ms: Math.round(performance.now() - began) }, 'transaction')
  }
  try {
    const result = await run()
    tell('committed')
    return result
  } catch (error) {
    tell(isRefusal(error) ? 'refused' : 'failed')
    throw error
  }
}

function nameOf({ connectionId, requestId }: { connectionId?: unknown; requestId: number }): string {
  return `${connectionId}/${requestId}`
}

/** Empty for a command on no collection, as commitTransaction. */
function collectionOf({ commandName, command }: CommandStartedEvent): string {
  const named = commandName === 'getMore' ? command.collection : command[commandName]
  return typeof named === 'string' ? named : ''
}
