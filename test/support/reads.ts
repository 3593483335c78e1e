// What the database is asked while something runs, through the driver's command monitoring.

import type { CommandStartedEvent, CommandSucceededEvent, Document } from 'mongodb'
import type { Store } from '../../common/store/store.ts'

/** collection -> how many commands read it and how many counted in it; what fetches more of the same read is none. */
export type Reads = Record<string, { reads: number; counts: number }>

export async function readsDuring<T>(store: Store, work: () => Promise<T>): Promise<{ answer: T; reads: Reads }> {
  const reads: Reads = {}
  const note = ({ commandName, command }: CommandStartedEvent) => {
    if (!['find', 'aggregate', 'count', 'distinct'].includes(commandName)) return
    const collection = String(command[commandName])
    reads[collection] ??= { reads: 0, counts: 0 }
    reads[collection][isCount(command) ? 'counts' : 'reads'] += 1
  }
  store.client.on('commandStarted', note)
  try {
    return { answer: await work(), reads }
  } finally {
    store.client.off('commandStarted', note)
  }
}

/** The driver counts by an aggregation that groups everything into one. */
function isCount(command: Document): boolean {
  const last = (command.pipeline as Document[] | undefined)?.at(-1)
  return command.count !== undefined || last?.$group?.n?.$sum === 1
}

/** collection -> how many documents came back from it. */
export type Documents = Record<string, number>

export async function documentsDuring(store: Store, work: () => Promise<unknown>): Promise<Documents> {
  const documents: Documents = {}
  const note = ({ reply }: CommandSucceededEvent) => {
    const { cursor } = reply as { cursor?: { ns: string; firstBatch?: unknown[]; nextBatch?: unknown[] } }
    if (!cursor) return
    const collection = cursor.ns.slice(cursor.ns.indexOf('.') + 1)
    documents[collection] ??= 0
    documents[collection] += (cursor.firstBatch ?? cursor.nextBatch ?? []).length
  }
  store.client.on('commandSucceeded', note)
  try {
    await work()
    return documents
  } finally {
    store.client.off('commandSucceeded', note)
  }
}
