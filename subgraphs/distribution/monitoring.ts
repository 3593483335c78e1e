// Health checks and metrics of a node: whether it is ready, how stale its table is, and what went wrong with the channel.

import { counter, counters, gauge, type Metrics } from '../../common/base/metrics.ts'
import { OPERATIONS, SETTINGS } from '../../common/channel/channel.ts'
import type { Checks } from '../../common/service/health.ts'
import type { NodeOperations } from './app-operations.ts'
import type { CapTokenCounts } from './decisions.ts'
import type { Sync } from './sync.ts'

/** A comparison runs every three seconds. After ten failures in a row the check warns. */
const STALE_MS = 30_000

export function distributionChecks(sync: Sync): Checks {
  return {
    /** A node that was ready once stays ready, however long the channel is out of reach. Then the check only warns. */
    channel() {
      const { ready, unreadableNames, ...status } = sync.status()
      const { stalenessMs, unreadable, unreachableMs, source, snapshot, notifications } = status
      const unreadableText =
        unreadable > 0
          ? `${unreadable} documents are missing, unreadable or too old: ${unreadableNames.join(', ')}`
          : ''
      if (!ready) {
        const problem =
          unreachableMs === null
            ? 'this node has not yet loaded everything that the channel names'
            : `this node has no snapshot, and the channel has not answered for ${seconds(unreachableMs)}: it keeps trying`
        return { ...status, problem: unreadableText ? `${problem}; ${unreadableText}` : problem }
      }
      const silent =
        unreachableMs === null
          ? ''
          : `the channel has not answered for ${seconds(unreachableMs)}: served is what was there before`
      const restored = source === 'snapshot' ? 'served is the snapshot on disk, until the channel is loaded' : ''
      const unnotified =
        notifications === 'on'
          ? ''
          : 'Redis forbids CONFIG: unless its notify-keyspace-events contains K$, changes are found by comparing manifests, up to 4 s later'
      const unwritten = snapshot?.failure ? `the snapshot on disk cannot be written: ${snapshot.failure}` : ''
      const stale =
        stalenessMs !== null && stalenessMs > STALE_MS
          ? `the table may be out of date: the last complete comparison with the channel was ${seconds(stalenessMs)} ago`
          : ''
      const warnings = [silent, restored, stale, unreadableText, unnotified, unwritten]
      return { ...status, warning: warnings.filter(Boolean).join('; ') || undefined }
    },
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}

export function measureDistribution(metrics: Metrics, sync: Sync, capTokens: CapTokenCounts): void {
  const name = (what: string) => `alkaid_distribution_${what}`
  gauge(
    metrics,
    { name: name('ready'), help: '1 once the node has loaded everything that it should serve.', workers: 'min' },
    () => (sync.ready ? 1 : 0),
  )
  gauge(
    metrics,
    {
      name: name('staleness_seconds'),
      help: 'Time since the start of the last comparison after which the node had everything that the channel names.',
      workers: 'max',
    },
    () => {
      const { stalenessMs } = sync.status()
      return stalenessMs === null ? undefined : stalenessMs / 1000
    },
  )
  gauge(
    metrics,
    { name: name('channel_reachable'), help: '1 while the channel answers, 0 when it does not.', workers: 'min' },
    () => (sync.status().unreachableMs === null ? 1 : 0),
  )
  gauge(
    metrics,
    {
      name: name('serves_snapshot'),
      help: '1 while the node serves its snapshot on disk, because the channel is not loaded since the start.',
      workers: 'max',
    },
    () => (sync.status().source === 'snapshot' ? 1 : 0),
  )
  gauge(
    metrics,
    {
      name: name('snapshot_age_seconds'),
      help: 'Time since the snapshot on disk was last written. Missing: this node has not written one.',
      workers: 'min',
    },
    () => {
      const ageMs = sync.status().snapshot?.ageMs ?? null
      return ageMs === null ? undefined : ageMs / 1000
    },
  )
  gauge(metrics, { name: name('slots'), help: 'Slots of which the node has a publication.', workers: 'min' }, () =>
    countSlots(sync),
  )
  gauge(
    metrics,
    {
      name: name('unreadable_documents'),
      help: 'Documents that the node should have and cannot read: missing, corrupt, forged, or older than its own copy.',
      workers: 'max',
    },
    () => sync.status().unreadable,
  )
  counters(
    metrics,
    {
      name: name('documents_total'),
      help: 'Documents fetched, by outcome: applied, notHigher, missing, corrupt or forged. Only applied ones change the table.',
      label: 'outcome',
    },
    () => {
      const { applied, notHigher, missing, corrupt, forged } = sync.status()
      return { applied, notHigher, missing, corrupt, forged }
    },
  )
  counter(
    metrics,
    { name: name('interruptions_total'), help: 'How often notifications may have been lost.' },
    () => sync.status().interruptions,
  )
  counter(
    metrics,
    { name: name('reloads_total'), help: 'How often the whole table was loaded.' },
    () => sync.status().reloads,
  )
  counter(
    metrics,
    { name: name('failures_total'), help: 'Attempts to synchronize with the channel that failed as a whole.' },
    () => sync.status().failures,
  )
  counters(
    metrics,
    {
      name: name('cap_tokens_total'),
      help: 'Requests for slots with frequency caps, by their cap token: read, missing, malformed, foreign (of another user), or keyless (the request names neither user nor device, and no cap applies).',
      label: 'outcome',
    },
    () => ({ ...capTokens }),
  )
}

export function measureAppOperations(metrics: Metrics, operations: NodeOperations): void {
  gauge(
    metrics,
    { name: 'alkaid_distribution_app_operations', help: 'Operations registered by apps that the node serves.' },
    () => operations.size,
  )
  gauge(
    metrics,
    {
      name: 'alkaid_distribution_unusable_app_operations',
      help: 'Operations registered by apps that do not fit the schema of this node. It does not serve them.',
    },
    () => operations.unusable,
  )
}

function countSlots({ table }: Sync): number {
  const isSlot = (code: string) => code !== SETTINGS && code !== OPERATIONS
  return table.loadedApps().reduce((sum, app) => sum + [...table.stamps(app).keys()].filter(isSlot).length, 0)
}
