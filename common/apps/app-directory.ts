// The keys and origins of all apps, in memory, for services that have the store (distribution nodes have them in their table). All
// of them are read at once, for there are few: a thousand apps are about 200 KB. So no caller can cause a read by a key or an
// origin of their own making: a list is at most ten seconds old, and an unknown key has it read again, at most twice a second.
//
// With MongoDB away, known keys and origins go on working for 24 hours; an unknown key is UNAVAILABLE, since it may be a new
// one. A key that has been rotated away ends when its grace does, which is looked at whenever it is used.

import { LRUCache } from 'lru-cache'
import { HOUR_MS } from '../../engine/time/days.ts'
import { cachedSource } from '../base/cached-source.ts'
import { withDeadline } from '../base/deadline.ts'
import { AlkaidError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Store } from '../store/store.ts'
import { appAccess, type LaneApp } from './apps.ts'

const CACHE = { freshMs: 3_000, staleMs: 10_000, keepMs: 24 * HOUR_MS, retryMs: 1_000, newerEveryMs: 500 } as const

/** How long a read may take, in ms; the first caller of all, and one with a new key, wait for it. */
const READ_MS = 2_000

/** Keys that are known to be of no app: old ones of apps that nobody updates, above all. For so long, and so many of them. */
const REFUSED = { ttl: 60_000, max: 10_000 } as const

export type AppDirectory = {
  /** Reads the list ahead of the first request, so that MongoDB may go away before it. A failure is logged. */
  load(): Promise<void>
  /** The app of a key's SHA-256 (hex); undefined for a key that is unknown or has expired. Rejects with UNAVAILABLE. */
  appOfKey(hash: string): Promise<LaneApp | undefined>
  /** Whether any app allows browsers of this origin. Rejects with UNAVAILABLE. */
  allowsOrigin(origin: string): Promise<boolean>
}

type Access = { keys: Map<string, { app: LaneApp; expiresAt: number }>; origins: Set<string> }

/** @param options.clock as that of `cachedSource`. */
export function appDirectory(
  store: Store,
  { now, log, clock }: { now: () => number; log: Logger; clock?: () => number },
): AppDirectory {
  const late = () => new AlkaidError('UNAVAILABLE', `The store did not answer within ${READ_MS} ms: try again`)
  const source = cachedSource({
    name: 'the list of app keys',
    read: () => withDeadline(READ_MS, readAccess(store), late),
    ...CACHE,
    log,
    ...(clock && { clock }),
  })
  const refused = new LRUCache<string, true>(REFUSED)

  async function find(hash: string) {
    const known = (await source.get()).keys.get(hash)
    if (known || refused.has(hash)) return known
    const { value, isNewer } = await source.getNewer()
    const found = value.keys.get(hash)
    if (!found && isNewer) refused.set(hash, true)
    return found
  }

  return {
    async load() {
      await source.get().catch(() => {})
    },
    async appOfKey(hash) {
      const key = await find(hash)
      return key && now() < key.expiresAt ? key.app : undefined
    },
    async allowsOrigin(origin) {
      const { origins } = await source.get()
      return origins.has('*') || origins.has(origin)
    },
  }
}

async function readAccess(store: Store): Promise<Access> {
  const access: Access = { keys: new Map(), origins: new Set() }
  for (const { _id, keys, requestsPerSecond, corsOrigins } of await appAccess(store)) {
    const app = { app: _id, requestsPerSecond, corsOrigins }
    for (const { hash, expiresAt } of keys) {
      access.keys.set(hash, { app, expiresAt: expiresAt?.getTime() ?? Number.POSITIVE_INFINITY })
    }
    for (const origin of corsOrigins) access.origins.add(origin)
  }
  return access
}
