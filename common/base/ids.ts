// Ids: a prefix for the kind, and a UUIDv7. So ids sort by the time at which they were made.

import { randomBytes } from 'node:crypto'

/** kind -> prefix. */
export const ID_PREFIXES = {
  slot: 'slt',
  schedule: 'sch',
  creative: 'cre',
  strategy: 'str',
  segment: 'seg',
  submission: 'sub',
  review: 'rev',
  change: 'chg',
  publication: 'pub',
  takedown: 'tkd',
} as const

export type IdKind = keyof typeof ID_PREFIXES

/** Whether a text has the prefix of this kind, such as `slt_`. No code begins so. */
export function isId(kind: IdKind, text: string): boolean {
  return text.startsWith(`${ID_PREFIXES[kind]}_`)
}

/** The kind that the prefix of an id names. Undefined for any other text. */
export function kindOfId(text: string): IdKind | undefined {
  return (Object.keys(ID_PREFIXES) as IdKind[]).find((kind) => isId(kind, text))
}

/**
 * A clock that goes back less than this was corrected, and the ids keep rising. When it goes back more, it is another clock, as in
 * tests, and the ids follow it. In ms.
 */
const CLOCK_DRIFT = 10_000
const MAX_COUNT = 0xfff

// Of the whole process on purpose: ids of one process must rise, whoever asks for them.
let latest = { ms: 0, count: 0 }

/**
 * A new id, as `sch_0198c9b2-...`: RFC 9562, version 7, with a counter after the time, so that the ids of one process
 * sort by the order in which they were made. `now` is milliseconds since the Unix epoch.
 */
export function newId(kind: IdKind, now: number): string {
  latest = next(now)
  const bytes = randomBytes(16)
  bytes.writeUIntBE(latest.ms, 0, 6)
  bytes.writeUInt16BE(0x7000 | latest.count, 6)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  const hex = bytes.toString('hex')
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  return `${ID_PREFIXES[kind]}_${uuid}`
}

function next(now: number): typeof latest {
  if (now > latest.ms || now < latest.ms - CLOCK_DRIFT) return { ms: now, count: 0 }
  if (latest.count < MAX_COUNT) return { ms: latest.ms, count: latest.count + 1 }
  return { ms: latest.ms + 1, count: 0 }
}
