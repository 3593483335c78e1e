// Logs and times the commands of the driver and the transactions of the store. Each has a log line at debug, with the id of its
// request, and a metric by command and collection.

import type { CommandFailedEvent, CommandStartedEvent, CommandSucceededEvent, MongoClient } from 'mongodb'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { currentRequestId } from '../base/request-id.ts'

export type StoreObserver = { log: Logger; metrics: Metrics }

type Begun = { collection: string; requestId: string | undefined }
type Ended = CommandSucceededEvent | CommandFailedEvent

export function observeCommands(client: MongoClient, { log, metrics }: StoreObserver): void {
  const begun = new Map<string, Begun>()
  // The request is known only when a command starts. Its end is reported outside the context of the request.
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

/** Runs a transaction and observes it. `attempts`: how often it has started so far. */
export async function observeTransaction<T>(
  { log, metrics }: StoreObserver,
  attempts: () => number,
  isRefusal: (error: unknown) => boolean,
  run: () => Promise<T>,
): Promise<T> {
  const began = performance.now()
  const observe = (outcome: 'committed' | 'refused' | 'failed') => {
    metrics.transaction(outcome, attempts())
    log.debug({ outcome, attempts: attempts(), ms: Math.round(performance.now() - began) }, 'transaction')
  }
  try {
    const result = await run()
    observe('committed')
    return result
  } catch (error) {
    observe(isRefusal(error) ? 'refused' : 'failed')
    throw error
  }
}

function nameOf({ connectionId, requestId }: { connectionId?: unknown; requestId: number }): string {
  return `${connectionId}/${requestId}`
}

/** Empty for a command without a collection, such as commitTransaction. */
function collectionOf({ commandName, command }: CommandStartedEvent): string {
  const named = commandName === 'getMore' ? command.collection : command[commandName]
  return typeof named === 'string' ? named : ''
}
