// What a node tells whoever watches over it: whether it has loaded, how stale it is, and what it met on the channel.

import { counter, counters, gauge, type Metrics } from '../../common/base/metrics.ts'
import { SETTINGS } from '../../common/channel/channel.ts'
import type { Checks } from '../../common/service/health.ts'
import type { CapTokenCounts } from './answer.ts'
import type { Sync } from './sync.ts'

/** Comparisons come every three seconds: ten that failed are no accident. */
const STALE_MS = 30_000

export function distributionChecks(sync: Sync): Checks {
  return {
    /** A node that has loaded once serves from then on, however long the channel is gone. */
    channel() {
      const { ready, unreadableNames, ...status } = sync.status()
      const { stalenessMs, unreadable } = status
      const unread =
        unreadable > 0 ? `${unreadable} documents are missing, unreadable or too old: ${listed(unreadableNames)}` : ''
      if (!ready) {
        const problem = 'this node has not loaded everything that the channel names'
        return { ...status, problem: unread ? `${problem}; ${unread}` : problem }
      }
      const stale =
        stalenessMs !== null && stalenessMs > STALE_MS ? `not in step for ${Math.round(stalenessMs / 1000)} s` : ''
      return { ...status, warning: [stale, unread].filter(Boolean).join('; ') || undefined }
    },
  }
}

const listed = (names: readonly string[]) => names.join(', ')

export function measureDistribution(metrics: Metrics, sync: Sync, capTokens: CapTokenCounts): void {
  const name = (what: string) => `alkaid_distribution_${what}`
  gauge(metrics, { name: name('ready'), help: '1 once the node has held everything that it should serve.' }, () =>
    sync.ready ? 1 : 0,
  )
  gauge(
    metrics,
    {
      name: name('staleness_seconds'),
      help: 'Time since a comparison began after which the node held everything that the channel names.',
    },
    () => {
      const { stalenessMs } = sync.status()
      return stalenessMs === null ? undefined : stalenessMs / 1000
    },
  )
  gauge(metrics, { name: name('slots'), help: 'Slots of which the node holds a publication.' }, () => slotsHeld(sync))
  gauge(
    metrics,
    {
      name: name('unreadable_documents'),
      help: 'Documents that the node should hold, and of which the channel has none, none that can be read, or an older one.',
    },
    () => sync.status().unreadable,
  )
  counters(
    metrics,
    {
      name: name('documents_total'),
      help: 'Documents fetched: applied, notHigher, missing, corrupt or forged. Only the first change anything.',
      label: 'outcome',
    },
    () => {
      const { applied, notHigher, missing, corrupt, forged } = sync.status()
      return { applied, notHigher, missing, corrupt, forged }
    },
  )
  counter(
    metrics,
    { name: name('interruptions_total'), help: 'Times that notifications may have been lost.' },
    () => sync.status().interruptions,
  )
  counter(
    metrics,
    { name: name('reloads_total'), help: 'Times that the whole table was loaded.' },
    () => sync.status().reloads,
  )
  counter(
    metrics,
    { name: name('failures_total'), help: 'Attempts to keep in step that failed as a whole.' },
    () => sync.status().failures,
  )
  counters(
    metrics,
    {
      name: name('cap_tokens_total'),
      help: 'Requests in slots with frequency caps by their cap token: read, missing, malformed, foreign (of another user), or keyless (neither user nor device: nothing is capped).',
      label: 'outcome',
    },
    () => ({ ...capTokens }),
  )
}

function slotsHeld({ table }: Sync): number {
  return table.heldApps().reduce((sum, app) => {
    const stamps = table.stamps(app)
    return sum + stamps.size - (stamps.has(SETTINGS) ? 1 : 0)
  }, 0)
}
