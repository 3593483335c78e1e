// Canonical JSON and its hash. The same content has the same hash; the order of its keys does not matter.

import { createHash } from 'node:crypto'

/** JSON with sorted keys and without undefined values; dates as ISO 8601. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  })
}

/** SHA-256 (hex) of the canonical JSON. */
export function contentHash(value: unknown): string {
  return sha256(canonicalJson(value))
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
