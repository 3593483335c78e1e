// Reads the app key of a request, and hashes it. Services know keys by their SHA-256 only. Apps send the same key with each request, so
// the hashes of valid keys are remembered.

import { sha256 } from '../base/content-hash.ts'
import { unauthenticated } from '../base/errors.ts'
import type { HttpRequest } from '../http/server.ts'

export type AppKeys = {
  /** The SHA-256 (hex) of the key of a request. Throws UNAUTHENTICATED without a key. */
  hashOf(request: HttpRequest): string
  /** Remembers the hash of a request's key. Call it for valid keys only, so that made-up keys use no memory. */
  remember(request: HttpRequest, hash: string): void
}

/** More keys than most installations have. A full memory starts anew. */
const MAX_KEYS = 10_000

export function createAppKeys(): AppKeys {
  const known = new Map<string, string>()
  return {
    hashOf(request) {
      const key = keyOf(request)
      return known.get(key) ?? sha256(key)
    },
    remember(request, hash) {
      const key = keyOf(request)
      if (known.has(key)) return
      if (known.size === MAX_KEYS) known.clear()
      known.set(key, hash)
    },
  }
}

export const CHALLENGE = 'ApiKey realm="apps", header="x-app-key"'

function keyOf({ headers }: HttpRequest): string {
  const key = headers['x-app-key']
  if (typeof key === 'string' && key !== '') return key
  throw unauthenticated('This needs an app key: send the header `x-app-key`', CHALLENGE)
}
