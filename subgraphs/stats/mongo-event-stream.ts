// The event stream without Redis: numbered events in collections of MongoDB, appended in one transaction that also
// moves the counter. Commits are therefore in the order of their numbers, and a reader never skips one.

import { ChannelUnavailable } from '../../common/channel/errors.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import type { Store } from '../../common/store/store.ts'
import { isDuplicateKey } from '../../common/store/store.ts'
import { positionText, streamRows } from './repository.ts'

/** Events per transaction, where batches that wait are appended together: far below what MongoDB takes. */
const MAX_GROUP = 5_000

type Waiting = { batch: readonly string[]; resolve(): void; reject(error: unknown): void }

/** The store is the caller's: closing the stream leaves it open. */
export async function connectMongoEventStream(store: Store): Promise<EventStream> {
  await streamRows.create(store).catch((error: unknown) => {
    if (!isDuplicateKey(error)) throw error // else another process made it in this moment
  })
  let closed = false
  let waiting: Waiting[] = []
  let appending: Promise<void> | undefined

  /** Batches that come while one transaction runs share the next, for transactions would only wait for each other. */
  async function appendWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const group = takeGroup(waiting)
      waiting = waiting.slice(group.length)
      try {
        const payloads = group.flatMap(({ batch }) => batch)
        await store.transaction((tx) => streamRows.append(tx, payloads))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    appending = undefined
  }

  function assertOpen(): void {
    if (closed) throw new ChannelUnavailable('The event stream is closed')
  }

  return {
    async append(batch) {
      assertOpen()
      if (batch.length === 0) return
      await new Promise<void>((resolve, reject) => {
        waiting.push({ batch, resolve, reject })
        appending ??= appendWaiting()
      })
    },

    async read(after, limit) {
      assertOpen()
      const given = after === null ? 0 : numberOf(after)
      const { appended, trimmed } = await streamRows.ends(store)
      const from = Math.max(given, trimmed) + 1
      const to = Math.min(from + limit - 1, appended)
      if (from > to) return []
      const documents = await streamRows.between(store, from, to)
      return documents.flatMap(({ _id, payloads }) => {
        const first = numberOf(_id)
        return payloads
          .slice(Math.max(0, from - first), Math.max(0, to - first + 1))
          .map((payload, n) => ({ position: positionText(Math.max(first, from) + n), payload }))
      })
    },

    async trim(upTo) {
      assertOpen()
      await streamRows.trim(store, numberOf(upTo))
    },

    async length() {
      assertOpen()
      const { appended, trimmed } = await streamRows.ends(store)
      return appended - trimmed
    },

    async close() {
      closed = true
      await appending
    },
  }
}

/** The first that wait, as many as fit in one transaction; a larger batch goes alone. */
function takeGroup(waiting: readonly Waiting[]): Waiting[] {
  let events = 0
  const end = waiting.findIndex(({ batch }, n) => {
    events += batch.length
    return n > 0 && events > MAX_GROUP
  })
  return waiting.slice(0, end < 0 ? waiting.length : end)
}

function numberOf(position: string): number {
  if (/^\d{16}$/.test(position)) return Number(position)
  throw new RangeError(`Not a position of this stream: ${JSON.stringify(position)}.`)
}
