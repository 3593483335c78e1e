// The lane of a node over real HTTP: the bytes of its answers, the order of its checks, caching, compression, and connections that
// misbehave.

import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Publication } from '../../engine/publication/types.ts'
import { context } from '../support/arbitrary-constraint.ts'
import { publication } from '../support/arbitrary-publication.ts'
import { slotDocument } from '../support/documents.ts'
import {
  APP_KEY,
  asked,
  DECISIONS,
  type LaneServer,
  operations,
  rawGet,
  startLaneServer,
} from '../support/lane-server.ts'
import { connectRaw, type RawAnswer, rawRequest } from '../support/raw-http.ts'
import { until } from '../support/until.ts'

const ann = { app: 'shop', slots: ['home'], context: { userId: 'ann' } }
const hashOf = (name: string) => [...operations.values()].find((operation) => operation.name === name)!.id

/** A slot that shows 30 creatives of 600 characters. */
function largeSlot(code: string): Publication {
  const one = slotDocument('shop', code, 1).entries[0]!
  const entries = Array.from({ length: 30 }, (_, at) => ({
    ...one,
    schedule: { id: `sch_${code}_${at}`, revision: 1 },
    creatives: [{ ...one.creatives[0]!, id: `cre_${code}_${at}`, title: `${'Größe '.repeat(100)}${at}` }],
  }))
  return slotDocument('shop', code, 1, { slot: { ...slotDocument('shop', code, 1).slot, capacity: 30 }, entries })
}

let server: LaneServer
beforeAll(async () => {
  server = await startLaneServer({ documents: [slotDocument('shop', 'home', 1), largeSlot('feed')] })
})
afterAll(() => server?.stop())

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function client(url = server.url) {
  const raw = await connectRaw(url)
  closers.push(() => raw.socket.destroy())
  return raw
}

async function ask(bytes: Buffer, heads = false): Promise<RawAnswer> {
  const raw = await client()
  raw.write(bytes)
  await until('the answer came', () => raw.answers({ heads }).length === 1)
  return raw.answers({ heads })[0]!
}

const post = (body: string, headers: readonly string[] = [`x-app-key: ${APP_KEY}`]) =>
  rawRequest('POST /graphql', ['content-type: application/json', ...headers], body)
const codeOf = ({ body }: RawAnswer) => JSON.parse(body).errors[0].extensions.code

test('GET, POST and graphql-js give the same bytes for random slots and contexts', async () => {
  const slots = fc.array(fc.constantFrom('home', 'other', 'nowhere'), { minLength: 1, maxLength: 3 })
  const variables = fc.record({ app: fc.constant('shop'), slots, context: fc.option(context) })
  let answers = 0
  await fc.assert(
    fc.asyncProperty(
      publication,
      publication,
      fc.array(variables, { minLength: 8, maxLength: 8 }),
      async (home, other, all) => {
        const documents = [home, { ...other, slot: { ...other.slot, id: 'slo_9', code: 'other' } }]
        const node = await startLaneServer({ documents })
        try {
          const raw = await connectRaw(node.url)
          for (const given of all) raw.write(Buffer.concat([rawGet(given), post(asked(given).body)]))
          const found = await raw.whenAnswered(2 * all.length)
          raw.socket.destroy()
          for (const [at, given] of all.entries()) {
            const [byGet, byPost] = [found[2 * at]!, found[2 * at + 1]!]
            expect(byPost.body).toBe(byGet.body)
            const expected = JSON.parse(node.byGraphQL(given))
            if (byGet.status !== 200) continue
            answers += 1
            // The lane leaves out where in the text of the operation an error comes from.
            if (expected.errors) expect(JSON.parse(byGet.body).data).toEqual(expected.data)
            else expect(byGet.body).toBe(JSON.stringify(expected))
          }
        } finally {
          await node.stop()
        }
      },
    ),
    { numRuns: 25 },
  )
  expect(answers).toBeGreaterThan(100)
}, 60_000)

describe('the order of the checks', () => {
  test('a wrong key is refused before a huge or broken body is read', async () => {
    for (const key of ['', 'x-app-key: ak_wrong']) {
      const raw = await client()
      const headers = ['content-type: text/plain', 'content-length: 900000000', ...(key ? [key] : [])]
      raw.write(rawRequest('POST /graphql', headers))
      const [answer] = await raw.whenAnswered(1)
      expect([key, answer!.status, codeOf(answer!)]).toEqual([key, 401, 'UNAUTHENTICATED'])
      expect(answer!.headers['www-authenticate']).toContain('x-app-key')
    }
    expect(codeOf(await ask(post('{', ['x-app-key: ak_wrong'])))).toBe('UNAUTHENTICATED')
    expect(codeOf(await ask(post('{')))).toBe('BAD_USER_INPUT')
  })

  test('the limit of a key comes before the operation and before the body, and says when to come back', async () => {
    const limited = await startLaneServer({ documents: [slotDocument('shop', 'home', 1)], requestsPerSecond: 2 })
    closers.push(() => limited.stop())
    const raw = await client(limited.url)
    for (let at = 0; at < 3; at += 1) raw.write(rawGet(ann))
    raw.write(post('{'))
    const found = await raw.whenAnswered(4)
    expect(found.map(({ status }) => status)).toEqual([200, 200, 429, 429])
    expect(found.slice(2).map(({ headers }) => headers['retry-after'])).toEqual(['1', '1'])
    expect(codeOf(found[3]!)).toBe('RATE_LIMITED')
    limited.clock.now += 500
    raw.write(rawGet(ann))
    expect((await raw.whenAnswered(5))[4]!.status).toBe(200)
    const metrics = await limited.metrics.registry.metrics()
    expect(metrics).toContain(
      'alkaid_http_request_duration_seconds_count{route="/graphql",method="GET",status="200"} 3',
    )
    expect(metrics).toContain(
      'alkaid_http_request_duration_seconds_bucket{le="+Inf",route="/graphql",method="POST",status="429"} 1',
    )
    expect(metrics).toContain('alkaid_graphql_errors_total{service="distribution lane",code="RATE_LIMITED"} 2')
  })

  test('only callers with a valid key learn which operations there are', async () => {
    const unknown = asked(ann, 'a'.repeat(64)).path
    const get = (headers: string[]) => ask(rawRequest(`GET ${unknown}`, headers))
    expect(codeOf(await get([]))).toBe('UNAUTHENTICATED')
    expect(codeOf(await get([`x-app-key: ${APP_KEY}`]))).toBe('PERSISTED_QUERY_NOT_IN_LIST')
    const mutation = rawRequest(`GET ${asked({}, hashOf('RecordEvents')).path}`, [`x-app-key: ${APP_KEY}`])
    expect(codeOf(await ask(mutation))).toBe('PERSISTED_QUERY_NOT_IN_LIST')
    expect((await ask(rawRequest(`PUT ${unknown}`))).status).toBe(405)
  })

  test('what one client sends as extensions is not taken for what another sends', async () => {
    const wrong = asked(ann).path.replace(DECISIONS.id, DECISIONS.id.toUpperCase())
    for (const path of [asked(ann).path, wrong, asked(ann).path]) {
      expect((await ask(rawRequest(`GET ${path}`, [`x-app-key: ${APP_KEY}`]))).status).toBe(200)
    }
    for (const extensions of ['{', '[]', '"x"', '{"persistedQuery":{"sha256Hash":7}}', '%FF', '{}']) {
      const encoded = extensions.startsWith('%') ? extensions : encodeURIComponent(extensions)
      const path = `/graphql?extensions=${encoded}`
      for (let turn = 0; turn < 2; turn += 1) {
        const answer = await ask(rawRequest(`GET ${path}`, [`x-app-key: ${APP_KEY}`]))
        const code = extensions === '{}' ? 'PERSISTED_QUERY_ID_REQUIRED' : 'BAD_USER_INPUT'
        expect([extensions, answer.status, codeOf(answer)]).toEqual([extensions, 400, code])
      }
    }
  })
})

describe('what a client may keep', () => {
  test('304 for its tag in every form, to GET and HEAD', async () => {
    const { headers, body } = await ask(rawGet(ann))
    const { etag } = headers
    expect(headers).toMatchObject({
      'cache-control': 'private, max-age=30',
      'content-type': 'application/json; charset=utf-8',
    })
    for (const shown of [etag!, `W/${etag}`, `"a", ${etag}`, `"a",W/${etag} , "b"`, '*']) {
      for (const method of ['GET', 'HEAD']) {
        const again = await ask(rawGet(ann, [`if-none-match: ${shown}`], method), true)
        expect([method, shown, again.status, again.headers.etag]).toEqual([method, shown, 304, etag])
        expect(again.headers['content-length']).toBeUndefined()
      }
    }
    const other = await ask(rawGet(ann, ['if-none-match: "other", W/"x"']))
    expect([other.status, other.body]).toEqual([200, body])
    const head = await ask(rawGet(ann, [], 'HEAD'), true)
    expect([head.status, head.headers['content-length'], head.headers.etag]).toEqual([
      200,
      headers['content-length'],
      etag,
    ])
  })

  test.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['application/*', 'application/json'],
    ['text/html', 'application/json'],
    ['application/graphql-response+json', 'application/graphql-response+json'],
    ['application/graphql-response+json,application/json;q=0.9', 'application/graphql-response+json'],
    ['application/graphql-response+json;q=0.5, application/json', 'application/json'],
    ['application/graphql-response+json;q=0, */*', 'application/json'],
    ['multipart/mixed, application/graphql-response+json, application/json', 'application/graphql-response+json'],
  ])('the media type for the header accept: %s', async (accept, type) => {
    const { headers } = await ask(rawGet(ann, accept ? [`accept: ${accept}`] : []))
    expect(headers['content-type']).toBe(`${type}; charset=utf-8`)
    expect(headers.vary).toBe('accept, accept-encoding, origin')
  })

  test('a page of an allowed origin may read the answer, others may not', async () => {
    const allowed = await ask(rawGet(ann, ['origin: https://shop.example']))
    expect(allowed.headers['access-control-allow-origin']).toBe('https://shop.example')
    const other = await ask(rawGet(ann, ['origin: https://evil.example']))
    expect(other.headers['access-control-allow-origin']).toBeUndefined()
    expect(other.headers.vary).toContain('origin')
  })
})

describe('compression', () => {
  const feed = { ...ann, slots: ['feed'] }
  const fetched = (variables: object, headers: Record<string, string>) =>
    fetch(`${server.url}${asked(variables).path}`, { headers: { 'x-app-key': APP_KEY, ...headers } })

  /** The bytes as they came: `fetch` would decompress them. */
  async function bytesOf(encoding: string): Promise<{ head: string; body: Buffer }> {
    const raw = await connectRaw(server.url)
    closers.push(() => raw.socket.destroy())
    const chunks: Buffer[] = []
    raw.socket.on('data', (chunk) => chunks.push(chunk))
    raw.write(rawGet(feed, [`accept-encoding: ${encoding}`, 'connection: close']))
    await raw.closed
    const all = Buffer.concat(chunks)
    const end = all.indexOf('\r\n\r\n')
    return { head: all.toString('latin1', 0, end), body: all.subarray(end + 4) }
  }

  test('a large answer is compressed as the client accepts it, and decompresses to the same bytes', async () => {
    const plain = await ask(rawGet(feed))
    expect(plain.body.length).toBeGreaterThan(4_096)
    for (const [accepted, encoding, decompress] of [
      ['gzip', 'gzip', gunzipSync],
      ['br', 'br', brotliDecompressSync],
      ['gzip, deflate, br, zstd', 'br', brotliDecompressSync],
      ['gzip;q=0.9, br;q=0.5', 'gzip', gunzipSync],
      ['gzip, br;q=0', 'gzip', gunzipSync],
    ] as const) {
      const { head, body } = await bytesOf(accepted)
      expect(head).toContain(`content-encoding: ${encoding}\r\n`)
      expect(head).toContain(`content-length: ${body.length}\r\n`)
      expect(decompress(body).toString()).toBe(plain.body)
    }
    for (const accepted of ['identity', 'gzip;q=0', 'deflate']) {
      const { headers, body } = await ask(rawGet(feed, [`accept-encoding: ${accepted}`]))
      expect([accepted, headers['content-encoding'], body]).toEqual([accepted, undefined, plain.body])
    }
  })

  test('a small answer is sent as it is', async () => {
    const { headers } = await ask(rawGet(ann, ['accept-encoding: gzip, br']))
    expect(headers['content-encoding']).toBeUndefined()
  })

  test('each encoding has its own tag, and 304 answers only this one', async () => {
    const plain = (await fetched(feed, { 'accept-encoding': 'identity' })).headers.get('etag')!
    const zipped = (await fetched(feed, { 'accept-encoding': 'gzip' })).headers.get('etag')!
    expect(zipped).not.toBe(plain)
    const statusOf = async (encoding: string, tag: string) =>
      (await fetched(feed, { 'accept-encoding': encoding, 'if-none-match': tag })).status
    expect(await statusOf('gzip', zipped)).toBe(304)
    expect(await statusOf('identity', plain)).toBe(304)
    expect(await statusOf('identity', zipped)).toBe(200)
  })
})

describe('connections', () => {
  test('requests that a client sends ahead are answered in order, one after another, between those of others', async () => {
    const raw = await client()
    const slots = Array.from({ length: 200 }, (_, at) => `slot-${at}`)
    raw.write(Buffer.concat(slots.map((slot) => rawGet({ app: 'shop', slots: [slot] }))))
    const found = await raw.whenAnswered(200)
    expect(found.map(({ body }) => JSON.parse(body).data.decisions[0].slot)).toEqual(slots)
  })

  test('a good request is answered, and the connection ends at the garbage after it', async () => {
    const raw = await client()
    raw.write(Buffer.concat([rawGet(ann), Buffer.from('garbage\r\n\r\n')]))
    await raw.closed
    expect(raw.answers().map(({ status, headers }) => [status, headers.connection])).toEqual([[200, 'close']])
  })

  test('a client that leaves does not disturb the next one', async () => {
    for (let turn = 0; turn < 20; turn += 1) {
      const raw = await connectRaw(server.url)
      raw.write(Buffer.concat(Array.from({ length: 20 }, () => rawGet({ ...ann, slots: ['feed'] }))))
      raw.socket.resetAndDestroy()
    }
    expect((await ask(rawGet(ann))).status).toBe(200)
  })

  test('other paths are not affected', async () => {
    const statusOf = async (line: string) => (await ask(rawRequest(line))).status
    expect(await statusOf('GET /livez')).toBe(200)
    expect(await statusOf('GET /readyz')).toBe(200)
    expect(await statusOf('GET /nothing')).toBe(404)
    expect(await statusOf('OPTIONS /graphql')).toBe(204)
  })

  test('a server that stops under load fails no request, and says that the connection ends', async () => {
    const stopping = await startLaneServer({ documents: [slotDocument('shop', 'home', 1)] })
    closers.push(() => stopping.stop())
    const results: number[] = []
    let isStopped = false
    const load = Array.from({ length: 8 }, async () => {
      for (;;) {
        const raw = await connectRaw(stopping.url).catch(() => undefined)
        if (!raw) return // it takes no new connections any more
        let hasEnded = false
        void raw.closed.then(() => {
          hasEnded = true
        })
        for (let count = 1; ; count += 1) {
          raw.write(rawGet(ann))
          await until('an answer or the end', () => hasEnded || raw.answers().length >= count)
          const found = raw.answers()
          // The kernel had taken the connection, but not the server any more: a client sends the request again.
          if (isStopped && found.length === 0) break
          results.push(found.length < count ? 0 : found.at(-1)!.status)
          if (found.at(-1)?.headers.connection === 'close') break
        }
        raw.socket.destroy()
        if (isStopped) return
      }
    })
    await until('the load runs', () => results.length > 100)
    stopping.drain()
    await until('clients move to new connections', () => results.length > 300)
    isStopped = true
    await stopping.stopHttp()
    await Promise.all(load)
    expect(new Set(results)).toEqual(new Set([200]))
  })
})
