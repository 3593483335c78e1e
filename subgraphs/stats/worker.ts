// The worker: reads the stream after the stored position and folds batch after batch, each with its new position in
// one transaction, so that a crash neither loses nor counts twice, and two workers never count the same.

import { setTimeout as sleep } from 'node:timers/promises'
import { appsByCode } from '../../common/apps/apps.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import type { Services } from '../../common/services.ts'
import type { Tx } from '../../common/store/rows.ts'
import { readRecord, type StreamRecord } from './events.ts'
import { fold, seenKey } from './fold.ts'
import { position, rollups, seenEvents, tallies } from './repository.ts'

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

type Outcome = 'folded' | 'empty' | 'overtaken'

export function startStatsWorker(services: Services, stream: EventStream, options: WorkerOptions): StatsWorker {
  const { store, log, now } = services
  const { name, pollMs = 1_000, batch: fullBatch = 2_000 } = options
  const status: WorkerStatus = { position: null, folded: 0, lastFoldedAt: null, failures: 0, lastError: null }
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
    // A batch that fails again and again is tried in ever smaller parts.
    const limit = Math.max(1, Math.floor(fullBatch / 2 ** status.failures))
    const entries = await stream.read(status.position, limit)
    const last = entries.at(-1)?.position
    if (last === undefined) return 'empty'
    const records = entries.flatMap(({ payload }) => readOrTell(payload))
    const done = await store.transaction(async (tx) => {
      if (!(await position.move(tx, name, status.position, last))) return false
      await foldInto(tx, records, now())
      return true
    })
    positionKnown = done
    if (!done) return 'overtaken'
    status.position = last
    status.folded += records.length
    status.lastFoldedAt = now()
    await trim(last)
    return 'folded'
  }

  async function findPosition(): Promise<void> {
    status.position = await position.read(store, name)
    positionKnown = true
    // A crash may have come between the commit and this.
    if (status.position !== null) await trim(status.position)
  }

  /** What is folded and not trimmed is never read again: the next trim takes it along. */
  async function trim(upTo: string): Promise<void> {
    await stream.trim(upTo).catch((error: unknown) => log.warn({ err: error }, 'the event stream was not trimmed'))
  }

  function readOrTell(payload: string): StreamRecord[] {
    const record = readRecord(payload)
    if (record) return [record]
    log.error({ payload: payload.slice(0, 1_000) }, 'the event stream holds what is no event: it is left out')
    return []
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

async function foldInto(tx: Tx, records: readonly StreamRecord[], now: number): Promise<void> {
  const codes = [...new Set(records.map(({ app }) => app))]
  const zones = new Map((await appsByCode(tx, codes)).flatMap((app) => (app ? [[app._id, app.zone]] : [])))
  const keys = records.flatMap((record) => ('refused' in record ? [] : seenKey(record)))
  const seen = await seenEvents.among(tx, [...new Set(keys)])
  const folded = fold(records, { zones, seen })
  await seenEvents.remember(tx, folded.counted, seen, now)
  await rollups.add(tx, folded.rollups, now)
  await tallies.add(tx, folded.tallies)
}
