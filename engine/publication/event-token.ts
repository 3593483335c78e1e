// The event token of each creative in a decision. It names the app, the slot, the schedule (none for a fallback) and the creative, with
// their revisions, and has a MAC over them. Apps send it back with impressions and clicks. It is the same on every node and in every
// answer, so it is computed once at load. Format, as base64url: `1~<app>~<slot>~<schedule>~<revision>~<creative>~<revision>~<MAC>`.

import type { KeyObject } from 'node:crypto'
import { mac, type SigningKeys, sameText } from './sign.ts'
import type { Pin } from './types.ts'

/** `schedule` is null: the creative is a fallback. */
export type EventSource = { app: string; slot: string; schedule: Pin | null; creative: Pin }

const VERSION = '1'

export function mintEventToken(keys: SigningKeys, source: EventSource): string {
  const { app, slot, schedule, creative } = source
  const fields = [VERSION, app, slot, schedule?.id ?? '', schedule?.revision ?? '', creative.id, creative.revision]
  const claims = fields.join('~')
  return Buffer.from(`${claims}~${mac(keys.eventToken, claims).slice(0, 22)}`).toString('base64url')
}

/** The source that a token names; undefined: it was not made with these keys. */
export function readEventToken(keys: SigningKeys, token: string): EventSource | undefined {
  if (token.length > 600) return undefined
  const text = Buffer.from(token, 'base64url').toString()
  // Decoding skips characters that are not base64url. Only the exact text that encoding produces is a token.
  if (Buffer.from(text).toString('base64url') !== token) return undefined
  const end = text.lastIndexOf('~')
  if (end < 0) return undefined
  const claims = text.slice(0, end)
  const shown = text.slice(end + 1)
  const isMacOf = (key: KeyObject) => sameText(shown, mac(key, claims).slice(0, 22))
  if (!isMacOf(keys.eventToken) && !(keys.old && isMacOf(keys.old.eventToken))) return undefined
  const [version, app, slot, schedule, scheduleRevision, creative, creativeRevision] = claims.split('~')
  if (version !== VERSION) return undefined
  return {
    app: app!,
    slot: slot!,
    schedule: schedule ? { id: schedule, revision: Number(scheduleRevision) } : null,
    creative: { id: creative!, revision: Number(creativeRevision) },
  }
}
