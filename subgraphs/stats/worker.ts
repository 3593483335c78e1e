// The worker: folds the event stream into rollups, batch after batch.
//
// 1. Read a batch from the stream, after the stored position.
// 2. Check its records. Invalid ones are set aside: stored with the reason, and not counted.
// 3. In one transaction: move the position, add to rollups and tallies, remember the ids, store what was set aside.
// 4. After the commit: trim the stream up to the new position.
//
// The position is moved by compare and set. So a crash neither loses an event nor counts it twice, and of two workers only
// one commits a batch. When the store or the stream fails, the worker tries again later.

import { setTimeout as sleep } from 'node:timers/promises'
import { appsByCode } from '../../common/apps/apps.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import type { Services } from '../../common/command/services.ts'
import type { Tx } from '../../common/store/collection.ts'
import { isRefusedForItsContent } from '../../common/store/store-errors.ts'
import { type Folded, fold, seenKey } from './fold.ts'
import { position, rollups, type SetAsideRecord, seenEvents, setAside, tallies } from './repository.ts'
import { readRecord, type StreamRecord } from './stream-records.ts'

export type WorkerOptions = {
  /** The name of the stream. The position is stored under it. */
  name: string
  /** How often the worker looks for events that other processes accepted, in ms. */
  pollMs?: number
  /** Events per transaction. Requests of apps wait while a batch is computed: at 1,000 about 5 ms, at 2,000 twice as long. */
  batch?: number
}

export type WorkerStatus = {
  position: string | null
  /** Records folded since the start. */
  folded: number
  lastFoldedAt: number | null
  /** Records set aside since the start. */
  setAside: number
  /** The newest record that was set aside, by this worker, or by another one before this one started. */
  lastSetAside: { position: string; reason: string; at: number } | null
  /** Failed attempts in a row, up to now. */
  failures: number
  lastError: string | null
}

export type StatsWorker = {
  /** Call it when this process has appended something: the worker then looks at once. */
  wake(): void
  /** Folds until the stream is empty. Rejects when an attempt fails; then nothing is lost, and the worker goes on trying. */
  drain(): Promise<void>
  status(): WorkerStatus
  /** Ends after the current batch. */
  stop(): Promise<void>
}

/** How long the worker waits for more events before it folds, so that many small appends share one transaction. */
const GATHER_MS = 50
const MAX_BACKOFF_MS = 30_000

/** At most this many records in a row are set aside because the store refuses them. After that, the store is to blame. */
const MAX_REFUSED_IN_ROW = 100

/** `overtaken`: another worker has folded this batch. */
type Outcome = 'folded' | 'empty' | 'overtaken'

/** `last` is the position of its last record. */
type Batch = { last: string; records: ValidRecord[]; invalid: SetAsideRecord[] }
type ValidRecord = { position: string; payload: string; record: StreamRecord }

export function startStatsWorker(services: Services, stream: EventStream, options: WorkerOptions): StatsWorker {
  const { store, log, now } = services
  const { name, pollMs = 1_000, batch: fullBatch = 1_000 } = options
  const status: WorkerStatus = {
    position: null,
    folded: 0,
    lastFoldedAt: null,
    setAside: 0,
    lastSetAside: null,
    failures: 0,
    lastError: null,
  }
  /**
   * Events in the next batch. A failure halves it, because the batch may be too large, or because one record of it fails.
   * A success doubles it again.
   */
  let limit = fullBatch
  let refusedInRow = 0
  const stopping = new AbortController()
  let wakeUp = Promise.withResolvers<void>()
  /** Whether `status.position` should be the stored position. */
  let positionKnown = false
  let running: Promise<unknown> = Promise.resolve()

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
    await sleep(ms, undefined, { signal: either }).catch(() => {}) // The signal ended the pause early, on purpose.
  }

  /** Runs one batch at a time, also when `drain` and the loop ask at the same time. */
  function foldNext(): Promise<Outcome> {
    const next = running.then(foldBatch)
    running = next.catch(() => {}) // The caller of foldNext gets the error.
    return next
  }

  async function foldBatch(): Promise<Outcome> {
    try {
      const outcome = await tryBatch()
      status.failures = 0
      status.lastError = null
      return outcome
    } catch (error) {
      positionKnown = false // It may also be unknown whether the last commit happened.
      status.failures++
      status.lastError = error instanceof Error ? error.message : String(error)
      log.error({ err: error, failures: status.failures }, 'folding events failed and will be tried again')
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
        if (batch.records.length > 1) continue // The store refuses one of them: smaller batches show which one.
        if (batch.records.length === 0 || ++refusedInRow > MAX_REFUSED_IN_ROW) throw error
        const [record] = batch.records
        const refused = { ...batch, records: [], invalid: [...batch.invalid, toSetAside(record!, error.message)] }
        return await commit(refused)
      }
    }
  }

  function readBatch(entries: readonly { position: string; payload: string }[]): Batch {
    const batch: Batch = { last: entries.at(-1)!.position, records: [], invalid: [] }
    for (const entry of entries) {
      const record = readRecord(entry.payload)
      if ('invalid' in record) batch.invalid.push(toSetAside(entry, record.invalid))
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

  async function commit({ last, records, invalid }: Batch): Promise<Outcome> {
    const aside = await store.transaction(async (tx) => {
      if (!(await position.move(tx, name, status.position, last))) return undefined
      const { failed } = await foldInto(
        tx,
        records.map(({ record }) => record),
        now(),
      )
      const all = [...invalid, ...failed.map(({ index, reason }) => toSetAside(records[index]!, reason))]
      await setAside.add(tx, name, all)
      return all
    })
    positionKnown = aside !== undefined
    if (!aside) return 'overtaken'
    limit = Math.min(fullBatch, limit * 2)
    status.position = last
    status.folded += records.length + invalid.length - aside.length
    status.lastFoldedAt = now()
    if (aside.length > 0) reportSetAside(aside)
    await trim(last)
    return 'folded'
  }

  /** Logs one line for a batch, so that many such records do not fill the log. */
  function reportSetAside(aside: readonly SetAsideRecord[]): void {
    const { position, reason, payload, at } = aside.at(-1)!
    status.setAside += aside.length
    status.lastSetAside = { position, reason, at: at.getTime() }
    const last = { position, reason, payload: payload.slice(0, 500) }
    log.error({ records: aside.length, last }, 'records of the event stream cannot be folded and were set aside')
  }

  async function findPosition(): Promise<void> {
    status.position = await position.read(store, name)
    const before = (await setAside.of(store, name))?.newest.at(-1)
    if (before) status.lastSetAside = { position: before.position, reason: before.reason, at: before.at.getTime() }
    positionKnown = true
    // The worker before may have crashed between its commit and its trim.
    if (status.position !== null) await trim(status.position)
  }

  /** A failure is harmless: folded events are never read again, and the next trim removes them too. */
  async function trim(upTo: string): Promise<void> {
    await stream.trim(upTo).catch((error: unknown) => log.warn({ err: error }, 'the event stream was not trimmed'))
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
