// Who calls and what they may do. Admin frontends come with a JWT that every subgraph verifies for itself;
// the table RIGHTS is the only place that says which role may do what.

import { errors, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose'
import { isLonger, readText } from '../../engine/text.ts'
import { AlkaidError } from '../base/errors.ts'
import { type KeySetOptions, remoteKeySet, unusableKey } from './key-set.ts'

export const ROLES = ['viewer', 'operator', 'reviewer', 'publisher', 'admin'] as const
export type Role = (typeof ROLES)[number]

/** action -> the roles that may do it; `admin` may do everything. */
export const RIGHTS = {
  read: ['viewer', 'operator', 'reviewer', 'publisher'],
  createApp: ['operator'],
  updateApp: [],
  rotateAppKey: [],
  createSlot: ['operator'],
  updateSlot: ['operator'],
  archiveSlot: ['operator'],
  createSchedule: ['operator'],
  reviseSchedule: ['operator'],
  duplicateSchedule: ['operator'],
  archiveSchedule: ['operator'],
  createCreative: ['operator'],
  reviseCreative: ['operator'],
  archiveCreative: ['operator'],
  createStrategy: ['operator'],
  reviseStrategy: ['operator'],
  archiveStrategy: ['operator'],
  createSegment: ['operator'],
  reviseSegment: ['operator'],
  archiveSegment: ['operator'],
  submitForReview: ['operator'],
  recallSubmission: ['operator'],
  approve: ['reviewer'],
  reject: ['reviewer'],
  publish: ['publisher'],
  publishSlot: ['publisher'],
  pause: ['publisher'],
  resume: ['publisher'],
  withdraw: ['publisher'],
  revokeApproval: ['reviewer', 'publisher'],
  stopSlot: ['publisher'],
  restartSlot: ['publisher'],
  recordEvents: ['operator'],
} as const satisfies Record<string, readonly Role[]>

export type Action = keyof typeof RIGHTS

/** Someone with a token. `roles`: app code or `*` -> roles. */
export type Principal = { actor: string; roles: Readonly<Record<string, readonly Role[]>> }

/** Throws UNAUTHENTICATED for a caller without a token. */
export function requirePrincipal(principal: Principal | null): Principal {
  if (principal) return principal
  throw new AlkaidError('UNAUTHENTICATED', 'This needs a token: send `authorization: Bearer <token>`')
}

/** Throws FORBIDDEN unless the principal may do this in this app. */
export function authorize(caller: Principal | null, app: string, action: Action): Principal {
  const principal = requirePrincipal(caller)
  if (mayDo(principal, app, action)) return principal
  const wanted = [...RIGHTS[action], 'admin'].join(' or ')
  throw new AlkaidError('FORBIDDEN', `${action} in app ${JSON.stringify(app)} needs the role ${wanted}`)
}

export function mayDo(principal: Principal, app: string, action: Action): boolean {
  const held = [...rolesIn(principal, app), ...rolesIn(principal, '*')]
  const allowed: readonly Role[] = RIGHTS[action]
  return held.some((role) => role === 'admin' || allowed.includes(role))
}

/** In which apps a code is looked for that is named without its app: those that the caller may read. */
export function readerOf(principal: Principal | null): (app: string) => boolean {
  return (app) => principal !== null && mayDo(principal, app, 'read')
}

function rolesIn(principal: Principal, app: string): readonly Role[] {
  return Object.hasOwn(principal.roles, app) ? principal.roles[app]! : []
}

/** How tokens are verified: a shared secret (HS256) or a JWKS URL (asymmetric algorithms). */
export type TokenSettings = {
  issuer: string
  audience: string
  key: { secret: string } | { jwksUrl: string }
}

const MAX_AGE_SECONDS = 12 * 3600
/** How far the clock of whoever signs may be from ours: for `iat`, `nbf` and `exp`. */
const CLOCK_TOLERANCE_SECONDS = 30
const MAX_ACTOR = 200
const ACTOR_EXPECTED = `a text of 1 to ${MAX_ACTOR} characters`
const ASYMMETRIC = ['RS256', 'PS256', 'ES256', 'EdDSA']

/**
 * Reads `Bearer <JWT>`: the principal, null without a header, UNAUTHENTICATED for anything that is not valid, UNAVAILABLE when that
 * cannot be told because the identity provider is out of reach.
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
  const secret = 'secret' in key ? new TextEncoder().encode(key.secret) : undefined
  const findKey: JWTVerifyGetKey = 'secret' in key ? () => secret! : remoteKeySet(key.jwksUrl, keySetOptions)

  return async function verify(header: string | undefined): Promise<Principal | null> {
    if (header === undefined || header === '') return null
    const token = /^Bearer +([\w.~+/=-]+)$/i.exec(header)?.[1]
    if (!token) throw new AlkaidError('UNAUTHENTICATED', 'The authorization header must be `Bearer <token>`')
    const { payload } = await jwtVerify(token, findKey, options).catch((error: Error) => {
      if (error instanceof AlkaidError) throw error
      if (!(error instanceof errors.JOSEError)) throw unusableKey(error, keySetOptions.log)
      throw new AlkaidError('UNAUTHENTICATED', `The token is not valid: ${error.message}`)
    })
    const { sub, iat, exp } = payload
    const actor = readActor(sub)
    if (exp === undefined || iat === undefined || exp - iat > MAX_AGE_SECONDS) {
      throw new AlkaidError(
        'UNAUTHENTICATED',
        'The token must end (`exp`) at most 12 hours after it was issued (`iat`)',
      )
    }
    return { actor, roles: readRoles(payload.alkaid) }
  }
}

export type TokenVerifier = ReturnType<typeof tokenVerifier>

/**
 * Who somebody is, in the one spelling that is stored and compared: whoever wrote something must not decide on it under a
 * name that looks the same.
 */
function readActor(sub: unknown): string {
  if (typeof sub !== 'string') {
    throw new AlkaidError('UNAUTHENTICATED', `The token must name the actor in \`sub\`: ${ACTOR_EXPECTED}`)
  }
  const read = readText(sub, 'actor')
  if (read.mistake !== undefined) {
    throw new AlkaidError('UNAUTHENTICATED', `The \`sub\` of the token ${read.mistake}`)
  }
  if (read.text === '' || isLonger(read.text, MAX_ACTOR)) {
    throw new AlkaidError('UNAUTHENTICATED', `The \`sub\` of the token must be ${ACTOR_EXPECTED}`)
  }
  return read.text
}

function readRoles(claim: unknown): Record<string, Role[]> {
  if (typeof claim !== 'object' || claim === null) {
    throw new AlkaidError('UNAUTHENTICATED', 'The token has no claim `alkaid`: expected {"<app>" or "*": [roles]}')
  }
  const byApp = new Map<string, Role[]>()
  for (const [given, roles] of Object.entries(claim)) {
    const app = readText(given, 'line')
    if (app.mistake !== undefined) {
      throw new AlkaidError('UNAUTHENTICATED', `The claim \`alkaid\` of the token names an app that ${app.mistake}`)
    }
    const known = Array.isArray(roles) ? roles.filter((role): role is Role => ROLES.includes(role)) : []
    byApp.set(app.text, [...(byApp.get(app.text) ?? []), ...known])
  }
  return Object.fromEntries(byApp)
}

/** Signs a token with the shared secret: for development, tests and `npm run token`. `seconds`: at most 12 hours. */
export async function signToken(
  settings: TokenSettings,
  principal: Principal,
  seconds: number = MAX_AGE_SECONDS,
): Promise<string> {
  if (!('secret' in settings.key))
    throw new Error('Tokens can be signed only with a shared secret, not with a JWKS URL')
  // Both from one look at the clock: where a second turns between two, the token would be good for one too many.
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
