// Keeps the node's table in step with the channel: a full load once subscribed, documents as they are notified,
// a comparison with the manifests every few seconds, a full reload every few minutes and after interruptions.
// Whatever fails is counted, logged and tried again; the table goes on serving what it holds, and what was fetched
// before a failure is not fetched again.

import { createProblemLog, type ProblemLogger } from '../../common/base/problem-log.ts'
import { type Address, type Channel, MOST_UNREADABLE } from '../../common/channel/channel.ts'
import { addressName } from '../../engine/publication/address.ts'
import type { SigningKeys } from '../../engine/publication/sign.ts'
import { startBeats } from './beats.ts'
import { createLoader, type LoadCounters, type Loaded } from './load.ts'
import { createTable, type Table } from './table.ts'
import { createUnreadable } from './unreadable.ts'

export type SyncOptions = {
  channel: Channel
  keys: SigningKeys
  /** This node's name in its heartbeats. */
  node: string
  /** Milliseconds since the Unix epoch. */
  clock?: () => number
  log: ProblemLogger
  intervals?: Partial<SyncIntervals>
}

/** All in ms; the first two vary by a quarter either way, so that nodes do not act all at once. */
export type SyncIntervals = {
  compare: number
  reload: number
  /** Until the next try while the node is not ready. */
  retry: number
  /** For so long a starting node waits for delivery to heal documents that cannot be read; then it serves the others. */
  grace: number
  beat: number
  beatAfterChange: number
}

const INTERVALS: SyncIntervals = {
  compare: 3_000,
  reload: 300_000,
  retry: 500,
  grace: 4_000,
  beat: 2_000,
  beatAfterChange: 25,
}

export type SyncStatus = LoadCounters & {
  ready: boolean
  /** Ms since a comparison began after which everything that the channel names was held; null before the first. */
  stalenessMs: number | null
  /** Documents that the node should hold, and of which the channel now has none, none that can be read, or an older one. */
  unreadable: number
  /** The names of some of these. */
  unreadableNames: string[]
  interruptions: number
  reloads: number
  /** Attempts that failed as a whole, as when the channel is out of reach. */
  failures: number
}

export type Sync = {
  /** The present table. Take it once per request, and whatever follows is of one moment. */
  readonly table: Table
  /**
   * Whether the node has once held everything that it should serve, save for documents that nobody could read for the time of
   * grace. It never becomes false again.
   */
  readonly ready: boolean
  /** Whether an app that the list names has no settings here, so that a key may be known to others and not to this node. */
  readonly lacksSettings: boolean
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
  const problems = createProblemLog(log)
  const stopping = new AbortController()
  const { signal } = stopping

  let table = createTable(keys)
  const present = () => table
  let inStepAt: number | undefined
  let ready = false
  let lacksSettings = false
  /** Since when the node would be ready but for documents that cannot be read, as `performance.now()` has it. */
  let waitingSince: number | undefined
  const unreadable = createUnreadable()
  const readiness = Promise.withResolvers<void>()

  const beats = startBeats({
    channel,
    node,
    clock,
    table: present,
    isReady: () => ready,
    unreadable: () => unreadable.names(MOST_UNREADABLE),
    everyMs: intervals.beat,
    afterChangeMs: intervals.beatAfterChange,
    onFailure: (error) => failed('sending a heartbeat', error),
    onSuccess: () => problems.resolve('sending a heartbeat'),
  })
  const loader = createLoader({
    channel,
    keys,
    counters,
    problems,
    signal,
    unreadable,
    onApplied(address) {
      // The first load is no change: a node that starts has nothing to tell of each slot.
      if (ready) beats.changed(address)
    },
    onUnreadable: () => beats.soon(),
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
  /** What the reload under way has fetched; it goes on with the rest after a failure. */
  let reloaded = new Set<string>()
  let wasInterrupted = false
  let wake = () => {}

  async function runRound(): Promise<void> {
    const began = clock()
    if (wasInterrupted) {
      reloadDue = 0
      reloaded = new Set()
    }
    wasInterrupted = false
    const loaded = await attempt('keeping in step', async () => {
      subscription ??= await channel.listen(listener)
      if (events.reloads === 0) return firstLoad()
      // First what differs, so that even reloads that are cut off again and again bring what is new.
      const compared = await loader.compare(present)
      return performance.now() < reloadDue ? compared : reload()
    })
    if (loaded === undefined) return
    lacksSettings = (table.apps() ?? []).some((app) => !table.settings(app))
    if (loaded === 'all') inStepAt = began
    if (!ready && mayServe(loaded)) becomeReady()
  }

  /** Nothing is held yet, or what an earlier try has brought: comparing loads what is missing. */
  async function firstLoad(): Promise<Loaded> {
    const loaded = await loader.compare(present)
    endReload()
    return loaded
  }

  async function reload(): Promise<Loaded> {
    const next = await loader.copy(table)
    let loaded: Loaded
    try {
      loaded = await loader.loadAll(() => next, reloaded)
    } finally {
      // What was notified meanwhile is in the old table only. No await here: readers see one or the other.
      for (const held of table.held()) next.adopt(held)
      table = next
    }
    endReload()
    return loaded
  }

  function endReload(): void {
    events.reloads += 1
    reloaded = new Set()
    reloadDue = performance.now() + vary(intervals.reload)
    beats.soon()
  }

  /** One slot whose document cannot be read must not keep the node from serving all the others for ever. */
  function mayServe(loaded: Loaded): boolean {
    if (loaded === 'less') {
      waitingSince = undefined
      return false
    }
    waitingSince ??= performance.now()
    return loaded === 'all' || performance.now() - waitingSince >= intervals.grace
  }

  function becomeReady(): void {
    ready = true
    beats.soon()
    readiness.resolve()
  }

  async function runRounds(): Promise<void> {
    while (!signal.aborted) {
      await pause(ready ? vary(intervals.compare) : intervals.retry)
      if (!signal.aborted) await runRound()
    }
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
      problems.resolve(what)
      return result
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) failed(what, error)
      return undefined
    }
  }

  function failed(what: string, error: unknown): void {
    events.failures += 1
    problems.report(what, 'failed', error)
  }

  await runRound()
  const rounds = runRounds()
  return {
    get table() {
      return table
    },
    get ready() {
      return ready
    },
    get lacksSettings() {
      return lacksSettings
    },
    untilReady: () => readiness.promise,
    status: () => ({
      ...counters,
      ...events,
      ready,
      unreadable: unreadable.size,
      unreadableNames: unreadable.names(5),
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
