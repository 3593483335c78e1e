// The node's heartbeats: regularly, and soon after a change, so that delivery can tell who serves what.

import type { Address, Channel, Heartbeat } from '../../common/channel/channel.ts'
import { addressName } from '../../engine/publication/address.ts'
import { formatStamp } from '../../engine/publication/types.ts'
import type { Table } from './table.ts'

export type BeatOptions = {
  channel: Channel
  node: string
  clock: () => number
  table: () => Table
  isReady: () => boolean
  /** Names of documents that cannot be read. */
  unreadable: () => string[]
  /** Regularly, and at most this long after a change; in ms. */
  everyMs: number
  afterChangeMs: number
  onFailure(error: unknown): void
  onSuccess(): void
}

export type Beats = {
  /** Says soon what is held now. */
  soon(): void
  /** Says so soon, and names this change for a minute. */
  changed(address: Address): void
  stop(): Promise<void>
}

/** How long a heartbeat names a change, in ms. */
const CHANGED_FOR = 60_000

export function startBeats(options: BeatOptions): Beats {
  const { channel, node, clock, isReady, unreadable, everyMs, afterChangeMs, onFailure, onSuccess } = options
  const changes = new Map<string, { address: Address; at: number }>()
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  /** When the timer goes off, as `performance.now()` has it. */
  let due = Number.POSITIVE_INFINITY
  let beating: Promise<void> | undefined

  // A change waits for the timer that is set, unless that is too far off: a burst of changes is one heartbeat.
  function beatWithin(ms: number): void {
    const wanted = performance.now() + ms
    if (stopped || due <= wanted) return
    clearTimeout(timer)
    due = wanted
    timer = setTimeout(() => {
      beating = beat()
    }, ms)
  }

  async function beat(): Promise<void> {
    due = Number.POSITIVE_INFINITY
    const before = beating
    try {
      await before // one at a time, so that an older one never comes after a newer one
      await channel.beat(describe())
      onSuccess()
    } catch (error) {
      onFailure(error)
    }
    beatWithin(everyMs)
  }

  function describe(): Heartbeat {
    const at = clock()
    const table = options.table()
    const digests = Object.fromEntries(table.heldApps().map((app) => [app, table.digest(app)]))
    const changed: Record<string, string> = {}
    for (const [name, change] of changes) {
      const stamp = table.stampAt(change.address)
      if (at - change.at > CHANGED_FOR) changes.delete(name)
      else if (stamp) changed[name] = formatStamp(stamp)
    }
    return { node, at, ready: isReady(), digests, changed, unreadable: unreadable() }
  }

  beatWithin(0)
  const soon = () => beatWithin(afterChangeMs)
  return {
    soon,
    changed(address) {
      if (address === 'apps') return
      changes.set(addressName(address), { address, at: clock() })
      soon()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await beating
    },
  }
}
