import { describe, expect, test } from '@jest/globals'
import { SignJWT } from 'jose'
import { authorize, type Principal, RIGHTS, ROLES } from '../../common/access/rights.ts'
import { signToken, type TokenSettings, tokenVerifier } from '../../common/access/tokens.ts'

const secret = 'a secret of the tests that is long enough'
const settings: TokenSettings = { issuer: 'alkaid', audience: 'alkaid', key: { secret } }
const verify = tokenVerifier(settings)
const ann: Principal = { actor: 'ann', roles: { shop: ['operator'], '*': ['viewer'] } }

type Claims = {
  alg?: string
  issuer?: string
  audience?: string
  exp?: string
  iat?: number
  nbf?: string
  sub?: unknown
  alkaid?: unknown
  key?: string
}

/** A token that is right but for what is given. */
async function token(claims: Claims = {}): Promise<string> {
  const sub: unknown = claims.sub ?? 'ann'
  const jwt = new SignJWT({
    alkaid: 'alkaid' in claims ? claims.alkaid : ann.roles,
    ...(sub !== '' && { sub: sub as string }),
  })
    .setProtectedHeader({ alg: claims.alg ?? 'HS256' })
    .setIssuer(claims.issuer ?? 'alkaid')
    .setAudience(claims.audience ?? 'alkaid')
    .setIssuedAt(claims.iat)
  if (claims.nbf) jwt.setNotBefore(claims.nbf)
  if (claims.exp !== '') jwt.setExpirationTime(claims.exp ?? '1h')
  return jwt.sign(new TextEncoder().encode(claims.key ?? secret))
}

describe('a token', () => {
  test('says who calls and what they may do', async () => {
    expect(await verify(`Bearer ${await signToken(settings, ann)}`)).toEqual(ann)
  })

  test('is optional: without one there is no principal', async () => {
    expect(await verify(undefined)).toBeNull()
  })

  const wrong: [string, Claims][] = [
    ['another secret', { key: 'another secret that is as long as it should be' }],
    ['another algorithm', { alg: 'HS512' }],
    ['another issuer', { issuer: 'mallory' }],
    ['another audience', { audience: 'elsewhere' }],
    ['an end in the past', { exp: '-1m' }],
    ['no end', { exp: '' }],
    ['an age of more than twelve hours', { iat: Math.floor(Date.now() / 1000) - 13 * 3600 }],
    ['no subject', { sub: '' }],
    ['a blank subject', { sub: '  ' }],
    ['a subject that is a list', { sub: ['ann'] }],
    ['an end more than twelve hours after its beginning', { exp: '13h' }],
    ['no roles', { alkaid: undefined }],
    ['roles that are no object', { alkaid: 'admin' }],
  ]
  test.each(wrong)('with %s is refused', async (_what, claims) => {
    await expect(verify(`Bearer ${await token(claims)}`)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  const SECONDS = () => Math.floor(Date.now() / 1000)
  const skewed: [string, (seconds: number) => Claims][] = [
    ['was issued in the future', (seconds) => ({ iat: SECONDS() + seconds })],
    ['is good from the future on', (seconds) => ({ nbf: `${seconds}s` })],
    ['has ended', (seconds) => ({ exp: `-${seconds}s` })],
    ['was issued twelve hours ago and longer', (seconds) => oldToken(12 * 3600 + seconds)],
  ]
  function oldToken(age: number): Claims {
    const iat = SECONDS() - age
    return { iat, exp: `${12 * 3600 - age}s` }
  }
  test.each(skewed)(
    'that %s is taken within 30 seconds, since clocks differ, and not beyond',
    async (_what, claims) => {
      expect(await verify(`Bearer ${await token(claims(25))}`)).toMatchObject({ actor: 'ann' })
      await expect(verify(`Bearer ${await token(claims(35))}`)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    },
  )

  test('without a signature is refused', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const exp = Math.floor(Date.now() / 1000) + 60
    const claims = { sub: 'ann', iss: 'alkaid', aud: 'alkaid', exp, iat: exp - 60, alkaid: { '*': ['admin'] } }
    for (const alg of ['none', 'None', 'HS256']) {
      const unsigned = `${part({ alg })}.${part(claims)}.`
      await expect(verify(`Bearer ${unsigned}`)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    }
  })

  test.each(['x', 'Basic eA==', 'Bearer', 'Bearer a b'])('of the form %j is refused', async (header) => {
    await expect(verify(header)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('keeps only roles that exist', async () => {
    const header = `Bearer ${await token({ alkaid: { shop: ['root', 'viewer', 7], other: 'admin' } })}`
    expect((await verify(header))?.roles).toEqual({ shop: ['viewer'], other: [] })
  })
})

describe('the table of rights', () => {
  const may = (principal: Principal, app: string, action: keyof typeof RIGHTS) => {
    try {
      authorize(principal, app, action)
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'FORBIDDEN' })
      return false
    }
  }

  test('gives every role to read, and the role admin everything', () => {
    for (const role of ROLES) expect(may({ actor: 'x', roles: { shop: [role] } }, 'shop', 'read')).toBe(true)
    const admin: Principal = { actor: 'x', roles: { shop: ['admin'] } }
    for (const action of Object.keys(RIGHTS)) expect(may(admin, 'shop', action as keyof typeof RIGHTS)).toBe(true)
  })

  test('gives a role only in its own app', () => {
    expect(may(ann, 'shop', 'createSlot')).toBe(true)
    expect(may(ann, 'other', 'createSlot')).toBe(false)
    expect(may(ann, 'other', 'read')).toBe(true)
    expect(may({ actor: 'x', roles: { shop: ['admin'] } }, 'other', 'read')).toBe(false)
  })

  test.each(['__proto__', 'constructor', 'toString'])('knows no app called %s', (app) => {
    expect(may({ actor: 'x', roles: { shop: ['admin'] } }, app, 'read')).toBe(false)
  })

  test('asks for a token', () => {
    expect(() => authorize(null, 'shop', 'read')).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
  })
})
