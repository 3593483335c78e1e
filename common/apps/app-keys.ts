// Which app a key belongs to, for services that have the store (distribution nodes have it in their table).

import type { LaneApp } from '../lane/lane.ts'
import type { Store } from '../store/store.ts'
import { type App, appOfKeyHash } from './apps.ts'

/** How long an answer is kept, in ms: a rotated key is refused that much later at the most. */
const KEEP_MS = 3_000
const MAX_KEPT = 10_000

/** Looks up the app of a key's SHA-256 (hex); undefined for a key that is unknown or has expired. */
export function appKeyLookup(store: Store, now: () => number): (hash: string) => Promise<LaneApp | undefined> {
  const kept = new Map<string, { app: App | null; until: number }>()

  async function read(hash: string): Promise<App | null> {
    const known = kept.get(hash)
    if (known && now() < known.until) return known.app
    const app = await appOfKeyHash(store, hash)
    if (kept.size >= MAX_KEPT) kept.clear() // made-up keys must not fill the memory
    kept.set(hash, { app, until: now() + KEEP_MS })
    return app
  }

  return async (hash) => {
    const app = await read(hash)
    const key = app?.keys.find((candidate) => candidate.hash === hash)
    if (!app || !key || (key.expiresAt && key.expiresAt.getTime() <= now())) return undefined
    return { app: app._id, requestsPerSecond: app.requestsPerSecond, corsOrigins: app.corsOrigins }
  }
}
