// Sends the node's heartbeats: one every few seconds, and one soon after a change. From them delivery learns which node
// serves which publication, and which documents a node cannot read.

import type { Address, Channel, Heartbeat } from '../../common/channel/channel.ts'
import { addressName } from '../../engine/publication/address.ts'
import { formatStamp } from '../../engine/publication/types.ts'
import type { Table } from './table.ts'

export type HeartbeatOptions = {
  channel: Channel
  /** The name of this node. */
  node: string
  /** Milliseconds since the Unix epoch. */
  clock: () => number
  table: () => Table
  isReady: () => boolean
  /** The names of documents that the node cannot read. */
  unreadable: () => string[]
  /** Time between two regular heartbeats, in ms. */
  everyMs: number
  /** The longest time from a change to the heartbeat that reports it, in ms. */
  afterChangeMs: number
  onFailure(error: unknown): void
  onSuccess(): void
}

export type Heartbeats = {
  /** Sends a heartbeat within `afterChangeMs`. */
  sendSoon(): void
  /** Does the same, and lists this change in every heartbeat of the next minute. */
  reportChange(address: Address): void
  stop(): Promise<void>
}

/** How long the heartbeats list a change, in ms. */
const CHANGE_LISTED_MS = 60_000

export function startHeartbeats(options: HeartbeatOptions): Heartbeats {
  const { channel, node, clock, isReady, unreadable, everyMs, afterChangeMs, onFailure, onSuccess } = options
  const changes = new Map<string, { address: Address; at: number }>()
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  /** The value of `performance.now()` at which the timer fires. */
  let due = Number.POSITIVE_INFINITY
  let sending: Promise<void> | undefined

  /** A timer that fires early enough stays as it is. So a burst of changes costs one heartbeat. */
  function sendWithin(ms: number): void {
    const wanted = performance.now() + ms
    if (stopped || due <= wanted) return
    clearTimeout(timer)
    due = wanted
    timer = setTimeout(() => {
      sending = send()
    }, ms)
  }

  async function send(): Promise<void> {
    due = Number.POSITIVE_INFINITY
    const previous = sending
    try {
      await previous // One at a time: an older heartbeat must not arrive after a newer one.
      await channel.beat(describe())
      onSuccess()
    } catch (error) {
      onFailure(error)
    }
    sendWithin(everyMs)
  }

  function describe(): Heartbeat {
    const at = clock()
    const table = options.table()
    const digests = Object.fromEntries(table.loadedApps().map((app) => [app, table.digest(app)]))
    const changed: Record<string, string> = {}
    for (const [name, change] of changes) {
      const stamp = table.at(change.address)?.stamp
      if (at - change.at > CHANGE_LISTED_MS) changes.delete(name)
      else if (stamp) changed[name] = formatStamp(stamp)
    }
    return { node, at, ready: isReady(), digests, changed, unreadable: unreadable() }
  }

  sendWithin(0)
  const sendSoon = () => sendWithin(afterChangeMs)
  return {
    sendSoon,
    reportChange(address) {
      if (address === 'apps') return
      changes.set(addressName(address), { address, at: clock() })
      sendSoon()
    },
    async stop() {
      stopped = true
      clearTimeout(timer)
      await sending
    },
  }
}
