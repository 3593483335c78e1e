// The worker: reads the stream after the stored position and folds batch after batch, each with its new position in
// one transaction, so that a crash neither loses nor counts twice, and two workers never count the same. A record that
// cannot be folded is set aside in the same transaction. A store or stream that fails is asked again: nothing is lost.

import { setTimeout as sleep } from 'node:timers/promises'
import { appsByCode } from '../../common/apps/apps.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import type { Services } from '../../common/command/services.ts'
import type { Tx } from '../../common/store/collection.ts'
import { isRefusedForItsContent } from '../../common/store/refusal.ts'
import { readRecord, type StreamRecord } from './events.ts'
import { type Folded, fold, seenKey } from './fold.ts'
import { position, rollups, type SetAsideRecord, seenEvents, setAside, tallies } from './repository.ts'

export type WorkerOptions = {
  /** Of the stream: positions of one mean nothing in another. */
  name: string
  /** How often to look for what other processes accepted, in milliseconds. */
  pollMs?: number
  /** Events per transaction. */
  batch?: number
}

export type WorkerStatus = {
  position: string | null
  /** Since the start. */
  folded: number
  lastFoldedAt: number | null
  /** Records that were set aside since the start. */
  setAside: number
  /** The newest that any worker of this stream has set aside, as far as this one knows. */
  lastSetAside: { position: string; reason: string; at: number } | null
  /** In a row, up to now. */
  failures: number
  lastError: string | null
}

export type StatsWorker = {
  /** Something was appended in this process. */
  wake(): void
  /** Folds until the stream is empty. Rejects when that fails; nothing is lost, the worker goes on trying. */
  drain(): Promise<void>
  status(): WorkerStatus
  /** Ends after the batch that it is folding. */
  stop(): Promise<void>
}

/** Time for more to arrive, so that many small appends are one transaction. */
const GATHER_MS = 50
const MAX_BACKOFF_MS = 30_000

/** So many records in a row are set aside because the store refuses them. One more, and it is the store that is wrong. */
const MAX_REFUSED_IN_ROW = 100

type Outcome = 'folded' | 'empty' | 'overtaken'

type Batch = { last: string; records: Readable[]; unreadable: SetAsideRecord[] }
type Readable = { position: string; payload: string; record: StreamRecord }

export function startStatsWorker(services: Services, stream: EventStream, options: WorkerOptions): StatsWorker {
  const { store, log, now } = services
  const { name, pollMs = 1_000, batch: fullBatch = 2_000 } = options
  const status: WorkerStatus = {
    position: null,
    folded: 0,
    lastFoldedAt: null,
    setAside: 0,
    lastSetAside: null,
    failures: 0,
    lastError: null,
  }
  /** Halved by a batch that fails, which may be too much at once, or hold a record that fails; doubled by one that does not. */
  let limit = fullBatch
  let refusedInRow = 0
  const stopping = new AbortController()
  let wakeUp = Promise.withResolvers<void>()
  /** Whether `status.position` is what the store has, as far as we know. */
  let positionKnown = false
  let running: Promise<unknown> = Promise.resolve()

  /** One batch at a time in this worker, whoever asks for it. */
  function foldNext(): Promise<Outcome> {
    const next = running.then(foldBatch)
    running = next.catch(() => {}) // whoever asked hears of it
    return next
  }

  async function foldBatch(): Promise<Outcome> {
    try {
      const outcome = await tryBatch()
      status.failures = 0
      status.lastError = null
      return outcome
    } catch (error) {
      positionKnown = false // whether the last commit happened may be unknown, too
      status.failures++
      status.lastError = error instanceof Error ? error.message : String(error)
      log.error({ err: error, failures: status.failures }, 'folding events failed: it will be tried again')
      throw error
    }
  }

  async function tryBatch(): Promise<Outcome> {
    if (!positionKnown) await findPosition()
    for (;;) {
      const entries = await stream.read(status.position, limit)
      if (entries.length === 0) return 'empty'
      const batch = readBatch(entries)
      try {
        const outcome = await commit(batch)
        refusedInRow = 0
        return outcome
      } catch (error) {
        limit = Math.max(1, Math.floor(Math.min(limit, entries.length) / 2))
        if (!isRefusedForItsContent(error)) throw error
        if (batch.records.length > 1) continue // some record in it; the smaller part shows which
        if (batch.records.length === 0 || ++refusedInRow > MAX_REFUSED_IN_ROW) throw error
        const [record] = batch.records
        const refused = { ...batch, records: [], unreadable: [...batch.unreadable, toSetAside(record!, error.message)] }
        return await commit(refused)
      }
    }
  }

  function readBatch(entries: readonly { position: string; payload: string }[]): Batch {
    const batch: Batch = { last: entries.at(-1)!.position, records: [], unreadable: [] }
    for (const entry of entries) {
      const record = readRecord(entry.payload)
      if ('unreadable' in record) batch.unreadable.push(toSetAside(entry, record.unreadable))
      else batch.records.push({ ...entry, record })
    }
    return batch
  }

  const toSetAside = ({ position, payload }: { position: string; payload: unknown }, reason: string) => ({
    position,
    reason,
    payload: String(payload),
    at: new Date(now()),
  })

  async function commit({ last, records, unreadable }: Batch): Promise<Outcome> {
    const aside = await store.transaction(async (tx) => {
      if (!(await position.move(tx, name, status.position, last))) return undefined
      const { failed } = await foldInto(
        tx,
        records.map(({ record }) => record),
        now(),
      )
      const all = [...unreadable, ...failed.map(({ index, reason }) => toSetAside(records[index]!, reason))]
      await setAside.add(tx, name, all)
      return all
    })
    positionKnown = aside !== undefined
    if (!aside) return 'overtaken'
    limit = Math.min(fullBatch, limit * 2)
    status.position = last
    status.folded += records.length + unreadable.length - aside.length
    status.lastFoldedAt = now()
    if (aside.length > 0) tellSetAside(aside)
    await trim(last)
    return 'folded'
  }

  /** One line for a batch: a flood of such records must not fill the log. */
  function tellSetAside(aside: readonly SetAsideRecord[]): void {
    const { position, reason, payload, at } = aside.at(-1)!
    status.setAside += aside.length
    status.lastSetAside = { position, reason, at: at.getTime() }
    const last = { position, reason, payload: payload.slice(0, 500) }
    log.error({ records: aside.length, last }, 'records of the event stream cannot be folded: they are set aside')
  }

  async function findPosition(): Promise<void> {
    status.position = await position.read(store, name)
    const before = (await setAside.of(store, name))?.newest.at(-1)
    if (before) status.lastSetAside = { position: before.position, reason: before.reason, at: before.at.getTime() }
    positionKnown = true
    // A crash may have come between the commit and this.
    if (status.position !== null) await trim(status.position)
  }

  /** What is folded and not trimmed is never read again: the next trim takes it along. */
  async function trim(upTo: string): Promise<void> {
    await stream.trim(upTo).catch((error: unknown) => log.warn({ err: error }, 'the event stream was not trimmed'))
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const outcome = await foldNext().catch(() => 'failed' as const)
      if (outcome === 'failed') await pause(Math.min(MAX_BACKOFF_MS, 100 * 2 ** Math.min(status.failures, 10)))
      if (outcome === 'empty') await waitForMore()
    }
  }

  async function waitForMore(): Promise<void> {
    const waiting = new AbortController()
    await Promise.race([wakeUp.promise, pause(pollMs, waiting.signal)])
    waiting.abort()
    wakeUp = Promise.withResolvers()
    await pause(GATHER_MS)
  }

  async function pause(ms: number, signal?: AbortSignal): Promise<void> {
    const either = signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal
    await sleep(ms, undefined, { signal: either }).catch(() => {}) // cut short on purpose
  }

  const ended = run()
  return {
    wake: () => wakeUp.resolve(),
    async drain() {
      while ((await foldNext()) !== 'empty');
    },
    status: () => ({ ...status }),
    async stop() {
      stopping.abort()
      await ended
      await running
    },
  }
}

async function foldInto(tx: Tx, records: readonly StreamRecord[], now: number): Promise<Folded> {
  const codes = [...new Set(records.map(({ app }) => app))]
  const zones = new Map((await appsByCode(tx, codes)).flatMap((app) => (app ? [[app._id, app.zone]] : [])))
  const keys = records.flatMap((record) => seenKey(record) ?? [])
  const seen = await seenEvents.among(tx, [...new Set(keys)])
  const folded = fold(records, { zones, seen })
  await seenEvents.remember(tx, folded.counted, seen, now)
  await rollups.add(tx, folded.rollups, now)
  await tallies.add(tx, folded.tallies)
  return folded
}
