// The keys and origins of all apps, in memory, for services with a store. (Distribution nodes have them in their table.) One read
// gets all of them; a thousand apps are about 200 KB. The list is at most ten seconds old. An unknown key causes a new read, at most
// twice a second, so made-up keys cannot cause many reads.
//
// While MongoDB is out of reach, known keys and origins work for 24 hours. An unknown key is UNAVAILABLE, because it may be new. A
// rotated key ends with its grace period; that is checked at each use.

import { LRUCache } from 'lru-cache'
import { HOUR_MS } from '../../engine/time/days.ts'
import { cachedSource } from '../base/cached-source.ts'
import { withDeadline } from '../base/deadline.ts'
import { AlkaidError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Store } from '../store/store.ts'
import { appAccess, type LaneApp } from './apps.ts'

const CACHE = { freshMs: 3_000, staleMs: 10_000, keepMs: 24 * HOUR_MS, retryMs: 1_000, newerEveryMs: 500 } as const

/** How long a read may take. The first caller waits for it, and callers with an unknown key. */
const READ_MS = 2_000

/** Unknown keys are remembered for a minute, so that they do not cause reads. Most are old keys in apps that nobody updates. */
const UNKNOWN_KEYS = { ttl: 60_000, max: 10_000 } as const

export type AppDirectory = {
  /** Reads the list before the first request. So keys work even if MongoDB is out of reach by then. A failure is logged. */
  load(): Promise<void>
  /**
   * The app of a key, by the SHA-256 (hex) of the key. Undefined for a key that is unknown or expired. Rejects with UNAVAILABLE. A known
   * key is answered at once, without a promise.
   */
  appOfKey(hash: string): LaneApp | undefined | Promise<LaneApp | undefined>
  /** Whether any app allows browsers of this origin. Rejects with UNAVAILABLE. */
  allowsOrigin(origin: string): boolean | Promise<boolean>
}

/** `expiresAt`: ms since the Unix epoch. */
type Key = { app: LaneApp; expiresAt: number }
type Access = { keys: Map<string, Key>; origins: Set<string> }

/** `clock`: that of `cachedSource`. */
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
  const unknownKeys = new LRUCache<string, true>(UNKNOWN_KEYS)

  function appOf(key: Key | undefined): LaneApp | undefined {
    return key && now() < key.expiresAt ? key.app : undefined
  }

  async function find(hash: string): Promise<LaneApp | undefined> {
    const known = (await source.get()).keys.get(hash)
    if (known || unknownKeys.has(hash)) return appOf(known)
    const { value, isNewer } = await source.getNewer()
    const found = value.keys.get(hash)
    if (!found && isNewer) unknownKeys.set(hash, true)
    return appOf(found)
  }

  const allows = ({ origins }: Access, origin: string) => origins.has('*') || origins.has(origin)

  return {
    async load() {
      await source.get().catch(() => {})
    },
    appOfKey(hash) {
      const known = source.current()?.value.keys.get(hash)
      return known ? appOf(known) : find(hash)
    },
    allowsOrigin(origin) {
      const current = source.current()
      return current ? allows(current.value, origin) : source.get().then((access) => allows(access, origin))
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
