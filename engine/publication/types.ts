// The documents that distribution nodes get: one per slot, the settings and the own operations of each app, and the list of apps.
// Each is complete and signed, and has a stamp (epoch, revision) that only rises.

import type { InlinedConstraint } from '../targeting/types.ts'

/** The order of documents: by epoch (Unix seconds), then by revision. */
export type Stamp = { epoch: number; revision: number }

/** The exact revision of a thing that is live. */
export type Pin = { id: string; revision: number }

/** A pin as text: `sch_1@3`. */
export function pinText({ id, revision }: Pin): string {
  return `${id}@${revision}`
}

/** A creative as an app renders it. */
export type PublishedCreative = Pin & {
  title: string
  text: string | null
  image: { url: string; width: number | null; height: number | null; alt: string | null } | null
  link: string | null
  /** Free JSON for the app. */
  data: unknown
}

/** One schedule in a slot, at its pinned revisions. Times are milliseconds since the Unix epoch, UTC. */
export type PublishedEntry = {
  schedule: Pin
  strategy: Pin | null
  /** Half-open window [startsAt, endsAt); null is without bound. */
  startsAt: number | null
  endsAt: number | null
  /** A higher tier is served first. */
  priority: number
  /** Share within the tier, above 0. */
  weight: number
  /** The segments whose constraints are inlined in `constraint`. */
  segments: Pin[]
  constraint: InlinedConstraint | null
  rollout: PublishedRollout | null
  /** When it is open inside its window; null: always. */
  times: PublishedTimes | null
  /** Shown alone in its slot while it matches. */
  exclusive: boolean
  /** How often one user may be served it. All of these must allow it. */
  caps: FrequencyCap[]
  /** One of these is shown. `weight` is its share. */
  creatives: (PublishedCreative & { weight: number })[]
}

/** When a schedule is open inside its window. Days and times of day are those of the zone. */
export type PublishedTimes = {
  /** An IANA name: `Europe/Berlin`. */
  zone: string
  /** Open in each of these; empty: open all day. */
  dayParts: DayPart[]
  /** Days (`2026-12-24`) on which no part begins. */
  excludedDates: string[]
  /** An RRULE of RFC 5545: the days on which parts begin. It counts from the first day of the window. Null: every day. */
  recurrence: string | null
}

/** A part of certain days. A part that runs past midnight goes on into the next day. */
export type DayPart = {
  /** 1 (Monday) to 7 (Sunday), ascending, each once. */
  days: number[]
  /** Minutes from midnight, 0 to 1,439. */
  from: number
  /** Minutes from midnight, 1 to 1,440. When it is not after `from`, it is on the next day. */
  to: number
}

/** At most `count` times in `every` units. The periods follow the clock of the app's zone. LIFETIME never ends. */
export type FrequencyCap = { count: number; every: number; unit: 'MINUTE' | 'HOUR' | 'DAY' | 'LIFETIME' }

/** A rollout as nodes evaluate it. */
export type PublishedRollout = {
  /** How many of 10,000 buckets are in. Example: 2,500 is 25 %. */
  buckets: number
  /** What is hashed; null: the user id, else the device id. */
  stickiness: string | null
  /** Hashed together with the key of the user. */
  group: string
}

/** What nodes serve for one slot. */
export type Publication = Stamp & {
  kind: 'slot'
  app: string
  slot: {
    id: string
    code: string
    /** How many creatives are shown at once. */
    capacity: number
    /** How long the weighted order of one user stays the same, in seconds. */
    rotationSeconds: number
    /** How often one user may be served anything but its fallback. All of these must allow it. */
    caps: FrequencyCap[]
    /**
     * A node that has not compared its table with the channel for so long serves only the fallback. Null, or missing in documents of
     * earlier versions: it serves everything.
     */
    maxStaleSeconds?: number | null
  }
  stopped: boolean
  fallback: PublishedCreative[]
  entries: PublishedEntry[]
}

/** What nodes need to know of one app. */
export type AppSettings = Stamp & {
  kind: 'settings'
  app: string
  /** SHA-256 (hex) of each valid app key; `expiresAt` in ms since the Unix epoch, null: until it is rotated. */
  keys: { hash: string; expiresAt: number | null }[]
  /** The IANA zone of this app. Its days and the periods of caps follow this clock. */
  zone: string
  /** Schemes of its own deep links besides `https`, without `:`. */
  linkSchemes: string[]
  /** Origins from which browsers may call; `*`: any. */
  corsOrigins: string[]
  /** Requests per second allowed per app key and node. */
  requestsPerSecond: number
  /** Longest time that an answer may be kept, in seconds. */
  maxAgeSeconds: number
}

/** The persisted operations that one app registered itself. The list is complete: an operation that it lacks is not served. */
export type OperationList = Stamp & { kind: 'operations'; app: string; operations: ListedOperation[] }

/** `id` is the SHA-256 (hex) of `body`, which is the text of one operation with its fragments. */
export type ListedOperation = { id: string; name: string; body: string }

/** The codes of all apps. */
export type AppList = Stamp & { kind: 'apps'; apps: string[] }

export type ChannelDocument = Publication | AppSettings | OperationList | AppList

/** Below 0: `a` is older than `b`. 0: they are equal. Above 0: `a` is newer. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.epoch - b.epoch || a.revision - b.revision
}

/** `epoch.revision`, as the manifest holds it. */
export function formatStamp(stamp: Stamp): string {
  return `${stamp.epoch}.${stamp.revision}`
}

/** Reads `epoch.revision`; undefined: the text is something else. */
export function parseStamp(text: string): Stamp | undefined {
  const parts = /^(\d{1,15})\.(\d{1,15})$/.exec(text)
  return parts ? { epoch: Number(parts[1]), revision: Number(parts[2]) } : undefined
}
