// Keeps the node's table up to date with the channel. The life of a node, in order:
//
// 0. Load the snapshot on disk, if there is a valid one, and serve it at once (snapshot.ts).
// 1. Subscribe to notifications, so that the node misses no later change.
// 2. First load: read the list of apps, each app's manifest, and every document that a manifest names.
// 3. Ready: the table has everything, or the time of grace for unreadable documents is over. The node serves from now on.
// 4. On each notification: fetch that document at once.
// 5. Every 3 s: compare the table with the manifests, and fetch what differs.
// 6. Every 5 min, and after lost notifications: load everything into a copy of the table, then serve from the copy.
// 7. Every second, and 25 ms after a change: send a heartbeat.
// 8. Every second: prepare the opening times of the slots ahead (opening-times.ts), and write what changed to the snapshot.
//
// Each failure is counted, logged and tried again. The table goes on serving what it has. A document that was fetched
// before the failure is not fetched again.

import { createProblemLog, type ProblemLogger } from '../../common/base/problem-log.ts'
import { createTimeSlices, type TimeSlices } from '../../common/base/time-slices.ts'
import { type Address, type Channel, ChannelUnavailable, MOST_UNREADABLE } from '../../common/channel/channel.ts'
import { addressName, OPERATIONS } from '../../engine/publication/address.ts'
import type { SigningKeys } from '../../engine/publication/sign.ts'
import type { OperationList } from '../../engine/publication/types.ts'
import { startHeartbeats } from './heartbeats.ts'
import { type Completeness, createLoader, type LoadCounters } from './loader.ts'
import { startPreparation } from './opening-times.ts'
import { openSnapshot, type SnapshotStatus } from './snapshot.ts'
import { createTable, type Table } from './table.ts'
import { createUnreadableDocuments } from './unreadable-documents.ts'

export type SyncOptions = {
  channel: Channel
  keys: SigningKeys
  /** This node's name in its heartbeats. */
  node: string
  /** Where the snapshot is. Undefined: this node keeps none. */
  snapshotFolder?: string | undefined
  /** Milliseconds since the Unix epoch. */
  clock?: () => number
  log: ProblemLogger
  /** Called with each list of operations that a document brings. Those that are there from the beginning are in the table. */
  onOperations?(list: OperationList): void
  intervals?: Partial<SyncIntervals>
}

/** All in ms. `compare` and `reload` vary by up to a quarter, so that the nodes do not all act at once. */
export type SyncIntervals = {
  compare: number
  reload: number
  /** Until the next try while the node is not ready. */
  retry: number
  /** How long a starting node waits until delivery has repaired unreadable documents. Then it serves without them. */
  grace: number
  heartbeat: number
  heartbeatAfterChange: number
}

const INTERVALS: SyncIntervals = {
  compare: 3_000,
  reload: 300_000,
  retry: 500,
  grace: 4_000,
  heartbeat: 1_000,
  heartbeatAfterChange: 25,
}

export type SyncStatus = LoadCounters & {
  ready: boolean
  /** Where the table comes from. `snapshot`: the channel was not reached since the start. Null: the table is empty. */
  source: 'snapshot' | 'channel' | null
  /** For how long the channel has not answered, in ms; null: it answers. */
  unreachableMs: number | null
  snapshot: SnapshotStatus | null
  /** `unknown`: perhaps Redis sends none. Then the node finds changes only by comparing manifests. */
  notifications: 'on' | 'unknown'
  /** Ms since the start of the newest comparison after which the table had everything; null before the first. */
  stalenessMs: number | null
  /** How many documents the node should have and cannot read: missing, corrupt, forged, or older than its own copy. */
  unreadable: number
  /** The names of at most five of them. */
  unreadableNames: string[]
  /** How often notifications may have been lost. */
  interruptions: number
  reloads: number
  /** Attempts that failed as a whole, for example because the channel is out of reach. */
  failures: number
}

export type Sync = {
  /** The current table. Take it once per request, so that the whole answer comes from one table. */
  readonly table: Table
  /** Whether the node may serve. Once true, it stays true, even when the channel is out of reach. */
  readonly ready: boolean
  /** Whether the settings of a listed app are missing here. Then an app key that is unknown here may still be valid. */
  readonly lacksSettings: boolean
  /** For how long the table was not compared with the channel, in ms. Infinity: never, and the snapshot does not say when. */
  cutOffMs(): number
  /** Resolves when the node is ready. */
  untilReady(): Promise<void>
  status(): SyncStatus
  /** The time that long work on this node shares. */
  readonly slices: TimeSlices
  stop(): Promise<void>
}

/** Resolves when the snapshot is loaded. Without one: after the first try to load from the channel, successful or not. */
export async function startSync(options: SyncOptions): Promise<Sync> {
  const { channel, keys, node, snapshotFolder, clock = Date.now, log } = options
  const intervals = { ...INTERVALS, ...options.intervals }
  const counters = { applied: 0, notHigher: 0, missing: 0, corrupt: 0, forged: 0 }
  const events = { interruptions: 0, reloads: 0, failures: 0 }
  const problems = createProblemLog(log)
  const stopping = new AbortController()
  const { signal } = stopping

  const slices = createTimeSlices()

  const snapshot = snapshotFolder ? openSnapshot({ folder: snapshotFolder, keys, clock, slices, problems }) : undefined

  let table = createTable()
  const currentTable = () => table
  let ready = false
  let source: SyncStatus['source'] = null
  /** When the channel stopped to answer (ms since the Unix epoch). */
  let unreachableSince: number | undefined
  let lacksSettings = false
  /** When the newest comparison began after which the table had everything. */
  let completeAt: number | undefined
  /** When the newest comparison began that the channel answered, even if some documents were not readable. */
  let comparedAt: number | undefined
  /** The value of `performance.now()` when only unreadable documents began to keep the node from being ready. */
  let graceBegan: number | undefined
  const readiness = Promise.withResolvers<void>()
  const unreadable = createUnreadableDocuments()

  const heartbeats = startHeartbeats({
    channel,
    node,
    clock,
    table: currentTable,
    isReady: () => ready,
    unreadable: () => unreadable.names(MOST_UNREADABLE),
    everyMs: intervals.heartbeat,
    afterChangeMs: intervals.heartbeatAfterChange,
    onFailure: (error) => reportFailure('sending a heartbeat', error),
    onSuccess: () => reportSuccess('sending a heartbeat'),
  })
  const loader = createLoader({
    channel,
    keys,
    counters,
    problems,
    signal,
    unreadable,
    slices,
    clock,
    onApplied(address, table, text) {
      appliedInReload?.push(address)
      snapshot?.add(address, text)
      const operations = address !== 'apps' && address.code === OPERATIONS && table.operations(address.app)
      if (operations) options.onOperations?.(operations)
      // The first load is not a change. A starting node does not report each slot.
      if (ready) heartbeats.reportChange(address)
    },
    onSealedAnew: (address, text) => snapshot?.add(address, text),
    onUnreadable: () => heartbeats.sendSoon(),
  })

  // ---- Rounds, one after another: the first load, then comparisons and reloads (steps 1, 2, 3, 5 and 6)

  let subscription: { stop(): Promise<void> } | undefined
  let wasInterrupted = false
  /** The value of `performance.now()` from which on the next round reloads. */
  let reloadDue = 0
  /** What the current reload has fetched. After a failure, the next round goes on with the rest. */
  let reloaded = new Set<string>()
  /** The documents that came during the current reload. */
  let appliedInReload: Address[] | undefined
  let wake = () => {}

  async function runRounds(): Promise<void> {
    if (source === 'snapshot') await runRound() // without waiting: requests are answered meanwhile
    while (!signal.aborted) {
      await pause(ready ? vary(intervals.compare) : intervals.retry)
      if (!signal.aborted) await runRound()
    }
  }

  async function runRound(): Promise<void> {
    const began = clock()
    if (wasInterrupted) restartReload()
    wasInterrupted = false
    const loaded = await attempt('synchronizing with the channel', async () => {
      subscription ??= await channel.listen(listener)
      if (events.reloads === 0) return firstLoad()
      // The comparison comes first. So changes arrive even when every reload is interrupted.
      const compared = await loader.compare(currentTable)
      return performance.now() < reloadDue ? compared : reload()
    })
    if (loaded === undefined) return
    if (table.apps()) source = 'channel'
    lacksSettings = (table.apps() ?? []).some((app) => !table.settings(app))
    if (loaded === 'complete') completeAt = began
    if (!ready && mayServe(loaded)) becomeReady()
    if (loaded === 'readable' || loaded === 'complete') comparedAt = began
    if (ready && comparedAt !== undefined) snapshot?.confirm(comparedAt)
  }

  async function loadSnapshot(): Promise<void> {
    const loaded = await snapshot?.load((address, text) => loader.restore(currentTable, address, text))
    if (!loaded || !table.apps()) return
    source = 'snapshot'
    completeAt = loaded.completeAt ?? undefined
    comparedAt = completeAt
    log.info({ slots: table.loadedApps().length }, 'serving from the snapshot on disk until the channel is loaded')
    becomeReady()
  }

  /** The table is empty, or has what an earlier try brought. So a comparison loads exactly what is missing. */
  async function firstLoad(): Promise<Completeness> {
    const loaded = await loader.compare(currentTable)
    endReload()
    return loaded
  }

  async function reload(): Promise<Completeness> {
    appliedInReload = []
    let loaded: Completeness
    const next = await loader.copy(table)
    try {
      loaded = await loader.loadAll(() => next, reloaded)
    } finally {
      // Documents of notifications went into the old table meanwhile. There is no `await` between here and the swap:
      // a request sees the old table or the new one, both whole.
      for (const address of appliedInReload) {
        const entry = table.at(address)
        if (entry) next.adopt(entry)
      }
      appliedInReload = undefined
      table = next
    }
    endReload()
    return loaded
  }

  function endReload(): void {
    events.reloads += 1
    reloaded = new Set()
    reloadDue = performance.now() + vary(intervals.reload)
    heartbeats.sendSoon()
  }

  function restartReload(): void {
    reloadDue = 0
    reloaded = new Set()
  }

  /** One unreadable document must not keep the node from serving all the others for ever. */
  function mayServe(loaded: Completeness): boolean {
    if (loaded === 'incomplete') {
      graceBegan = undefined
      return false
    }
    graceBegan ??= performance.now()
    return loaded === 'complete' || performance.now() - graceBegan >= intervals.grace
  }

  function becomeReady(): void {
    ready = true
    heartbeats.sendSoon()
    readiness.resolve()
  }

  /** Ends after `ms`, or earlier when `wake` is called. Ends at once after an interruption during the last round. */
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

  // ---- Notifications: fetched at once, one batch after another, so that no older answer comes after a newer one (step 4)

  const notified = new Map<string, Address>()
  let hasBeenNotified = false
  let fetching: Promise<void> | undefined
  const listener = {
    changed(address: Address) {
      hasBeenNotified = true
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
      await attempt('fetching documents after notifications', async () => {
        const appsBefore = new Set(table.apps())
        await loader.fetch(currentTable, addresses)
        const newApps = (table.apps() ?? []).filter((app) => !appsBefore.has(app))
        for (const app of newApps) await loader.compareApp(currentTable, app)
      })
    }
    fetching = undefined
  }

  // ---- Failures

  async function attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work()
      reportSuccess(what)
      return result
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) reportFailure(what, error)
      return undefined
    }
  }

  function reportSuccess(what: string): void {
    unreachableSince = undefined
    problems.resolve(what)
  }

  function reportFailure(what: string, error: unknown): void {
    events.failures += 1
    if (error instanceof ChannelUnavailable && error.extent === 'all') unreachableSince ??= clock()
    problems.report(what, 'failed', error)
  }

  await loadSnapshot()
  const preparation = startPreparation(currentTable, clock, slices)
  if (!ready) await runRound()
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
    slices,
    cutOffMs: () => (comparedAt === undefined ? Number.POSITIVE_INFINITY : clock() - comparedAt),
    untilReady: () => readiness.promise,
    status: () => ({
      ...counters,
      ...events,
      ready,
      source,
      unreachableMs: unreachableSince === undefined ? null : clock() - unreachableSince,
      snapshot: snapshot?.status() ?? null,
      notifications: hasBeenNotified ? 'on' : channel.notifications(),
      unreadable: unreadable.size,
      unreadableNames: unreadable.names(5),
      stalenessMs: completeAt === undefined ? null : clock() - completeAt,
    }),
    async stop() {
      stopping.abort()
      wake()
      await Promise.all([rounds, fetching, heartbeats.stop(), preparation.stop()])
      await attempt('unsubscribing', async () => subscription?.stop())
      await snapshot?.stop()
    },
  }
}

/** A random time between three quarters and five quarters of `ms`. */
function vary(ms: number): number {
  return ms * (0.75 + Math.random() / 2)
}
