// Bearer tokens (JWT, RFC 7519). Every subgraph verifies the token itself, with a shared secret or with the key set (JWKS,
// RFC 7517) of an identity provider.
//
// The key set is cached. It is fetched every ten minutes, and at once for an unknown key ID, because a new key appears that way.
// Fetches for unknown keys are at least ten seconds apart, so made-up tokens cannot cause a fetch each. While the provider is out
// of reach, cached keys stay valid for twelve hours, the maximum age of a token. A fetch takes at most five seconds and 1 MB, and
// does not follow redirects.

import { createLocalJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose'
import { isLonger, readText } from '../../engine/text.ts'
import { HOUR_MS, MINUTE_MS } from '../../engine/time/days.ts'
import { cachedSource } from '../base/cached-source.ts'
import { AlkaidError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { readBounded } from '../base/read-bounded.ts'
import { type Principal, ROLES, type Role } from './rights.ts'

/** How tokens are verified: a shared secret (HS256) or a JWKS URL (asymmetric algorithms). */
export type TokenSettings = {
  issuer: string
  audience: string
  key: SharedKey | { jwksUrl: string }
}

/** `old`: the secret before this one. Tokens that were signed with it are still valid, and no new ones are signed with it. */
export type SharedKey = { secret: string; old?: string | undefined }

/** `clock`: milliseconds of a clock that never goes back. */
export type KeySetOptions = { log?: Logger | undefined; clock?: () => number }

export type TokenVerifier = ReturnType<typeof tokenVerifier>

const MAX_AGE_SECONDS = 12 * 3600
/** The clock of the issuer may differ from ours by this much. It applies to `iat`, `nbf` and `exp`. */
const CLOCK_TOLERANCE_SECONDS = 30
const MAX_ACTOR = 200
const ACTOR_EXPECTED = `a text of 1 to ${MAX_ACTOR} characters`
const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'EdDSA']

const KEY_SET_FETCH_MS = 5_000
const KEY_SET_MAX_BYTES = 1024 * 1024
const KEY_SET_CACHE = {
  freshMs: 10 * MINUTE_MS,
  staleMs: 20 * MINUTE_MS,
  keepMs: 12 * HOUR_MS,
  retryMs: 1_000,
  newerEveryMs: 10_000,
} as const

/**
 * Makes the function that reads an `authorization` header. It resolves to the principal, or to null without a header. It rejects
 * with UNAUTHENTICATED for an invalid token, and with UNAVAILABLE when the key of the identity provider cannot be read.
 */
export function tokenVerifier(settings: TokenSettings, keySetOptions: KeySetOptions = {}) {
  const { issuer, audience, key } = settings
  const options = {
    issuer,
    audience,
    algorithms: 'secret' in key ? ['HS256'] : ASYMMETRIC,
    maxTokenAge: MAX_AGE_SECONDS,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  }
  const findKey = 'secret' in key ? sharedKey(key.secret) : remoteKeySet(key.jwksUrl, keySetOptions)
  const findOldKey = 'secret' in key && key.old !== undefined ? sharedKey(key.old) : undefined

  async function readToken(token: string): Promise<JWTPayload> {
    try {
      return (await jwtVerify(token, findKey, options)).payload
    } catch (error) {
      if (!findOldKey || !(error instanceof errors.JWSSignatureVerificationFailed)) throw error
      return (await jwtVerify(token, findOldKey, options)).payload
    }
  }

  return async function verify(header: string | undefined): Promise<Principal | null> {
    if (header === undefined || header === '') return null
    const token = /^Bearer +([\w.~+/=-]+)$/i.exec(header)?.[1]
    if (!token) throw unauthenticated('The authorization header must be `Bearer <token>`')
    const payload = await readToken(token).catch((error: Error) => {
      if (error instanceof AlkaidError) throw error
      if (!(error instanceof errors.JOSEError)) throw unusableKey(error, keySetOptions.log)
      throw unauthenticated(`The token is not valid: ${error.message}`)
    })
    const actor = readActor(payload.sub)
    checkLifetime(payload)
    return { actor, roles: readRoles(payload.alkaid) }
  }
}

function sharedKey(secret: string): JWTVerifyGetKey {
  const key = new TextEncoder().encode(secret)
  return () => key
}

/** Signs a token with the shared secret, for development, tests and `npm run token`. `seconds`: lifetime, at most 12 hours. */
export async function signToken(
  settings: TokenSettings,
  principal: Principal,
  seconds: number = MAX_AGE_SECONDS,
): Promise<string> {
  if (!('secret' in settings.key))
    throw new Error('Tokens can be signed only with a shared secret, not with a JWKS URL')
  // Read the clock once. Two reads could differ by a second, and the token would live a second too long.
  const issuedAt = Math.floor(Date.now() / 1000)
  return new SignJWT({ alkaid: principal.roles })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(principal.actor)
    .setIssuer(settings.issuer)
    .setAudience(settings.audience)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + seconds)
    .sign(new TextEncoder().encode(settings.key.secret))
}

/**
 * The actor in its normalised spelling. Four-eyes compares actors, so two names that look the same must be the same text.
 */
function readActor(sub: unknown): string {
  if (typeof sub !== 'string') throw unauthenticated(`The token must name the actor in \`sub\`: ${ACTOR_EXPECTED}`)
  const read = readText(sub, 'actor')
  if (read.mistake !== undefined) throw unauthenticated(`The \`sub\` of the token ${read.mistake}`)
  if (read.text === '' || isLonger(read.text, MAX_ACTOR)) {
    throw unauthenticated(`The \`sub\` of the token must be ${ACTOR_EXPECTED}`)
  }
  return read.text
}

function checkLifetime({ iat, exp }: JWTPayload): void {
  if (exp !== undefined && iat !== undefined && exp - iat <= MAX_AGE_SECONDS) return
  throw unauthenticated('The token must end (`exp`) at most 12 hours after it was issued (`iat`)')
}

/** Reads the claim `alkaid`, as in {"shop": ["operator"], "*": ["viewer"]}. Unknown roles are ignored. */
function readRoles(claim: unknown): Record<string, Role[]> {
  if (typeof claim !== 'object' || claim === null) {
    throw unauthenticated('The token has no claim `alkaid`: expected {"<app>" or "*": [roles]}')
  }
  const byApp = new Map<string, Role[]>()
  for (const [name, roles] of Object.entries(claim)) {
    const app = readText(name, 'line')
    if (app.mistake !== undefined) {
      throw unauthenticated(`The claim \`alkaid\` of the token names an app that ${app.mistake}`)
    }
    const known = Array.isArray(roles) ? roles.filter((role): role is Role => ROLES.includes(role)) : []
    byApp.set(app.text, [...(byApp.get(app.text) ?? []), ...known])
  }
  return Object.fromEntries(byApp)
}

/**
 * Finds the key that a token names in the key set of the identity provider. It rejects with UNAUTHENTICATED when the provider
 * does not have the key. It rejects with UNAVAILABLE when the provider is out of reach or the key is unusable.
 */
function remoteKeySet(url: string, { log, clock }: KeySetOptions): JWTVerifyGetKey {
  const name = 'the key set of the identity provider'
  const source = cachedSource({ name, read: () => fetchKeySet(url), ...KEY_SET_CACHE, log, ...(clock && { clock }) })

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
        throw unauthenticated('The token is not valid: the identity provider has no key for its `alg` and `kid`')
      }
      if (error instanceof errors.JWKSMultipleMatchingKeys) {
        throw unauthenticated(
          'The token is not valid: it must name its key by `kid`, since several keys of the identity provider fit',
        )
      }
      throw unusableKey(error, log)
    }
  }
}

async function fetchKeySet(url: string): Promise<ReturnType<typeof createLocalJWKSet>> {
  const response = await fetch(url, {
    headers: { accept: 'application/jwk-set+json, application/json' },
    redirect: 'manual', // only the operators decide where keys come from
    signal: AbortSignal.timeout(KEY_SET_FETCH_MS),
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`expected HTTP 200, got ${response.status}`)
  }
  return createLocalJWKSet(JSON.parse(await readBounded(response.body, KEY_SET_MAX_BYTES)))
}

/** The provider published a key that cannot be used, for example with too few bits. The caller cannot correct that. */
function unusableKey(error: unknown, log: Logger | undefined): AlkaidError {
  log?.error({ err: error }, 'a key of the identity provider cannot be used')
  return new AlkaidError('UNAVAILABLE', 'The key of this token cannot be used: tell the operators of Alkaid')
}

function outOfReach(): never {
  throw new AlkaidError('UNAVAILABLE', 'The keys of the identity provider are out of reach: try again')
}

function unauthenticated(message: string): AlkaidError {
  return new AlkaidError('UNAUTHENTICATED', message)
}
