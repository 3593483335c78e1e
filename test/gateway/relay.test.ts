// The relay between apps and the nodes of a lane, over real HTTP: what passes, which node is asked, and what is sent twice.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createConnection } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test } from '@jest/globals'
import { parse } from 'graphql'
import { createLogger } from '../../common/base/log.ts'
import { listen } from '../../common/http/server.ts'
import type { PersistedOperations } from '../../common/lane/persisted-operations.ts'
import { createRelay } from '../../gateway/relay.ts'
import { type RemoteLane, type RemoteLaneOptions, remoteLane } from '../../gateway/remote-lane.ts'
import { until } from '../support/until.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const QUERY = 'a'.repeat(64)
const MUTATION = 'b'.repeat(64)
const OF_APP = 'c'.repeat(64)
const operations = new Map(
  [
    { id: QUERY, body: 'query Q { decisions }', field: 'decisions' },
    { id: MUTATION, body: 'mutation M { recordEvents }', field: 'recordEvents' },
  ].map(({ id, body, field }) => {
    const document = parse(body)
    return [id, { id, name: id, body, document, definition: document.definitions[0], rootFields: [field] }]
  }),
) as unknown as PersistedOperations

type Asked = { method: string; url: string; headers: IncomingMessage['headers']; body: string }
type Answer = (response: ServerResponse, asked: Asked) => unknown

describe('what passes', () => {
  test('an answer passes unchanged: its status, its bytes, and the headers for clients and caches', async () => {
    const compressed = gzipSync('{"data":{"decisions":[]}}')
    const node = await startNode((response) => {
      response.writeHead(200, {
        'content-type': 'application/graphql-response+json; charset=utf-8',
        'content-encoding': 'gzip',
        'cache-control': 'private, max-age=7',
        etag: '"t"',
        vary: 'origin, accept-encoding',
        'access-control-allow-origin': 'https://shop.example',
        'x-request-id': 'of the node',
        'x-internal': 'kept back',
      })
      response.end(compressed)
    })
    const url = await startRelay({ distribution: [node.url] })
    const { status, headers, bytes } = await rawGet(`${url}?${search(QUERY)}`, { 'x-request-id': 'ours' })
    expect(status).toBe(200)
    expect(bytes.equals(compressed)).toBe(true)
    expect(headers).toMatchObject({
      'content-type': 'application/graphql-response+json; charset=utf-8',
      'content-encoding': 'gzip',
      'cache-control': 'private, max-age=7',
      etag: '"t"',
      vary: 'origin, accept-encoding',
      'access-control-allow-origin': 'https://shop.example',
      'content-length': `${compressed.length}`,
      'x-request-id': 'ours',
    })
    expect(headers).not.toHaveProperty('x-internal')
  })

  test('a request passes with its search or body, its request id, and no other headers than the lane needs', async () => {
    const node = await startNode((response) => response.writeHead(304, { etag: '"t"' }).end())
    const url = await startRelay({ distribution: [node.url] })
    const sent = { 'x-app-key': 'k', 'if-none-match': '"t"', 'x-request-id': 'r-1', cookie: 'secret', accept: 'a/b' }
    const asked = await fetch(`${url}?${search(QUERY)}`, { headers: sent })
    expect([asked.status, asked.headers.get('etag'), await asked.text()]).toEqual([304, '"t"', ''])
    const [{ method, url: path, headers }] = node.asked as [Asked]
    expect([method, path]).toEqual(['GET', `/graphql?${search(QUERY)}`])
    expect(headers).toMatchObject({ 'x-app-key': 'k', 'if-none-match': '"t"', 'x-request-id': 'r-1', accept: 'a/b' })
    expect(headers).not.toHaveProperty('cookie')
    expect(headers).not.toHaveProperty('user-agent')
    await post(url, QUERY)
    expect(node.asked[1]).toMatchObject({ method: 'POST', url: '/graphql', body: bodyOf(QUERY) })
  })

  test('a client that leaves ends its request at the node', async () => {
    let left = false
    const node = await startNode((response) => response.once('close', () => (left = true)))
    const url = await startRelay({ distribution: [node.url] }, { timeoutMs: 60_000 })
    const { port } = new URL(url)
    const client = createConnection(Number(port), '127.0.0.1')
    client.write(`GET /graphql?${search(QUERY)} HTTP/1.1\r\nhost: a\r\nx-app-key: k\r\n\r\n`)
    await until('the node was asked', () => node.asked.length === 1)
    expect(left).toBe(false)
    client.destroy()
    await until('the node sees that', () => left)
  })
})

describe('which lane is asked', () => {
  const notInList: Answer = (response) =>
    response.writeHead(404).end('{"errors":[{"extensions":{"code":"PERSISTED_QUERY_NOT_IN_LIST"}}]}')

  test('a built-in operation goes to its lane only', async () => {
    const [distribution, stats] = [await startNode(ok), await startNode(ok)]
    const url = await startRelay({ distribution: [distribution.url], stats: [stats.url] })
    await post(url, MUTATION)
    await fetch(`${url}?${search(QUERY)}`)
    expect([distribution.asked.length, stats.asked.length]).toEqual([1, 1])
  })

  test("an app's own operation is looked for in the lane that reads, then in the other one, and then remembered", async () => {
    const [distribution, stats] = [await startNode(notInList), await startNode(ok)]
    const url = await startRelay({ stats: [stats.url], distribution: [distribution.url] })
    for (let n = 0; n < 3; n++) expect((await post(url, OF_APP)).status).toBe(200)
    expect([distribution.asked.length, stats.asked.length]).toEqual([1, 3])
  })

  test('what was remembered is corrected when the lane does not have the operation any more', async () => {
    let inStats = true
    const distribution = await startNode((...args) => (inStats ? notInList : ok)(...args))
    const stats = await startNode((...args) => (inStats ? ok : notInList)(...args))
    const url = await startRelay({ stats: [stats.url], distribution: [distribution.url] })
    expect((await post(url, OF_APP)).status).toBe(200)
    inStats = false
    for (let n = 0; n < 3; n++) expect((await post(url, OF_APP)).status).toBe(200)
    expect([distribution.asked.length, stats.asked.length]).toEqual([4, 2])
  })

  test('an operation that no lane has gets the answer of a lane', async () => {
    const [distribution, stats] = [await startNode(notInList), await startNode(notInList)]
    const url = await startRelay({ distribution: [distribution.url], stats: [stats.url] })
    expect((await post(url, OF_APP)).status).toBe(404)
    expect((await post(url, OF_APP)).status).toBe(404)
    expect([distribution.asked.length, stats.asked.length]).toEqual([2, 2])
  })

  test('a lane that refused a request, for example for its key, is not remembered as the one with the operation', async () => {
    const distribution = await startNode((response) => response.writeHead(401).end('{}'))
    const stats = await startNode(ok)
    const url = await startRelay({ distribution: [distribution.url], stats: [stats.url] })
    expect((await post(url, OF_APP)).status).toBe(401)
    await distribution.stop()
    expect((await post(url, OF_APP)).status).toBe(200)
  })

  test('while the lane that may have it is out of reach, an unknown operation is UNAVAILABLE and not missing', async () => {
    const [distribution, stats] = [await startNode(notInList), await startNode(notInList)]
    const url = await startRelay({ distribution: [distribution.url], stats: [stats.url] })
    await distribution.stop()
    const answer = await post(url, OF_APP)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await answer.text()).toContain('The service distribution is out of reach')
  })
})

describe('which node is asked', () => {
  test('requests that come together go to all nodes, and requests one after another take turns', async () => {
    const nodes = [await startNode(ok), await startNode(ok), await startNode(ok)]
    const url = await startRelay({ distribution: nodes.map((node) => node.url) })
    const ask = () => fetch(`${url}?${search(QUERY)}`)
    for (let n = 0; n < 9; n++) await ask()
    expect(nodes.map(({ asked }) => asked.length)).toEqual([3, 3, 3])
    await Promise.all(Array.from({ length: 30 }, ask))
    for (const { asked } of nodes) expect(asked.length).toBeGreaterThanOrEqual(10)
  })

  test('a node that refuses connections is skipped, and takes requests again once it is back', async () => {
    const [gone, other] = [await startNode(ok), await startNode(ok)]
    const url = await startRelay({ distribution: [gone.url, other.url] })
    await gone.stop()
    for (let n = 0; n < 10; n++) expect((await fetch(`${url}?${search(QUERY)}`)).status).toBe(200)
    expect(other.asked).toHaveLength(10)
    expect(lane.nodes.counts()).toEqual({ healthy: 1, skipped: 1, hung: 0 })
    expect(lane.repeats()).toBe(1)
    await gone.start()
    await until('it is healthy again', () => lane.nodes.counts().healthy === 2)
    for (let n = 0; n < 4; n++) await fetch(`${url}?${search(QUERY)}`)
    expect(gone.asked.filter(({ url: path }) => path !== '/readyz')).toHaveLength(2)
  })

  test('a hung node costs one timeout; after that nobody waits for it until it answers a probe', async () => {
    let isHung = true
    const hung = await startNode((response) => isHung || response.end('{}'), { answersProbes: () => !isHung })
    const url = await startRelay({ distribution: [hung.url] }, { timeoutMs: 300 })
    const first = await fetch(`${url}?${search(QUERY)}`)
    expect([first.status, await first.text()]).toEqual([504, expect.stringContaining('did not answer within 300 ms')])
    const second = await fetch(`${url}?${search(QUERY)}`)
    expect([second.status, await second.text()]).toEqual([503, expect.stringContaining('It is asked again within 2 s')])
    expect(hung.asked.filter(({ url: path }) => path !== '/readyz')).toHaveLength(1)
    isHung = false
    await until('it is healthy again', () => lane.nodes.counts().healthy === 1)
    expect((await fetch(`${url}?${search(QUERY)}`)).status).toBe(200)
  })

  test('a node that answers others is not hung because of one request that takes too long', async () => {
    const node = await startNode((response, { method }) => method === 'POST' || response.end('{}'))
    const url = await startRelay({ distribution: [node.url] }, { timeoutMs: 500 })
    const slow = post(url, QUERY)
    await until('it was asked', () => node.asked.length === 1)
    expect((await fetch(`${url}?${search(QUERY)}`)).status).toBe(200)
    expect((await slow).status).toBe(504)
    expect(lane.nodes.counts()).toEqual({ healthy: 1, skipped: 0, hung: 0 })
    expect((await fetch(`${url}?${search(QUERY)}`)).status).toBe(200)
  })

  test('beside a hung node, the other one answers every request', async () => {
    const [hung, other] = [await startNode(() => {}, { answersProbes: () => false }), await startNode(ok)]
    const url = await startRelay({ distribution: [hung.url, other.url] }, { timeoutMs: 300 })
    for (let n = 0; n < 6; n++) expect((await fetch(`${url}?${search(QUERY)}`)).status).toBe(200)
    expect(hung.asked.filter(({ url: path }) => path !== '/readyz')).toHaveLength(1)
  })

  test('a node that answers 503 is skipped, and the 503 passes when every node says so', async () => {
    const busy: Answer = (response) => response.writeHead(503, { 'retry-after': '9' }).end('busy')
    let second: Answer = ok
    const nodes = [await startNode(busy), await startNode((...args) => second(...args))]
    const url = await startRelay({ distribution: nodes.map((node) => node.url) })
    for (let n = 0; n < 4; n++) expect((await fetch(`${url}?${search(QUERY)}`)).status).toBe(200)
    expect(nodes[0]!.asked).toHaveLength(1)
    second = busy
    const answer = await fetch(`${url}?${search(QUERY)}`)
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([503, '9', 'busy'])
  })

  test('more requests than the nodes may have under way are UNAVAILABLE at once', async () => {
    const waiting: ServerResponse[] = []
    const node = await startNode((response) => waiting.push(response))
    const url = await startRelay({ distribution: [node.url] }, { maxOutstanding: 2 })
    const two = [fetch(`${url}?${search(QUERY)}`), fetch(`${url}?${search(QUERY)}`)]
    await until('two are under way', () => waiting.length === 2)
    const third = await fetch(`${url}?${search(QUERY)}`)
    expect([third.status, third.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await third.text()).toContain('The service distribution is busy')
    for (const response of waiting) response.end('{}')
    for (const answer of await Promise.all(two)) expect(answer.status).toBe(200)
  })
})

describe('what is sent twice', () => {
  const breaksOff: Answer = (response) => response.destroy()

  test('a query whose connection breaks off is sent to the next node, by GET and by POST', async () => {
    const [broken, other] = [await startNode(breaksOff), await startNode(ok)]
    const url = await startRelay({ distribution: [broken.url, other.url] })
    expect((await fetch(`${url}?${search(QUERY)}`)).status).toBe(200)
    expect((await fetch(`${url}?${search(QUERY)}`)).status).toBe(200)
    expect((await post(url, QUERY)).status).toBe(200)
    expect((await post(url, QUERY)).status).toBe(200)
    expect(lane.repeats()).toBeGreaterThan(0)
  })

  test('a mutation that was sent is never sent again', async () => {
    const nodes = [await startNode(breaksOff), await startNode(breaksOff)]
    const url = await startRelay({ stats: nodes.map((node) => node.url) })
    const answer = await post(url, MUTATION)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1'])
    expect(nodes.map(({ asked }) => asked.length).sort()).toEqual([0, 1])
  })

  test('a mutation goes to the next node when the first one refused the connection', async () => {
    const [gone, other] = [await startNode(ok), await startNode(ok)]
    const url = await startRelay({ stats: [gone.url, other.url] })
    await gone.stop()
    for (let n = 0; n < 4; n++) expect((await post(url, MUTATION)).status).toBe(200)
    expect(other.asked).toHaveLength(4)
  })
})

describe('a preflight for apps', () => {
  const origin = 'https://shop.example'
  const answering =
    (status: number): Answer =>
    (response) =>
      response.writeHead(status).end()
  const relayOver = async (...answers: Answer[]) => {
    const nodes = await Promise.all(answers.map((answer) => startNode(answer)))
    return createRelay(nodes.map(({ url }, n) => reach(`lane ${n}`, [url], 'decisions')))
  }

  test.each([
    ['allowed', 204, true],
    ['refused', 403, false],
  ])('is %s by the first lane that knows, while others hang, fail or have not loaded', async (_, status, allowed) => {
    const relay = await relayOver(() => {}, answering(500), answering(503), answering(status))
    expect(await relay.allowsOrigin(origin)).toBe(allowed)
  })

  test('is UNAVAILABLE within about a second when no lane can answer it', async () => {
    const asked = (await relayOver(() => {}, answering(503))).allowsOrigin(origin)
    await expect(asked).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  }, 5_000)

  test('sends only the origin on, and pages of an allowed origin can read a refusal by the relay itself', async () => {
    const node = await startNode(answering(204))
    const url = await startRelay({ distribution: [node.url] })
    const headers = { origin, 'x-app-key': 'ak_secret', 'content-type': 'text/plain' }
    const refused = await fetch(url, { method: 'POST', headers, body: '{}' })
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([415, origin])
    expect(node.asked).toMatchObject([{ method: 'OPTIONS', headers: { origin } }])
    expect(JSON.stringify(node.asked)).not.toContain('ak_secret')
  })
})

// ---- Nodes, and a gateway that only relays

let lane: RemoteLane

const ok: Answer = (response) => response.end('{"data":{}}')

async function startNode(answer: Answer, { answersProbes = (): boolean => true } = {}) {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    const body = (await buffer(request)).toString()
    const { method = '', url = '', headers } = request
    if (url === '/readyz') return answersProbes() && response.end('{}')
    const seen = { method, url, headers, body }
    asked.push(seen)
    answer(response, seen)
  })
  const start = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  await start(0)
  closers.push(stop)
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, asked, stop, start: () => start(port) }
}

function reach(name: string, urls: readonly string[], field: string, options: Partial<RemoteLaneOptions> = {}) {
  const reached = remoteLane({ name, urls, operations, rootFields: [field], ...options })
  closers.push(reached.close)
  return reached
}

/** The URL of a gateway that has only the relay. `lane` is the first of its lanes. */
async function startRelay(
  urls: { distribution?: readonly string[]; stats?: readonly string[] },
  options: Partial<RemoteLaneOptions> = {},
): Promise<string> {
  const lanes = Object.entries(urls).map(([name, of]) =>
    reach(name, of, name === 'stats' ? 'recordEvents' : 'decisions', options),
  )
  lane = lanes[0]!
  const relay = createRelay(lanes)
  const http = await listen(
    { host: '127.0.0.1', port: 0, log: createLogger('silent') },
    (request) => relay.handle(request)!,
  )
  closers.push(http.stop)
  return `${http.url}/graphql`
}

const extensions = (hash: string) => ({ persistedQuery: { version: 1, sha256Hash: hash } })
const search = (hash: string) => new URLSearchParams({ extensions: JSON.stringify(extensions(hash)) }).toString()
const bodyOf = (hash: string) => JSON.stringify({ variables: { a: 1 }, extensions: extensions(hash) })

function post(url: string, hash: string): Promise<Response> {
  const headers = { 'content-type': 'application/json', 'x-app-key': 'k' }
  return fetch(url, { method: 'POST', headers, body: bodyOf(hash) })
}

/** Without the decompression of `fetch`. */
async function rawGet(url: string, headers: Record<string, string>) {
  const { get } = await import('node:http')
  const message = await new Promise<IncomingMessage>((resolve) => get(url, { headers }, resolve))
  return { status: message.statusCode, headers: message.headers, bytes: await buffer(message) }
}
