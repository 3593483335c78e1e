// How bodies are read, and what happens to a connection when its request is answered before the whole body has come: the client
// sees the answer, and its connection neither hangs nor is reset.

import { execFile } from 'node:child_process'
import { Agent, request as requestHttp } from 'node:http'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { AlkaidError } from '../../common/base/errors.ts'
import { type Handler, type HttpServer, json, type ListenOptions, listen } from '../../common/http/server.ts'
import { connectRaw, type RawClient, rawRequest } from '../support/raw-http.ts'
import { until } from '../support/until.ts'

const run = promisify(execFile)
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

type Served = HttpServer & { logged: string[]; answered: number[] }

async function serve(handle: Handler, limits: ListenOptions['limits'] = {}): Promise<Served> {
  const logged: string[] = []
  const answered: number[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(line) })
  const onAnswer = (_request: unknown, status: number) => void answered.push(status)
  const http = await listen({ host: '127.0.0.1', port: 0, log, limits, onAnswer }, handle)
  closers.push(http.stop)
  return { ...http, logged, answered }
}

async function client(url: string): Promise<RawClient> {
  const raw = await connectRaw(url)
  closers.push(() => raw.socket.destroy())
  return raw
}

/** Takes at most 10,000 bytes, and answers what it read. */
const echo: Handler = async (request) => json(200, { said: await request.body(10_000) })
const JSON_TYPE = ['content-type: application/json']

function post(url: string, body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
}

async function said(response: Response): Promise<unknown> {
  // biome-ignore lint/suspicious/noExplicitAny: answers are read as they come
  const answer = (await response.json()) as any
  return answer.said ?? `${response.status} ${answer.errors[0].extensions.code}`
}

describe('text', () => {
  const bytes = (...parts: (string | number[])[]) => Buffer.concat(parts.map((part) => Buffer.from(part as string)))

  test('may be UTF-8 of any length, with or without a byte order mark', async () => {
    const { url } = await serve(echo)
    for (const right of ['Größe', '{"a":"\u{1F600}"}', '', '\u0000', '\uFEFF\uFEFFx']) {
      expect(await said(await post(url, Buffer.from(right)))).toBe(right.startsWith('\uFEFF') ? right.slice(1) : right)
    }
    expect(await said(await post(url, bytes([0xef, 0xbb, 0xbf], '{}')))).toBe('{}')
  })

  test.each([
    ['Latin-1', bytes('{"name":"Gr', [0xf6, 0xdf], 'e"}')],
    ['UTF-16 with its mark', Buffer.from('\uFEFF{"name":"x"}', 'utf16le')],
    ['UTF-16 of the other order', Buffer.from('\uFEFF{"name":"x"}', 'utf16le').swap16()],
    ['half a character at the end', bytes('"', [0xe2, 0x82])],
    ['a surrogate', bytes('"', [0xed, 0xa0, 0x80], '"')],
    ['an overlong NUL', bytes('"', [0xc0, 0x80], '"')],
    ['beyond Unicode', bytes('"', [0xf4, 0x90, 0x80, 0x80], '"')],
  ])('that is %s is refused', async (_what, wrong) => {
    const { url } = await serve(echo)
    expect(await said(await post(url, wrong))).toBe('400 BAD_USER_INPUT')
  })

  test('may have a character that is split between two packets', async () => {
    const { url } = await serve(echo)
    const raw = await client(url)
    const whole = rawRequest('POST /', JSON_TYPE, '"€"')
    raw.write(whole.subarray(0, -3))
    await new Promise((resolve) => setTimeout(resolve, 20))
    raw.write(whole.subarray(-3))
    const [answer] = await raw.whenAnswered(1)
    expect(JSON.parse(answer!.body)).toEqual({ said: '"€"' })
  })

  test('must have the content type of JSON, and no other charset than UTF-8', async () => {
    const { url } = await serve(echo)
    const statusOf = async (type: string) => (await post(url, '{}', { 'content-type': type })).status
    for (const right of [
      'application/json',
      'Application/JSON ; Charset=UTF-8',
      'application/json;charset="utf-8"',
      'application/json; charset=utf8; q=1',
      'application/graphql+json',
    ]) {
      expect([right, await statusOf(right)]).toEqual([right, 200])
    }
    for (const wrong of [
      'text/plain',
      'text/json',
      'application/graphql',
      'application/json-patch+json',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json; charset=iso-8859-1',
      'application/json; charset="UTF-16"',
      'application/json; charset=',
      'application/json; charset=utf-8; charset=latin1',
      'json',
    ]) {
      expect([wrong, await statusOf(wrong)]).toEqual([wrong, 415])
    }
    const raw = await client(url)
    raw.write(rawRequest('POST /', [], '{}'))
    expect((await raw.whenAnswered(1))[0]).toMatchObject({ status: 415, headers: { accept: 'application/json' } })
  })
})

describe('a compressed body', () => {
  const big = JSON.stringify('a text that compresses well. '.repeat(300))

  test.each([
    ['gzip', gzipSync(big)],
    ['x-gzip', gzipSync(big)],
    ['GZIP', gzipSync(big)],
    ['deflate', deflateSync(big)],
    ['br', brotliCompressSync(big)],
    ['identity', Buffer.from(big)],
  ])('with the encoding %s is read', async (encoding, body) => {
    const { url } = await serve(echo)
    expect(await said(await post(url, body, { 'content-encoding': encoding }))).toBe(big)
  })

  test('has the same limit after decompression, and is not decompressed beyond it', async () => {
    const { url } = await serve(echo)
    const bomb = gzipSync(Buffer.alloc(50_000_000, ' ')).subarray(0, 9_000) // most of it is not even there
    const { arrayBuffers } = process.memoryUsage()
    expect(await said(await post(url, bomb, { 'content-encoding': 'gzip' }))).toBe('413 LIMIT_EXCEEDED')
    expect(process.memoryUsage().arrayBuffers - arrayBuffers).toBeLessThan(5_000_000)
    const nearly = gzipSync(Buffer.alloc(10_001, ' '))
    expect(await said(await post(url, nearly, { 'content-encoding': 'gzip' }))).toBe('413 LIMIT_EXCEEDED')
  })

  test('is refused when it is broken, or has an unknown encoding', async () => {
    const { url } = await serve(echo)
    const headers = { 'content-encoding': 'gzip' }
    expect(await said(await post(url, gzipSync(big).subarray(0, 50), headers))).toBe('400 BAD_USER_INPUT')
    expect(await said(await post(url, '{}', headers))).toBe('400 BAD_USER_INPUT')
    expect(await said(await post(url, gzipSync(Buffer.from([0xff])), headers))).toBe('400 BAD_USER_INPUT')
    for (const encoding of ['compress', 'gzip, gzip', 'zstd']) {
      const { status, headers } = await post(url, gzipSync(big), { 'content-encoding': encoding })
      expect([status, headers.get('accept-encoding')]).toEqual([415, 'gzip, deflate, br'])
    }
  })
})

describe('a body that is too long', () => {
  test('is refused by its content-length, before a byte of it has come', async () => {
    const { url } = await serve(echo)
    const raw = await client(url)
    raw.write(rawRequest('POST /', [...JSON_TYPE, 'content-length: 10000000000']))
    const [answer] = await raw.whenAnswered(1)
    expect(answer).toMatchObject({ status: 413, headers: { connection: 'close' } })
    expect(JSON.parse(answer!.body).errors[0]).toMatchObject({
      message: expect.stringContaining('10000 bytes'),
      extensions: { code: 'LIMIT_EXCEEDED' },
    })
  })

  test('without content-length is refused as soon as too many bytes have come', async () => {
    const { url } = await serve(echo)
    const raw = await client(url)
    raw.write(rawRequest('POST /', [...JSON_TYPE, 'transfer-encoding: chunked']))
    raw.write(`2711\r\n${'x'.repeat(10_001)}\r\n`)
    expect((await raw.whenAnswered(1))[0]).toMatchObject({ status: 413, headers: { connection: 'close' } })
    raw.write('0\r\n\r\n') // it ends all the same
    expect(await raw.closed).toBe('end')
  })

  test('can be sent to its end by a client that reads only afterwards, and the client sees the refusal', async () => {
    const { url, answered } = await serve(echo)
    const raw = await client(url)
    raw.write(rawRequest('POST /', [...JSON_TYPE, 'content-length: 20000000']))
    for (let sent = 0; sent < 20; sent++) raw.write(Buffer.alloc(1_000_000, 'x'))
    expect(await raw.closed).toBe('end')
    expect([raw.answers().map(({ status }) => status), answered]).toEqual([[413], [413]])
  })

  test('is cut off when it never ends', async () => {
    const { url } = await serve(echo, { lingerMs: 100 })
    const raw = await client(url)
    raw.write(rawRequest('POST /', [...JSON_TYPE, 'content-length: 10000000000']))
    const timer = setInterval(() => raw.socket.writable && raw.write('more'), 10)
    closers.push(() => clearInterval(timer))
    await raw.closed
    expect(raw.answers()[0]!.status).toBe(413)
  })

  test('does not disturb the next request of fetch, of a keep-alive agent and of curl', async () => {
    const { url } = await serve(echo)
    const long = Buffer.alloc(3_000_000, 'x')
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    closers.push(() => agent.destroy())
    const byAgent = (body: Buffer) =>
      new Promise<unknown>((resolve, reject) => {
        const options = { agent, method: 'POST', headers: { 'content-type': 'application/json' } }
        const request = requestHttp(url, options, async (response) => {
          resolve([response.statusCode, JSON.parse(await text(response)).said])
        })
        request.once('error', reject)
        request.end(body)
      })
    for (let turn = 0; turn < 3; turn++) {
      expect((await post(url, long)).status).toBe(413)
      expect(await said(await post(url, '{}'))).toBe('{}')
      expect(await byAgent(long)).toEqual([413, undefined])
      expect(await byAgent(Buffer.from('{}'))).toEqual([200, '{}'])
    }
    const write = ['-w', '%{http_code} ', '-o', '/dev/null', '-s', '-H', 'content-type: application/json']
    const big = ['--data-binary', `@${process.execPath}`] // more than 1 MB, so that curl expects 100-continue
    const small = ['--data-binary', '{}']
    const { stdout } = await run('curl', [...write, ...big, url, '--next', ...write, ...small, url])
    expect(stdout.trim().split(' ')).toEqual(['413', '200'])
  })
})

describe('a client that expects 100 Continue', () => {
  const EXPECT = [...JSON_TYPE, 'expect: 100-continue']

  test('gets 100 Continue only when its headers are accepted', async () => {
    const { url } = await serve(echo)
    const raw = await client(url)
    raw.write(rawRequest('POST /', [...EXPECT, 'content-length: 2']))
    await raw.whenAnswered(1)
    raw.write('{}')
    expect((await raw.whenAnswered(2)).map(({ status }) => status)).toEqual([100, 200])
  })

  test('gets the refusal at once, and the connection is closed', async () => {
    const { url } = await serve(echo, { lingerMs: 50 })
    for (const [headers, status] of [
      [[...EXPECT, 'content-length: 20000'], 413],
      [['expect: 100-continue', 'content-type: text/plain', 'content-length: 2'], 415],
    ] as const) {
      const raw = await client(url)
      raw.write(rawRequest('POST /', headers))
      expect(await raw.closed).toBe('end')
      expect(raw.answers()).toMatchObject([{ status, headers: { connection: 'close' } }])
    }
  })
})

describe('a request that is answered before its body has come', () => {
  const early: Handler = () => {
    throw new AlkaidError('UNAUTHENTICATED', 'Not you')
  }

  test('keeps the connection when little of the body is left, and the next request is answered', async () => {
    const { url } = await serve(early)
    const raw = await client(url)
    const whole = rawRequest('POST /', JSON_TYPE, 'x'.repeat(100_000))
    raw.write(whole.subarray(0, 200))
    const [first] = await raw.whenAnswered(1)
    expect(first!.headers.connection).not.toBe('close')
    raw.write(whole.subarray(200))
    raw.write(rawRequest('POST /', JSON_TYPE, '{}'))
    expect((await raw.whenAnswered(2)).map(({ status }) => status)).toEqual([401, 401])
  })

  test('keeps the connection when nothing is left, for every way to send a body', async () => {
    const { url } = await serve(early)
    const raw = await client(url)
    const chunked = [...JSON_TYPE, 'transfer-encoding: chunked']
    const requests = [
      rawRequest('GET /'),
      rawRequest('DELETE /'),
      rawRequest('POST /', JSON_TYPE, '{}'),
      rawRequest('POST /', ['content-length: 0']),
      Buffer.concat([rawRequest('POST /', chunked), Buffer.from('2\r\n{}\r\n0\r\n\r\n')]),
      rawRequest('GET /', ['x-app-key: \xff']),
    ]
    for (const [index, request] of requests.entries()) {
      raw.write(request)
      const answers = await raw.whenAnswered(index + 1)
      expect(answers.map(({ headers }) => headers.connection)).toEqual(Array(index + 1).fill('keep-alive'))
    }
  })

  test('closes the connection when much is left, or when the rest has no known length', async () => {
    const { url } = await serve(early, { lingerMs: 50 })
    for (const length of ['content-length: 100000000', 'transfer-encoding: chunked']) {
      const raw = await client(url)
      raw.write(rawRequest('POST /', [...JSON_TYPE, length]))
      expect(await raw.closed).toBe('end')
      expect(raw.answers()).toMatchObject([{ status: 401, headers: { connection: 'close' } }])
    }
  })
})

describe('a client that leaves in the middle of a body', () => {
  test.each(['destroy', 'resetAndDestroy', 'end'] as const)(
    'by %s is not logged as a failure of the server',
    async (leave) => {
      const { url, logged, answered } = await serve(echo)
      const raw = await client(url)
      raw.write(rawRequest('POST /', [...JSON_TYPE, 'content-length: 100']))
      raw.write('{"half":')
      await new Promise((resolve) => setTimeout(resolve, 20))
      raw.socket[leave]()
      await until('it is noticed', () => answered.length === 1)
      expect([answered, logged]).toEqual([[499], []])
    },
  )
})
