// Keeps the node's table in step with the channel: a full load once subscribed, documents as they are notified,
// a comparison with the manifests every few seconds, a full reload every few minutes and after interruptions.
// Whatever fails is counted, logged and tried again; the table goes on serving what it holds.

import type { Address, Channel } from '../../common/channel/channel.ts'
import type { SigningKeys } from '../../common/publication/sign.ts'
import { startBeats } from './beats.ts'
import { createLoader, type LoadCounters } from './load.ts'
import { addressName, createTable, type Table } from './table.ts'
import { createTroubles, type SyncLog } from './troubles.ts'

export type SyncOptions = {
  channel: Channel
  keys: SigningKeys
  /** This node's name in its heartbeats. */
  node: string
  /** Milliseconds since the Unix epoch. */
  clock?: () => number
  log: SyncLog
  intervals?: Partial<SyncIntervals>
}

/** All in ms; the first two vary by a quarter either way, so that nodes do not act all at once. */
export type SyncIntervals = {
  compare: number
  reload: number
  /** Until the next try while the node is not ready. */
  retry: number
  beat: number
  beatAfterChange: number
}

const INTERVALS: SyncIntervals = { compare: 3_000, reload: 300_000, retry: 500, beat: 2_000, beatAfterChange: 25 }

export type SyncStatus = LoadCounters & {
  ready: boolean
  /** Ms since a comparison began after which everything that the channel names was held; null before the first. */
  stalenessMs: number | null
  interruptions: number
  reloads: number
  /** Attempts that failed as a whole, as when the channel is out of reach. */
  failures: number
}

export type Sync = {
  /** The present table. Take it once per request, and whatever follows is of one moment. */
  readonly table: Table
  /** Whether the node has once held everything that it should serve. It never becomes false again. */
  readonly ready: boolean
  /** Resolves when the node is ready. */
  untilReady(): Promise<void>
  status(): SyncStatus
  stop(): Promise<void>
}

/** Resolves after the first attempt to load, whether it made the node ready or not. */
export async function startSync(options: SyncOptions): Promise<Sync> {
  const { channel, keys, node, clock = Date.now, log } = options
  const intervals = { ...INTERVALS, ...options.intervals }
  const counters = { applied: 0, notHigher: 0, missing: 0, corrupt: 0, forged: 0 }
  const events = { interruptions: 0, reloads: 0, failures: 0 }
  const troubles = createTroubles(log)
  const stopping = new AbortController()
  const { signal } = stopping

  let table = createTable(keys)
  const present = () => table
  let inStepAt: number | undefined
  const readiness = Promise.withResolvers<void>()

  const beats = startBeats({
    channel,
    node,
    clock,
    table: present,
    isReady: () => inStepAt !== undefined,
    everyMs: intervals.beat,
    afterChangeMs: intervals.beatAfterChange,
    onFailure: (error) => failed('sending a heartbeat', error),
    onSuccess: () => troubles.end('sending a heartbeat'),
  })
  const loader = createLoader({
    channel,
    keys,
    counters,
    troubles,
    signal,
    onApplied(address) {
      // The first load is no change: a node that starts has nothing to tell of each slot.
      if (inStepAt !== undefined) beats.changed(address)
    },
  })

  // ---- notifications: fetched at once, one batch after another, so that no older answer comes after a newer one

  const notified = new Map<string, Address>()
  let fetching: Promise<void> | undefined
  const listener = {
    changed(address: Address) {
      notified.set(addressName(address), address)
      fetching ??= fetchNotified()
    },
    interrupted() {
      events.interruptions += 1
      wasInterrupted = true
      wake()
    },
  }

  async function fetchNotified(): Promise<void> {
    while (notified.size > 0 && !signal.aborted) {
      const addresses = [...notified.values()]
      notified.clear()
      await attempt('fetching what was notified', async () => {
        const known = new Set(table.apps())
        await loader.fetch(present, addresses)
        for (const app of table.apps() ?? []) if (!known.has(app)) await loader.compareApp(present, app)
      })
    }
    fetching = undefined
  }

  // ---- rounds: one after another, each a comparison or, when it is due, a full reload

  let subscription: { stop(): Promise<void> } | undefined
  let reloadDue = 0
  let wasInterrupted = false
  let wake = () => {}

  async function runRound(): Promise<void> {
    const began = clock()
    if (wasInterrupted) reloadDue = 0
    wasInterrupted = false
    const inStep = await attempt('keeping in step', async () => {
      subscription ??= await channel.listen(listener)
      return performance.now() < reloadDue ? loader.compare(present) : reload()
    })
    if (!inStep) return
    const isFirst = inStepAt === undefined
    inStepAt = began
    if (isFirst) beats.soon()
    readiness.resolve()
  }

  async function runRounds(): Promise<void> {
    while (!signal.aborted) {
      await pause(inStepAt === undefined ? intervals.retry : vary(intervals.compare))
      if (!signal.aborted) await runRound()
    }
  }

  async function reload(): Promise<boolean> {
    const { table: next, complete } = await loader.rebuild(table)
    // What was notified meanwhile is in the old table only. No await from here on: readers see one or the other.
    for (const held of table.held()) next.adopt(held)
    table = next
    events.reloads += 1
    reloadDue = performance.now() + vary(intervals.reload)
    beats.soon()
    return complete
  }

  /** Until the time is over, or somebody wakes us or has wanted to since the round began. */
  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (wasInterrupted || signal.aborted) wake()
    })
  }

  // ---- failures

  async function attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work()
      troubles.end(what)
      return result
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) failed(what, error)
      return undefined
    }
  }

  function failed(what: string, error: unknown): void {
    events.failures += 1
    troubles.begin(what, 'failed', error)
  }

  await runRound()
  const rounds = runRounds()
  return {
    get table() {
      return table
    },
    get ready() {
      return inStepAt !== undefined
    },
    untilReady: () => readiness.promise,
    status: () => ({
      ...counters,
      ...events,
      ready: inStepAt !== undefined,
      stalenessMs: inStepAt === undefined ? null : clock() - inStepAt,
    }),
    async stop() {
      stopping.abort()
      wake()
      await Promise.all([rounds, fetching, beats.stop()])
      await attempt('unsubscribing', async () => subscription?.stop())
    },
  }
}

/** Three to five quarters of it, by chance. */
function vary(ms: number): number {
  return ms * (0.75 + Math.random() / 2)
}
