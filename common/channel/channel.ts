// The way from the delivery engine to distribution nodes: documents, one manifest per app, notifications and
// heartbeats. Two implementations, Redis and in process, behave alike; one suite runs on both.
//
// In Redis, braces literal: `{app}:slot:<code>`, `{app}:app`, `{app}:manifest`; `{alkaid}:apps` and its stamp
// `{alkaid}:apps:stamp`; `{alkaid}:node:<id>` (heartbeats) and their index `{alkaid}:nodes`. A document and its
// manifest line are written by one Lua script, only if higher.

import type { Address } from '../../engine/publication/address.ts'
import type { Stamp } from '../../engine/publication/types.ts'

export { type Address, SETTINGS } from '../../engine/publication/address.ts'

/** A node's word that it lives, and what it holds. */
export type Heartbeat = {
  node: string
  /** Milliseconds since the Unix epoch, by the node's clock. */
  at: number
  ready: boolean
  /** Per app, `digestOf` what the node holds. */
  digests: Record<string, string>
  /** `app/code` -> `epoch.revision` of what changed on the node in the last minute. */
  changed: Record<string, string>
  /** `app/code` (or `apps`) of documents that the channel names and that this node cannot read, at most `MOST_UNREADABLE`. */
  unreadable?: string[] | undefined
}

export const MOST_UNREADABLE = 100

/** Called outside any call of the channel; what a listener throws is logged and changes nothing. */
export type Listener = {
  /** A document may have changed. The change itself is to be read. */
  changed(address: Address): void
  /** Notifications were lost (a connection came back): compare everything. */
  interrupted(): void
}

/**
 * All calls reject with ChannelUnavailable within a few seconds when the channel is out of reach or closed; none
 * waits for ever. A write that was cut off may still have been done. Codes are `[a-z0-9._-]{1,64}`, else RangeError.
 */
export interface Channel {
  /**
   * Writes a sealed document and its manifest line, unless the channel holds the same or a higher one. When the
   * document itself is missing (evicted) it is written whatever the manifest says, so that it can be healed.
   */
  write(address: Address, stamp: Stamp, sealed: string): Promise<'written' | 'not higher'>
  /**
   * Writes in place of what cannot be read (corrupt, or sealed by somebody else), if that, `unreadable`, still stands there
   * to the letter. For delivery alone, which knows what belongs there.
   */
  replace(address: Address, unreadable: string, stamp: Stamp, sealed: string): Promise<'written' | 'changed'>
  /** Sealed documents in the order asked for; null where there is none. */
  read(addresses: readonly Address[]): Promise<(string | null)[]>
  /** code (and `@app`) -> `epoch.revision`; empty when there is none. */
  manifest(app: string): Promise<Map<string, string>>
  /** Resolves once the subscription is acknowledged; from then on every change is told, save for interruptions. */
  listen(listener: Listener): Promise<{ stop(): Promise<void> }>
  beat(heartbeat: Heartbeat): Promise<void>
  /** Heartbeats not older than `maxAgeMs` (at most 10 minutes), by this process's reading of each node's `at`. */
  heartbeats(maxAgeMs: number): Promise<Heartbeat[]>
  close(): Promise<void>
}
