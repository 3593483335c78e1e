// Services in other processes that are slow, broken, too talkative or not ours. Each failure costs only the request that met it.

import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import type { AlkaidError } from '../../common/base/errors.ts'
import { createLogger } from '../../common/base/log.ts'
import { federationHandler } from '../../common/graphql/federation.ts'
import type { Subgraph } from '../../common/graphql/subgraph.ts'
import { type HttpServer, listen } from '../../common/http/server.ts'
import { CHECK_MS } from '../../common/service/health.ts'
import { type Remote, type RemoteOptions, remoteService, remoteUpstream } from '../../gateway/remote-service.ts'
import { until } from '../support/until.ts'

const SECRET = 'a service secret, which is long enough'
const log = createLogger('silent')
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

test('a connection serves one request after another', async () => {
  let connections = 0
  const { remote, server } = await serve((_, response) => response.end('{"data":{}}'))
  server.on('connection', () => {
    connections += 1
  })
  for (let sent = 0; sent < 5; sent++) {
    await remote.send({ method: 'GET', path: '/', headers: {}, isRepeatable: true })
    await setImmediate() // undici reuses a connection in the next turn of the event loop
  }
  expect(connections).toBe(1)
})

test('a service that does not answer in time is TIMEOUT, with its name', async () => {
  const { remote } = await serve(() => {}, { timeoutMs: 50 })
  expect(await failure(remote)).toMatchObject({
    code: 'TIMEOUT',
    message: 'The service slow did not answer within 50 ms',
  })
})

test('a service that stops in the middle of an answer is TIMEOUT', async () => {
  const { remote } = await serve((_, response) => void response.write('{"da'), { timeoutMs: 50 })
  expect((await failure(remote)).code).toBe('TIMEOUT')
})

test('a service that closes the connection is UNAVAILABLE', async () => {
  const { remote } = await serve((request) => request.socket.destroy())
  expect(await failure(remote)).toMatchObject({ code: 'UNAVAILABLE', message: 'The service slow is out of reach' })
})

test('a query whose connection breaks off is sent again, and a mutation is not', async () => {
  let asked = 0
  const { remote } = await serve((request, response) => {
    asked += 1
    if (asked === 1) request.socket.destroy()
    else response.end('{"data":{}}')
  })
  const upstream = remoteUpstream(remote, SECRET, log)
  expect(await upstream.execute({ query: '{ a }' }, { requestId: 'r' })).toEqual({ data: {} })
  expect(asked).toBe(2)
  asked = 0
  const changed = upstream.execute({ query: 'mutation M__schedule__0 { a }' }, { requestId: 'r' })
  await expect(changed).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('It is not known whether the change was made'),
  })
  expect(asked).toBe(1)
})

test('a mutation goes to another node when the first one refuses the connection', async () => {
  const gone = await serve(() => {})
  await new Promise((resolve) => gone.server.close(resolve))
  const other = await serve((_, response) => response.end('{"data":{}}'))
  const remote = remoteService({ name: 'two', urls: [gone.url, other.url] })
  closers.push(() => remote.close())
  const upstream = remoteUpstream(remote, SECRET, log)
  for (let n = 0; n < 3; n++) {
    expect(await upstream.execute({ query: 'mutation { a }' }, { requestId: 'r' })).toEqual({ data: {} })
  }
})

test('a service that hung is asked again, although its `/readyz` waits for what hangs behind it', async () => {
  let isHung = true
  const { remote } = await serve(
    (request, response) => {
      if (request.url === '/readyz') setTimeout(() => response.end('{}'), CHECK_MS)
      else if (!isHung) response.end('{"data":{}}')
    },
    { timeoutMs: 200 },
  )
  expect(await failure(remote)).toMatchObject({ code: 'TIMEOUT' })
  isHung = false
  const upstream = remoteUpstream(remote, SECRET, log)
  const isAsked = () =>
    upstream.execute({ query: '{ a }' }, { requestId: 'r' }).then(
      () => true,
      () => false,
    )
  await until('it is asked again', isAsked, { within: 10_000 })
})

test('a service that answers more than the limit is UNAVAILABLE, even when its answer never ends', async () => {
  const endless: RequestListener = (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write('x'.repeat(1_000)));
    }
    response.on('drain', more)
    more()
  }
  const { remote } = await serve(endless, { maxBytes: 10_000 })
  expect(await failure(remote)).toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('10000 bytes') })
})

test('an answer that is not GraphQL, or has another status, is UNAVAILABLE', async () => {
  for (const [status, body] of [
    [200, '<html>'],
    [200, 'null'],
    [502, '{"data":{}}'],
  ] as const) {
    const { remote } = await serve((_, response) => response.writeHead(status).end(body))
    const asked = remoteUpstream(remote, SECRET, log).execute({ query: '{ a }' }, { requestId: 'r' })
    await expect(asked).rejects.toMatchObject({ code: 'UNAVAILABLE', message: expect.stringContaining('slow') })
  }
})

test('a subgraph gets the token and the request id of the caller, and answers only the gateway', async () => {
  const seen: unknown[] = []
  const subgraph = {
    name: 'slow',
    async execute(request: unknown, headers: unknown) {
      seen.push(request, headers)
      return { data: { a: 1 } }
    },
  } as unknown as Subgraph
  const http = await start(subgraph)
  const remote = reach(http.url)
  const headers = { authorization: 'Bearer theirs', requestId: 'request-1' }
  const request = { query: '{ a }', variables: { v: 1 }, operationName: 'A' }
  const answer = await remoteUpstream(remote, SECRET, log).execute(request, headers)
  expect(answer).toEqual({ data: { a: 1 } })
  expect(seen).toEqual([request, headers])
  // A caller cannot fix the gateway's own credential, so the code is not UNAUTHENTICATED.
  const stranger = remoteUpstream(remote, `${SECRET}!`, log).execute(request, headers)
  await expect(stranger).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(seen).toHaveLength(2)
})

async function serve(handle: RequestListener, options: Partial<RemoteOptions> = {}) {
  const server: Server = createServer(handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  return { server, url, remote: reach(url, options) }
}

async function start(subgraph: Subgraph): Promise<HttpServer> {
  const http = await listen({ host: '127.0.0.1', port: 0, log }, federationHandler(subgraph, [SECRET]))
  closers.push(http.stop)
  return http
}

function reach(url: string, options: Partial<RemoteOptions> = {}): Remote {
  const remote = remoteService({ name: 'slow', urls: [url], ...options })
  closers.push(() => remote.close())
  return remote
}

async function failure(remote: Remote): Promise<AlkaidError> {
  try {
    await remote.send({ method: 'GET', path: '/', headers: {}, isRepeatable: true })
  } catch (error) {
    return error as AlkaidError
  }
  throw new Error('Expected a failure')
}
