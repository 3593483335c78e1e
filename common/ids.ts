// Ids: a prefix that says the kind, and a UUIDv7, so that ids sort by the time at which they were made.

import { randomBytes } from 'node:crypto'

/** kind -> prefix. */
export const ID_PREFIXES = {
  slot: 'slt',
  schedule: 'sch',
  creative: 'cre',
  strategy: 'str',
  submission: 'sub',
  review: 'rev',
  change: 'chg',
  publication: 'pub',
} as const

export type IdKind = keyof typeof ID_PREFIXES

/** A new id, as `sch_0198c9b2-...`: RFC 9562, version 7. `now` is milliseconds since the Unix epoch. */
export function newId(kind: IdKind, now: number): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now, 0, 6)
  bytes[6] = 0x70 | (bytes[6]! & 0x0f)
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  const hex = bytes.toString('hex')
  const uuid = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
  return `${ID_PREFIXES[kind]}_${uuid}`
}
