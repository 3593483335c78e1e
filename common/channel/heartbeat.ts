// Heartbeats as text. Read strictly: what another version of Alkaid wrote may look different.

import * as z from 'zod'
import { type Heartbeat, MOST_UNREADABLE } from './channel.ts'

/** How long a heartbeat is kept, in milliseconds; nobody can ask for older ones. */
export const HEARTBEAT_KEPT = 10 * 60_000

const heartbeat = z.object({
  node: z.string(),
  at: z.number(),
  ready: z.boolean(),
  digests: z.record(z.string(), z.string()),
  changed: z.record(z.string(), z.string()),
  unreadable: z.array(z.string()).max(MOST_UNREADABLE).optional(),
})

export function readHeartbeat(text: string): Heartbeat | undefined {
  try {
    return heartbeat.safeParse(JSON.parse(text)).data
  } catch {
    return undefined // not JSON
  }
}
