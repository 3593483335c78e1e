// Limits of one connection: how many of its requests wait, how long the client may take to read an answer, how many connections there
// are, and what a client gets that does not send HTTP.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { pino } from 'pino'
import { createLogger } from '../../common/base/log.ts'
import { createMetrics, gauge } from '../../common/base/metrics.ts'
import { type Handler, type HttpServer, json, type ListenOptions, listen } from '../../common/http/server.ts'
import { monitoringRoutes, monitorProcess, observeHttp, serviceRoutes } from '../../common/service/routes.ts'
import { connectRaw, type RawClient, rawRequest } from '../support/raw-http.ts'
import { until } from '../support/until.ts'

const log = createLogger('silent')
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function serve(
  handle: Handler,
  limits: ListenOptions['limits'] = {},
): Promise<HttpServer & { refused: string[] }> {
  const refused: string[] = []
  const options = { host: '127.0.0.1', port: 0, log, limits, onRefusal: (why: string) => void refused.push(why) }
  const http = await listen(options, handle)
  closers.push(http.stop)
  return { ...http, refused }
}

async function client(url: string): Promise<RawClient> {
  const raw = await connectRaw(url)
  closers.push(() => raw.socket.destroy())
  return raw
}

const echo: Handler = ({ path }) => json(200, { path })
const get = (path: string, headers: string[] = []) => rawRequest(`GET ${path}`, headers)
const many = (count: number) => Buffer.concat(Array.from({ length: count }, (_, index) => get(`/${index}`)))
const paths = (raw: RawClient) => raw.answers().map(({ body }) => JSON.parse(body).path)
const inOrder = (count: number) => Array.from({ length: count }, (_, index) => `/${index}`)

describe('pipelined requests', () => {
  test('are answered in order, one after another', async () => {
    let atOnce = 0
    let most = 0
    const { url } = await serve(async ({ path }) => {
      atOnce += 1
      most = Math.max(most, atOnce)
      await sleep(Math.random() * 5)
      atOnce -= 1
      return json(200, { path })
    })
    const raw = await client(url)
    raw.write(many(50))
    await raw.whenAnswered(50)
    expect(paths(raw)).toEqual(inOrder(50))
    expect(most).toBe(1)
  })

  test('are all answered when a client sends 256 ahead, twice', async () => {
    const { url, refused } = await serve(async (request) => json(200, { said: await request.body() }))
    const raw = await client(url)
    const posts = (count: number) =>
      Buffer.concat(
        Array.from({ length: count }, (_, index) =>
          rawRequest('POST /', ['content-type: application/json'], `${index}`),
        ),
      )
    for (const turn of [1, 2, 3]) {
      raw.write(posts(257)) // one is handled, the others wait
      await raw.whenAnswered(turn * 257)
    }
    const said = raw.answers().map(({ body }) => Number(JSON.parse(body).said))
    expect(said).toEqual(Array.from({ length: 3 * 257 }, (_, index) => index % 257))
    expect(refused).toEqual([])
  })

  test('are cut off when too many wait, and other connections are not affected', async () => {
    let handled = 0
    const slow = Promise.withResolvers<void>()
    const { url, refused } = await serve(async ({ path }) => {
      if (path === '/other') return json(200, { path })
      handled += 1
      await slow.promise
      return json(200, { path })
    })
    const raw = await client(url)
    raw.write(many(1_000))
    await raw.closed
    expect(raw.answers()).toEqual([])
    expect(await (await fetch(`${url}/other`)).json()).toEqual({ path: '/other' })
    slow.resolve()
    await sleep(20)
    expect(handled).toBe(1)
    expect(refused).toEqual(['waiting'])
  })

  test('are all answered when the server stops, and only the last answer has `connection: close`', async () => {
    const { url, stop } = await serve(async ({ path }) => {
      await sleep(5)
      return json(200, { path })
    })
    const raw = await client(url)
    raw.write(many(10))
    await raw.whenAnswered(2)
    await stop()
    expect(await raw.closed).toBe('end')
    expect(paths(raw)).toEqual(inOrder(10))
    expect(raw.answers().map(({ headers }) => headers.connection)).toEqual([...Array(9).fill('keep-alive'), 'close'])
  })

  test('wait while the client has not read the answer before them', async () => {
    let handled = 0
    const { url } = await serve(() => {
      handled += 1
      return { status: 200, body: 'x'.repeat(500_000) }
    })
    const raw = await client(url)
    raw.socket.pause()
    raw.write(many(100))
    await sleep(300)
    const before = handled
    expect(before).toBeLessThan(40) // as many as fit into the kernel's buffers
    await sleep(100)
    expect(handled).toBe(before)
    raw.socket.resume()
    await until('all of them are handled', () => handled === 100)
  })
})

describe('a client that does not take its answer', () => {
  test('is cut off, and its waiting requests are dropped', async () => {
    let handled = 0
    const huge = 'x'.repeat(30_000_000)
    const limits = { takeMs: 100 - huge.length / 16 } // a tenth of a second for what the kernel does not take
    const { url, refused } = await serve(() => {
      handled += 1
      return { status: 200, body: huge }
    }, limits)
    const raw = await client(url)
    raw.socket.pause()
    raw.write(many(10))
    await until('it was cut off', () => refused.length > 0)
    expect(refused).toEqual(['slow_reader'])
    raw.socket.resume()
    await raw.closed
    expect([handled, raw.answers()]).toEqual([1, []])
  })

  test('is not cut off while it reads slowly, but fast enough', async () => {
    const huge = 'x'.repeat(20_000_000)
    const { url, refused } = await serve(() => ({ status: 200, body: huge }))
    const raw = await client(url)
    raw.socket.pause()
    raw.write(get('/'))
    await sleep(200)
    raw.socket.resume()
    const [answer] = await raw.whenAnswered(1)
    expect([answer!.body.length, refused]).toEqual([huge.length, []])
  })
})

test('connections beyond the limit are closed at once, and reported', async () => {
  const { url, refused } = await serve(echo, { connections: 2 })
  const kept = [await client(url), await client(url)]
  const third = await client(url)
  third.socket.on('error', () => {})
  await third.closed
  expect(refused).toEqual(['connections'])
  for (const raw of kept) {
    raw.write(get('/kept'))
    expect((await raw.whenAnswered(1))[0]!.status).toBe(200)
  }
  kept[0]!.socket.destroy()
  await until('there is room again', async () => (await fetch(url).catch(() => undefined))?.ok === true)
})

test('refusals are counted and logged, and a flood of them is one line', async () => {
  const lines: Record<string, unknown>[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const metrics = createMetrics()
  const graphql: Handler = async (request) => json(200, { said: await request.body(10) })
  const { url, stop } = await listen(
    { host: '127.0.0.1', port: 0, log, ...observeHttp(log, metrics) },
    serviceRoutes({ graphql, checks: {} }),
  )
  closers.push(stop)
  const post = (type: string, body: string) =>
    fetch(`${url}/graphql`, { method: 'POST', headers: { 'content-type': type }, body })
  for (let sent = 0; sent < 5; sent++) {
    expect((await post('application/json', 'much more than ten bytes')).status).toBe(413)
    expect((await post('text/plain', '{}')).status).toBe(415)
    const raw = await client(url)
    raw.write('noise\r\n\r\n')
    await raw.closed
  }
  expect(lines).toMatchObject([
    { msg: 'request refused', route: '/graphql', method: 'POST', status: 413, times: 1 },
    { msg: 'request refused', status: 415, times: 1 },
    { msg: 'connection refused', reason: 'malformed', times: 1 },
  ])
  expect(await metrics.registry.metrics()).toContain('alkaid_http_refusals_total{reason="malformed"} 5')
})

test('concurrent requests for metrics share one rendering', async () => {
  const metrics = createMetrics()
  const begun = Promise.withResolvers<void>()
  const release = Promise.withResolvers<number>()
  let rendered = 0
  gauge(metrics, { name: 'alkaid_slow', help: 'Takes its time.' }, () => {
    rendered += 1
    begun.resolve()
    return release.promise
  })
  let asked = 0
  const routes = monitoringRoutes(monitorProcess(metrics, { phase: 'running' }, () => ({})))
  const { url } = await serve((request) => {
    asked += 1
    return routes(request)
  })
  const answers = Array.from({ length: 20 }, async () => (await fetch(`${url}/metrics`)).text())
  await begun.promise
  await until('all of them have asked', () => asked === 20)
  release.resolve(7)
  for (const answer of await Promise.all(answers)) expect(answer).toContain('alkaid_slow 7')
  expect(rendered).toBe(1)
  await fetch(`${url}/metrics`)
  expect(rendered).toBe(2)
})

test('a client that offers HTTP/2 is answered in HTTP/1.1', async () => {
  const { url } = await serve(echo)
  const raw = await client(url)
  raw.write(get('/', ['connection: Upgrade, HTTP2-Settings', 'upgrade: h2c', 'http2-settings: AAMAAABkAAQAoAAA']))
  expect((await raw.whenAnswered(1))[0]!.status).toBe(200)
})

describe('a malformed request', () => {
  const body = ['content-type: application/json']
  test.each([
    ['a length that is no number', rawRequest('POST /', [...body, 'content-length: many']), 400, 'malformed'],
    ['a negative length', rawRequest('POST /', [...body, 'content-length: -1']), 400, 'malformed'],
    ['two lengths', rawRequest('POST /', [...body, 'content-length: 3', 'content-length: 5'], '{}'), 400, 'malformed'],
    ['a list of lengths', rawRequest('POST /', [...body, 'content-length: 2, 3']), 400, 'malformed'],
    ['a length beside chunks', rawRequest('POST /', [...body, 'transfer-encoding: chunked'], '{}'), 400, 'malformed'],
    [
      'a chunk without a size',
      Buffer.concat([rawRequest('POST /', [...body, 'transfer-encoding: chunked']), Buffer.from('z\r\n')]),
      400,
      'malformed',
    ],
    ['an unknown method', rawRequest('FETCH /'), 400, 'malformed'],
    ['noise', Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'latin1'), 400, 'malformed'],
    ['a header without an end', rawRequest('GET /', [`x-long: ${'x'.repeat(20_000)}`]), 431, 'headers_too_large'],
    ['an address without an end', rawRequest(`GET /?${'x'.repeat(20_000)}`), 431, 'headers_too_large'],
  ])('%s is refused with a code and a reason, and the client sees it', async (_what, bytes, status, why) => {
    const { url, refused } = await serve(async (request) => {
      await request.body()
      return json(200, {})
    })
    const raw = await client(url)
    raw.write(bytes)
    raw.write(Buffer.alloc(300_000, 'more of it'))
    const [answer] = await raw.whenAnswered(1)
    expect(answer).toMatchObject({
      status,
      headers: { connection: 'close', 'content-type': /json/.source && expect.stringContaining('json') },
    })
    expect(JSON.parse(answer!.body).errors[0]).toMatchObject({
      message: expect.stringMatching(/.{20,}/),
      extensions: { code: status === 400 ? 'BAD_USER_INPUT' : 'LIMIT_EXCEEDED' },
    })
    expect(await raw.closed).toBe('end')
    expect(refused).toEqual([why])
  })

  test('after a complete request: the complete one is answered first', async () => {
    const { url } = await serve(async ({ path }) => {
      await sleep(50)
      return json(200, { path })
    })
    const raw = await client(url)
    raw.write(Buffer.concat([get('/whole'), get('/whole-too'), Buffer.from('nonsense\r\n\r\n')]))
    expect(await raw.closed).toBe('end')
    expect(raw.answers().map(({ status, body: text }) => [status, JSON.parse(text).path])).toEqual([
      [200, '/whole'],
      [200, '/whole-too'],
    ])
    expect(raw.answers().at(-1)!.headers.connection).toBe('close')
  })
})
