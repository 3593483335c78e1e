// The documents that travel from the delivery engine to distribution nodes: one per slot, one with the
// settings of each app, one list of apps. Each is complete in itself, signed, and carries (epoch, revision),
// which only ever rises.

import type { InlinedConstraint } from '../targeting/types.ts'

/** The order of documents: by epoch (Unix seconds), then by revision. */
export type Stamp = { epoch: number; revision: number }

/** One revision of one thing, as pinned. */
export type Pin = { id: string; revision: number }

/** `<id>@<revision>`: the pin as a key. */
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
  /** The segments that are inlined in the constraint. */
  segments: Pin[]
  constraint: InlinedConstraint | null
  rollout: PublishedRollout | null
  /** When it is open within its window; null: all the time. */
  times: PublishedTimes | null
  /** Alone in its slot while it matches. */
  exclusive: boolean
  /** How often one user may be served it: all of these. */
  caps: FrequencyCap[]
  /** One of these is shown; `weight` is its share. */
  creatives: (PublishedCreative & { weight: number })[]
}

/** When a schedule is open within its window. Days and times of day are those of the zone. */
export type PublishedTimes = {
  /** IANA. */
  zone: string
  /** Open in any of these; none: all day. */
  dayParts: DayPart[]
  /** Days (`2026-12-24`) on which no part begins. */
  excludedDates: string[]
  /** RFC 5545 RRULE: the days on which parts begin, counted from the first day of the window; null: every day. */
  recurrence: string | null
}

/** A part of certain days. Past midnight it runs into the next day. */
export type DayPart = {
  /** 1 (Monday) to 7 (Sunday), ascending, each once. */
  days: number[]
  /** Minutes from midnight, 0 to 1,439. */
  from: number
  /** Minutes from midnight, 1 to 1,440; not after `from`: on the next day. */
  to: number
}

/** At most `count` times in `every` units; in whole periods of the app's clock save for LIFETIME, which never ends. */
export type FrequencyCap = { count: number; every: number; unit: 'MINUTE' | 'HOUR' | 'DAY' | 'LIFETIME' }

/** A rollout as nodes evaluate it. */
export type PublishedRollout = {
  /** How many of 10,000 buckets are in: 1 is 0.01 %. */
  buckets: number
  /** null: the user, else the device. */
  stickiness: string | null
  /** Hashed together with what it sticks to. */
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
    /** How often one user may be served anything in it but its fallback: all of these. */
    caps: FrequencyCap[]
  }
  stopped: boolean
  fallback: PublishedCreative[]
  entries: PublishedEntry[]
}

/** What nodes need to know of one app. */
export type AppSettings = Stamp & {
  kind: 'settings'
  app: string
  /** SHA-256 (hex) of each valid app key; `expiresAt` in ms since the Unix epoch, null = until it is rotated. */
  keys: { hash: string; expiresAt: number | null }[]
  /** IANA zone of this app: its days begin there, and caps count by its clock. */
  zone: string
  /** Schemes of its own deep links, beside `https`, without `:`. */
  linkSchemes: string[]
  /** Origins that browsers may call from; `*` = any. */
  corsOrigins: string[]
  /** Requests per second allowed per app key and node. */
  requestsPerSecond: number
  /** Longest time that an answer may be kept, in seconds. */
  maxAgeSeconds: number
}

/** The codes of all apps. */
export type AppList = Stamp & { kind: 'apps'; apps: string[] }

export type ChannelDocument = Publication | AppSettings | AppList

/** Below 0, 0 or above 0, as `a` is older than, the same as or newer than `b`. */
export function compareStamps(a: Stamp, b: Stamp): number {
  return a.epoch - b.epoch || a.revision - b.revision
}

/** `epoch.revision`, as the manifest holds it. */
export function formatStamp(stamp: Stamp): string {
  return `${stamp.epoch}.${stamp.revision}`
}

/** Reads `epoch.revision`; undefined for anything else. */
export function parseStamp(text: string): Stamp | undefined {
  const parts = /^(\d{1,15})\.(\d{1,15})$/.exec(text)
  return parts ? { epoch: Number(parts[1]), revision: Number(parts[2]) } : undefined
}
