// The key set of an identity provider (JWKS, RFC 7517), by which its tokens are verified. It is fetched once in ten minutes, and
// at once for a key that it does not have, which is how a new key becomes known; such fetches are at least ten seconds apart, so
// that made-up tokens cannot cause a fetch each. While the provider is out of reach, known keys are good for twelve hours: as
// long as a token lasts. An answer has at most five seconds and 1 MB; redirects are not followed.

import { createLocalJWKSet, errors, type JWTVerifyGetKey } from 'jose'
import { HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { cachedSource } from '../base/cached-source.ts'
import { AlkaidError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { readBounded } from '../base/read-bounded.ts'

const FETCH_MS = 5_000
const MAX_BYTES = 1024 * 1024

const CACHE = {
  freshMs: 10 * MINUTE_MS,
  staleMs: 20 * MINUTE_MS,
  keepMs: 12 * HOUR_MS,
  retryMs: 1_000,
  newerEveryMs: 10_000,
} as const

export type KeySetOptions = { log?: Logger | undefined; clock?: () => number }

/**
 * Finds the key that a token names. Rejects with UNAUTHENTICATED for a key that the provider does not have, and with UNAVAILABLE when
 * that cannot be told, or when the key is of no use; the log has the details.
 */
export function remoteKeySet(url: string, { log, clock }: KeySetOptions = {}): JWTVerifyGetKey {
  const name = 'the key set of the identity provider'
  const source = cachedSource({ name, read: () => fetchKeySet(url), ...CACHE, log, ...(clock && { clock }) })

  return async (header, token) => {
    try {
      const known = await source.get().catch(outOfReach)
      return await known(header, token).catch(async (error: Error) => {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
        const { value: newer } = await source.getNewer().catch(outOfReach)
        return newer(header, token)
      })
    } catch (error) {
      if (error instanceof AlkaidError) throw error
      if (error instanceof errors.JWKSNoMatchingKey) {
        throw invalid('the identity provider has no key for its `alg` and `kid`')
      }
      if (error instanceof errors.JWKSMultipleMatchingKeys) {
        throw invalid('it must name its key by `kid`, since several keys of the identity provider fit')
      }
      throw unusableKey(error, log)
    }
  }
}

function invalid(why: string): AlkaidError {
  return new AlkaidError('UNAUTHENTICATED', `The token is not valid: ${why}`)
}

/** A key of the provider that cannot be used, as one of too few bits: nothing that the caller could mend. */
export function unusableKey(error: unknown, log: Logger | undefined): AlkaidError {
  log?.error({ err: error }, 'a key of the identity provider cannot be used')
  return new AlkaidError('UNAVAILABLE', 'The key of this token cannot be used: tell the operators of Alkaid')
}

function outOfReach(): never {
  throw new AlkaidError('UNAVAILABLE', 'The keys of the identity provider are out of reach: try again')
}

async function fetchKeySet(url: string): Promise<ReturnType<typeof createLocalJWKSet>> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    redirect: 'manual', // where it lies is for the operators to say
    signal: AbortSignal.timeout(FETCH_MS),
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`expected HTTP 200, got ${response.status}`)
  }
  return createLocalJWKSet(JSON.parse(await readBounded(response.body, MAX_BYTES)))
}
