// The event stream without Redis: numbered events in collections of MongoDB, appended in one transaction that also
// moves the counter. Commits are therefore in the order of their numbers, and a reader never skips one. A position is
// `<incarnation>/<number>`, so that one of a stream that was deleted since means nothing in the next.

import { ChannelUnavailable } from '../../common/channel/channel.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import type { Store } from '../../common/store/store.ts'
import { isDuplicateKey } from '../../common/store/store.ts'
import { positionText, type StreamDocument, streamRows } from './repository.ts'

/** Events per transaction, where batches that wait are appended together: far below what MongoDB takes. */
const MAX_GROUP = 5_000

type Waiting = { batch: readonly string[]; resolve(): void; reject(error: unknown): void }

/** The store is the caller's: closing the stream leaves it open. */
export async function connectMongoEventStream(store: Store): Promise<EventStream> {
  const create = () =>
    streamRows.create(store).catch((error: unknown) => {
      if (!isDuplicateKey(error)) throw error // else another process made it in this moment
    })
  await create()
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
        while (!(await store.transaction((tx) => streamRows.append(tx, payloads)))) await create()
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
      const { appended, trimmed, incarnation } = await streamRows.ends(store)
      let from = Math.max(numberIn(after, incarnation, appended), trimmed) + 1
      let found: { number: number; payload: string }[] = []
      while (found.length === 0 && from <= appended) {
        const to = Math.min(from + limit - 1, appended)
        found = numbered(await streamRows.between(store, from, to)).filter(
          ({ number }) => number >= from && number <= to,
        )
        // Documents were deleted by somebody: what comes after them must not wait for them.
        from = found.length > 0 ? from : ((await streamRows.nextAfter(store, to)) ?? appended + 1)
      }
      return found.map(({ number, payload }) => ({ position: `${incarnation}/${positionText(number)}`, payload }))
    },

    async trim(upTo) {
      assertOpen()
      const { appended, incarnation } = await streamRows.ends(store)
      await streamRows.trim(store, numberIn(upTo, incarnation, appended))
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

/** In our own collection, too, somebody may have written what is none of ours: the reader sets it aside. */
function numbered(documents: readonly StreamDocument[]): { number: number; payload: string }[] {
  return documents.flatMap(({ _id, payloads }) =>
    (Array.isArray(payloads) ? payloads : [payloads]).map((payload, n) => ({ number: Number(_id) + n, payload })),
  )
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

/** The number of a position; 0, which is before everything, where it is not of this incarnation. */
function numberIn(position: string | null, incarnation: string, appended: number): number {
  const [of, text = ''] = position?.split('/') ?? []
  const number = /^\d{16}$/.test(text) ? Number(text) : 0
  return of === incarnation && number <= appended ? number : 0
}
