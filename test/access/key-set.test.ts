// Tokens of an identity provider: its key set comes from a server of the test on the loopback.

import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import type { Principal } from '../../common/access/rights.ts'
import { tokenVerifier } from '../../common/access/tokens.ts'
import { createLogger, type Logger } from '../../common/base/log.ts'
import { MINUTE_MS } from '../../engine/time/days.ts'

const ann: Principal = { actor: 'ann', roles: { '*': ['viewer'] } }

type Key = { kid: string; alg: string; sign: CryptoKey; jwk: JWK }

async function newKey(kid: string, alg = 'ES256'): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return { kid, alg, sign: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

function bearer({ kid, alg, sign }: Key, header: object = {}): Promise<string> {
  return new SignJWT({ alkaid: ann.roles })
    .setProtectedHeader({ alg, kid, ...header })
    .setSubject('ann')
    .setIssuer('alkaid')
    .setAudience('alkaid')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(sign)
    .then((token) => `Bearer ${token}`)
}

/** An identity provider, whose answer the test chooses. */
type Provider = { url: string; fetches: number; sent: number; keys: JWK[]; answer: RequestListener; server: Server }

let first: Key
let second: Key
let provider: Provider
let time = 0
const logged: string[] = []

/** All that is logged, as text. */
function testLog(): Logger {
  const note = (details: object, message = '') => {
    const { err } = details as { err?: Error & { cause?: Error } }
    logged.push(`${message} ${err?.message ?? ''} ${err?.cause?.message ?? ''}`)
  }
  return Object.assign(createLogger('silent'), { warn: note, error: note }) as Logger
}

const verifier = () =>
  tokenVerifier(
    { issuer: 'alkaid', audience: 'alkaid', key: { jwksUrl: provider.url } },
    { log: testLog(), clock: () => time },
  )

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'ok',
    (error: Error & { code?: string }) => error.code,
  )

async function startProvider(keys: JWK[]): Promise<Provider> {
  const it = { fetches: 0, sent: 0, keys } as Provider
  it.answer = (_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys: it.keys }))
  }
  it.server = createServer((request, response) => {
    it.fetches += 1
    it.answer(request, response)
  })
  await listen(it.server, 0)
  it.url = `http://127.0.0.1:${(it.server.address() as AddressInfo).port}/keys`
  return it
}

const listen = (server: Server, port: number) =>
  new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))

function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  return closed
}

beforeAll(async () => {
  first = await newKey('first')
  second = await newKey('second')
})
beforeEach(async () => {
  provider = await startProvider([first.jwk])
  time = 0
  logged.length = 0
})
afterEach(() => stop(provider.server))

describe('keys', () => {
  test.each(['RS256', 'PS256', 'ES256', 'EdDSA'])(
    'of %s verify tokens, after one fetch for all of them',
    async (alg) => {
      const key = await newKey('k', alg)
      provider.keys = [key.jwk]
      const verify = verifier()
      const tokens = await Promise.all(Array.from({ length: 20 }, () => bearer(key)))
      for (const principal of await Promise.all(tokens.map(verify))) expect(principal).toEqual(ann)
      expect(provider.fetches).toBe(1)
    },
  )

  test('that are new are taken at the first token that names them, and withdrawn ones end', async () => {
    const verify = verifier()
    const [old, fresh] = [await bearer(first), await bearer(second)]
    expect(await verify(old)).toEqual(ann)
    provider.keys = [second.jwk]
    expect(await verify(fresh)).toEqual(ann)
    expect(await codeOf(verify(old))).toBe('UNAUTHENTICATED')
    expect(provider.fetches).toBe(2)
  })

  test('that are withdrawn end after 20 minutes at the latest, though no token names a new one', async () => {
    const verify = verifier()
    const old = await bearer(first)
    expect(await verify(old)).toEqual(ann)
    provider.keys = [second.jwk]
    time += 9 * MINUTE_MS
    expect(await verify(old)).toEqual(ann)
    expect(provider.fetches).toBe(1)
    time += 12 * MINUTE_MS
    expect(await codeOf(verify(old))).toBe('UNAUTHENTICATED')
  })

  test('that are unknown do not cause a fetch each', async () => {
    const verify = verifier()
    await verify(await bearer(first))
    const strangers = await Promise.all(Array.from({ length: 100 }, (_, n) => bearer(second, { kid: `made-up-${n}` })))
    const codes = await Promise.all(strangers.map((token) => codeOf(verify(token))))
    for (const token of strangers) codes.push(await codeOf(verify(token)))
    expect(new Set(codes)).toEqual(new Set(['UNAUTHENTICATED']))
    expect(provider.fetches).toBe(2)
    time += 11_000
    provider.keys = [first.jwk, second.jwk]
    expect(await verify(await bearer(second))).toEqual(ann)
    expect(provider.fetches).toBe(3)
  })

  test('must be named by the token when several fit', async () => {
    provider.keys = [first.jwk, second.jwk]
    const unnamed = verifier()(await bearer(first, { kid: undefined }))
    await expect(unnamed).rejects.toMatchObject({ code: 'UNAUTHENTICATED', message: expect.stringContaining('`kid`') })
  })
})

describe('a token by a wrong algorithm is refused', () => {
  test('a public key is no shared secret, and no signature is none', async () => {
    const { x, y } = first.jwk
    const secret = new TextEncoder().encode(JSON.stringify({ x, y }))
    const shared = new SignJWT({ alkaid: { '*': ['admin'] } }).setProtectedHeader({ alg: 'HS256', kid: 'first' })
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const unsigned = `${part({ alg: 'none', kid: 'first' })}.${part({ sub: 'ann' })}.`
    const verify = verifier()
    for (const token of [await shared.sign(secret), unsigned]) {
      expect(await codeOf(verify(`Bearer ${token}`))).toBe('UNAUTHENTICATED')
    }
    expect(provider.fetches).toBe(0)
  })

  test('an algorithm that the design does not list, and one that is not its key’s', async () => {
    const strong = await newKey('strong', 'ES512')
    const rsa = await newKey('first', 'RS256')
    provider.keys = [strong.jwk, first.jwk]
    const verify = verifier()
    expect(await codeOf(verify(await bearer(strong)))).toBe('UNAUTHENTICATED')
    expect(await codeOf(verify(await bearer(rsa)))).toBe('UNAUTHENTICATED')
  })

  test('an unusable key of the provider is UNAVAILABLE and logged', async () => {
    const weak = await newKey('weak', 'RS256')
    for (const jwk of [
      { ...weak.jwk, n: weak.jwk.n!.slice(0, 100) },
      { ...weak.jwk, n: '', e: '' },
    ]) {
      provider.keys = [jwk]
      expect(await codeOf(verifier()(await bearer(weak)))).toBe('UNAVAILABLE')
    }
    expect(logged).toHaveLength(2)
  })
})

describe('a provider that is out of reach', () => {
  const wrongAnswers: [string, RequestListener][] = [
    ['an error', (_, response) => response.writeHead(500).end('{}')],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/elsewhere' }).end()],
    ['no JSON', (_, response) => response.end('<html>')],
    ['JSON that is no key set', (_, response) => response.end('{"keys": 7}')],
    ['bytes that are no text', (_, response) => response.end(Buffer.from([0x7b, 0xff, 0x7d]))],
    ['half an answer', (request, response) => response.write('{"keys": [', () => request.socket.destroy())],
    ['nothing', (request) => request.socket.destroy()],
  ]

  test.each(wrongAnswers)(
    'or answers %s, is UNAVAILABLE; the log has the details, the caller not',
    async (_, answer) => {
      provider.answer = answer
      const failed = verifier()(await bearer(first))
      await expect(failed).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: 'The keys of the identity provider are out of reach: try again',
      })
      expect(logged).toEqual([expect.stringMatching(/^the key set of the identity provider cannot be read.+\S{4,}/)])
    },
  )

  test('cannot redirect to another address', async () => {
    const elsewhere = await startProvider([first.jwk])
    provider.answer = (_, response) => response.writeHead(302, { location: elsewhere.url }).end()
    expect(await codeOf(verifier()(await bearer(first)))).toBe('UNAVAILABLE')
    expect(elsewhere.fetches).toBe(0)
    await stop(elsewhere.server)
  })

  test('costs no fetch for each token, and is found again when it is back', async () => {
    const verify = verifier()
    const { port } = new URL(provider.url)
    await stop(provider.server)
    const token = await bearer(first)
    for (let asked = 0; asked < 20; asked++) expect(await codeOf(verify(token))).toBe('UNAVAILABLE')
    await listen(provider.server, Number(port))
    expect(await codeOf(verify(token))).toBe('UNAVAILABLE')
    expect(provider.fetches).toBe(0)
    time += 1_000
    expect(await verify(token)).toEqual(ann)
    expect(logged).toHaveLength(1)
  })

  test('known keys stay valid for twelve hours, and unknown keys are UNAVAILABLE', async () => {
    const verify = verifier()
    const [known, unknown] = [await bearer(first), await bearer(second)]
    await verify(known)
    await stop(provider.server)
    for (const minutes of [5, 6, 10, 60, 600]) {
      time += minutes * MINUTE_MS
      expect([minutes, await verify(known)]).toEqual([minutes, ann])
      expect([minutes, await codeOf(verify(unknown))]).toEqual([minutes, 'UNAVAILABLE'])
    }
    time += 60 * MINUTE_MS
    expect(await codeOf(verify(known))).toBe('UNAVAILABLE')
  })
})

describe('an answer of the provider is bounded', () => {
  test('in its size: 200 MB are read no further than 1 MB', async () => {
    const block = Buffer.alloc(64 * 1024, ' ')
    const closed = Promise.withResolvers<void>()
    let written = 0
    provider.answer = (_, response) => {
      response.on('close', closed.resolve)
      const more = () => {
        while (written < 200 * 1024 * 1024 && !response.destroyed) {
          written += block.length
          if (!response.write(block)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    }
    expect(await codeOf(verifier()(await bearer(first)))).toBe('UNAVAILABLE')
    await closed.promise
    expect(written).toBeLessThan(20 * 1024 * 1024) // what the sockets' buffers hold
    expect(logged[0]).toContain('more than 1048576 bytes')
  })

  test('in its size after it is inflated', async () => {
    const { gzipSync } = await import('node:zlib')
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, ' '))
    provider.answer = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb)
    expect(await codeOf(verifier()(await bearer(first)))).toBe('UNAVAILABLE')
    expect(logged[0]).toContain('more than 1048576 bytes')
  })

  test('in its time, and one that is slow holds nobody up who has a known key', async () => {
    const verify = verifier()
    const known = await bearer(first)
    await verify(known)
    const asked = Promise.withResolvers<void>()
    provider.answer = (_, response) => {
      response.write('{')
      asked.resolve()
    }
    time += 11 * MINUTE_MS
    expect(await verify(known)).toEqual(ann) // while the fetch is under way
    await asked.promise
    expect(await verify(known)).toEqual(ann)
    expect(await codeOf(verify(await bearer(second)))).toBe('UNAVAILABLE')
    expect(logged[0]).toMatch(/timeout|aborted/)
  })
})
