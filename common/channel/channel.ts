// The channel carries signed documents from delivery to the distribution nodes, and heartbeats and counts of uses of the nodes back
// to delivery.
// There are two implementations with the same behaviour: over Redis (redis-channel.ts) and in one process (in-process.ts).
// test/support/channel-suite.ts runs on both.
//
// Each document has a stamp, `epoch.revision`, that only rises. The manifest of an app lists the stamps of its documents.

import * as z from 'zod'
import type { Address } from '../../engine/publication/address.ts'
import type { Stamp } from '../../engine/publication/types.ts'
import { DAY_MS } from '../../engine/time/days.ts'

export { type Address, OPERATIONS, SETTINGS } from '../../engine/publication/address.ts'

/**
 * All calls reject with ChannelUnavailable within a few seconds when the channel is out of reach or closed. No call waits longer.
 * A write that was rejected may still have happened. Codes match `[a-z0-9._-]{1,64}`, else a call throws RangeError.
 */
export interface Channel {
  /**
   * Writes a sealed document and its line in the manifest, unless the channel holds the same or a higher one. A document that is
   * missing (evicted) is written in any case, whatever the manifest says, so that it can be restored.
   */
  write(address: Address, stamp: Stamp, sealed: string): Promise<'written' | 'not higher'>
  /**
   * Replaces an unreadable document, which is corrupt or has a wrong seal. It writes only if the channel still holds exactly the text
   * `unreadable`. Only delivery calls this, because only delivery knows the right document.
   */
  replace(address: Address, unreadable: string, stamp: Stamp, sealed: string): Promise<'written' | 'changed'>
  /**
   * Removes the manifest's line of a document that does not exist, or of one that is unreadable, and then that text, too. It does so
   * only if the channel still holds nothing (`null`), or exactly the text `unreadable`. Only delivery calls this.
   */
  remove(address: Address, unreadable: string | null): Promise<'removed' | 'changed'>
  /** Sealed documents in the order of the addresses. Null where there is none. */
  read(addresses: readonly Address[]): Promise<(string | null)[]>
  /** The manifest of an app: code of a slot, `@app` or `@operations` -> `epoch.revision`. Empty when there is none. */
  manifest(app: string): Promise<Map<string, string>>
  /** Resolves when the subscription is acknowledged. From then on the listener hears of every change or of an interruption. */
  listen(listener: Listener): Promise<{ stop(): Promise<void> }>
  /**
   * `unknown`: Redis did not let this process turn notifications on, and perhaps nobody did. Then changes are found only by comparing
   * manifests.
   */
  notifications(): 'on' | 'unknown'
  /** Stores the heartbeat of a node in place of its last one. */
  beat(heartbeat: Heartbeat): Promise<void>
  /** Heartbeats of the last `maxAgeMs`, at most 10 minutes. Compares each node's `at` with the clock of this process. */
  heartbeats(maxAgeMs: number): Promise<Heartbeat[]>
  /** Stores what a reporter counted, in place of its last report. */
  reportUses(report: UseReport): Promise<void>
  /** The last report of each reporter. A report stays until its newest day is over for two days. */
  useReports(): Promise<UseReport[]>
  close(): Promise<void>
}

/** Runs outside of any call of the channel. An error that a listener throws is logged and has no other effect. */
export type Listener = {
  /** The document may have changed. The listener has to read it. */
  changed(address: Address): void
  /** Notifications were lost with a connection. The listener has to compare all documents. */
  interrupted(): void
}

/** How long a heartbeat is kept, in milliseconds. */
export const HEARTBEAT_KEPT_MS = 10 * 60_000
export const MOST_UNREADABLE = 100

/** The sign of life of a node, with a summary of what it holds. */
export type Heartbeat = {
  node: string
  /** Milliseconds since the Unix epoch, by the clock of the node. */
  at: number
  ready: boolean
  /** App -> `digestOf` of the documents that the node holds. */
  digests: Record<string, string>
  /** `app/code` -> `epoch.revision` of the documents that changed on the node in the last minute. */
  changed: Record<string, string>
  /** `app/code` (or `apps`) of documents in the channel that the node cannot read, at most `MOST_UNREADABLE`. */
  unreadable?: string[] | undefined
}

/** A Date can hold this instant and a few months more. */
const MAX_INSTANT = 8.6e15

const heartbeatSchema = z.object({
  node: z.string(),
  at: z.number(),
  ready: z.boolean(),
  digests: z.record(z.string(), z.string()),
  changed: z.record(z.string(), z.string()),
  unreadable: z.array(z.string()).max(MOST_UNREADABLE).optional(),
})

/** Parses a heartbeat. Undefined for any other text, such as the heartbeat of another version of Alkaid. */
export function parseHeartbeat(text: string): Heartbeat | undefined {
  try {
    return heartbeatSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined // not JSON
  }
}

/** How long a report of uses stays after the beginning of its newest day, in milliseconds. */
export const REPORT_KEPT_MS = 3 * DAY_MS

/** How often apps used their operations, as one process counted it. */
export type UseReport = {
  /** The name of the process. It is another one after each start, because the counts begin at 0 again. */
  reporter: string
  /** The newest day comes first. */
  days: {
    /** The beginning of a day of UTC, in milliseconds since the Unix epoch. */
    day: number
    /** App -> id of the operation -> how often it was used on this day, and when last (Unix milliseconds). */
    apps: Record<string, Record<string, [count: number, lastUsedAt: number]>>
  }[]
}

const useReportSchema = z.object({
  reporter: z.string().min(1).max(300),
  days: z
    .array(
      z.object({
        day: z.number().int().nonnegative().max(MAX_INSTANT),
        // The keys become the names of fields in the store.
        apps: z.record(
          z.string().regex(/^[a-z0-9._-]{1,64}$/),
          z.record(
            z.string().regex(/^[0-9a-f]{64}$/),
            z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative().max(MAX_INSTANT)]),
          ),
        ),
      }),
    )
    .min(1)
    .max(2),
})

/** Parses a report of uses. Undefined for any other text. */
export function parseUseReport(text: string): UseReport | undefined {
  try {
    return useReportSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined // not JSON
  }
}

/**
 * The only error of the channel: it is out of reach, it refused a call, or it is closed. Callers expect it and go on. The message
 * names the server by host and port, and never has credentials or documents.
 */
export class ChannelUnavailable extends Error {
  override readonly name = 'ChannelUnavailable'
  readonly code = 'UNAVAILABLE'
  /**
   * `call`: the server answered and refused this one call. `app`: a server of a Redis Cluster is away, and calls for other apps may
   * succeed. `all`: every other call would fail, too.
   */
  readonly extent: 'call' | 'app' | 'all'

  constructor(message: string, { extent = 'all' }: { extent?: ChannelUnavailable['extent'] } = {}) {
    super(message)
    this.extent = extent
  }
}

/** A log entry of the channel. */
export type ChannelEvent = {
  level: 'info' | 'warn' | 'error'
  kind:
    | 'connected'
    | 'disconnected'
    | 'notifications-on'
    | 'notifications-refused'
    | 'setup-failed'
    | 'listener-failed'
    | 'heartbeat-unreadable'
  /** Names servers by host and port, never by credentials. */
  message: string
}

/** Receives log entries. A channel without one logs nothing. */
export type ChannelLog = (event: ChannelEvent) => void

/** Calls a listener and logs what it throws. A defect in a listener must not end the connection or the process. */
export function callListener(log: ChannelLog, call: () => void): void {
  try {
    call()
  } catch (error) {
    const message = `A listener of the channel threw: ${error instanceof Error ? error.stack : String(error)}`
    log({ level: 'error', kind: 'listener-failed', message })
  }
}
