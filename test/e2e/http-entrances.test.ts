// Every HTTP entrance follows the same rules: the gateway with a token, an app at the gateway, the lane of a node, the lane of stats,
// and the federation endpoint of the subgraphs.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { tokenVerifier } from '../../common/access/tokens.ts'
import { createLogger } from '../../common/base/log.ts'
import { federationHandler } from '../../common/graphql/federation.ts'
import { type HttpServer, listen } from '../../common/http/server.ts'
import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import { serviceRoutes } from '../../common/service/routes.ts'
import { connectStore } from '../../common/store/store.ts'
import { startEmbeddedServer } from '../../embedded/server.ts'
import { createStats, type Stats } from '../../subgraphs/stats/app.ts'
import { bookOne, eventually, startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { connectRaw, type RawAnswer, rawRequest } from '../support/raw-http.ts'
import { planApp } from '../support/stats.ts'
import { testServices, tokenFor, tokenSettings } from '../support/subgraphs.ts'

const operations = readPersistedOperations(new URL('../../schema/persisted-queries.json', import.meta.url))
const hashOf = (name: string) => [...operations.values()].find((operation) => operation.name === name)!.id
const persisted = (name: string) => ({ persistedQuery: { version: 1, sha256Hash: hashOf(name) } })
const SERVICE_SECRET = 'a service secret for tests, long enough'

/** `body` is answered with 200. `headers`: beside the content type. */
type Entrance = { url: string; headers: Record<string, string>; body: object; challenge: RegExp; secret: string }
type Name = 'gateway' | 'an app at the gateway' | 'a node' | 'stats' | 'a subgraph'
const NAMES: Name[] = ['gateway', 'an app at the gateway', 'a node', 'stats', 'a subgraph']
/** Those that take GET. */
const READERS: Name[] = ['gateway', 'an app at the gateway', 'a node']
const entrances = {} as Record<Name, Entrance>

let alkaid: TestPlatform
let stats: Stats
let http: HttpServer
let booked: Awaited<ReturnType<typeof bookOne>>
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  alkaid = await startTestPlatform()
  booked = await bookOne(alkaid, 'shop')
  const { gatewayUrl, distributionUrl } = alkaid.platform
  const decide = {
    variables: { app: 'shop', slots: ['home.banner'], context: { userId: 'Zoë' } },
    extensions: persisted('Decisions'),
  }
  const appKey = { 'x-app-key': booked.appKey }
  const apiKey = /^ApiKey realm="apps", header="x-app-key"$/
  entrances.gateway = {
    url: `${gatewayUrl}/graphql`,
    headers: { authorization: `Bearer ${alkaid.tokens.viewer}` },
    body: { query: 'query ($app: ID!) { schedules(app: $app) { total } }', variables: { app: 'shop' } },
    challenge: /^Bearer realm="alkaid"/,
    secret: 'authorization',
  }
  const forApps = { headers: appKey, body: decide, challenge: apiKey, secret: 'x-app-key' }
  entrances['an app at the gateway'] = { url: `${gatewayUrl}/graphql`, ...forApps }
  entrances['a node'] = { url: `${distributionUrl}/graphql`, ...forApps }

  const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-entrances-'))
  closers.push(() => rm(dataDir, { recursive: true, force: true }))
  const server = await startEmbeddedServer({ dataDir })
  closers.push(() => server.close())
  const store = await connectStore({ uri: server.uri, now: Date.now })
  closers.push(() => store.close())
  const services = testServices(store, Date.now)
  await planApp(store, 'home', 'UTC', 'the key of home')
  stats = await createStats(services, {
    stream: undefined,
    operations,
    laneFields: ['recordEvents'],
    verify: tokenVerifier(tokenSettings),
  })
  http = await listen(
    { host: '127.0.0.1', port: 0, log: createLogger('silent') },
    serviceRoutes({
      lane: (request) => stats.lane.handle(request),
      federation: federationHandler(stats.subgraph, [SERVICE_SECRET]),
      checks: stats.checks,
    }),
  )
  entrances.stats = {
    url: `${http.url}/graphql`,
    headers: { 'x-app-key': 'the key of home' },
    body: {
      variables: { input: { app: 'home', events: [{ id: 'e', type: 'IMPRESSION', token: 'x' }] }, unused: 'é' },
      extensions: persisted('RecordEvents'),
    },
    challenge: apiKey,
    secret: 'x-app-key',
  }
  entrances['a subgraph'] = {
    url: `${http.url}/federation`,
    headers: { 'x-alkaid-service': SERVICE_SECRET, authorization: `Bearer ${await tokenFor('viewer')}` },
    body: { query: '{ __typename }', variables: { unused: 'é' } },
    challenge: /^ServiceSecret /,
    secret: 'x-alkaid-service',
  }
  await eventually(
    () => post('a node'),
    ({ body }) => body.includes('MATCHED'),
  )
}, 60_000)

afterAll(async () => {
  await http?.stop()
  await stats?.stop()
  for (const close of closers.reverse()) await close()
  await alkaid?.stop()
}, 30_000)

type Sent = { headers?: Record<string, string | undefined>; body?: string | Buffer }

/** Sends exactly these bytes. A header that is undefined is left out. */
async function send(name: Name, line: string, { headers = {}, body = '' }: Sent = {}): Promise<RawAnswer> {
  const { url, headers: own } = entrances[name]
  const raw = await connectRaw(url)
  const all = Object.entries({ ...own, ...headers }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}: ${value}`],
  )
  raw.write(rawRequest(line, [...all, 'connection: close'], body))
  await raw.closed
  raw.socket.destroy()
  return raw.answers({ heads: line.startsWith('HEAD') })[0]!
}

const pathOf = (name: Name) => new URL(entrances[name].url).pathname

function post(name: Name, sent: Sent = {}): Promise<RawAnswer> {
  const { headers, body = JSON.stringify(entrances[name].body) } = sent
  return send(name, `POST ${pathOf(name)}`, { headers: { 'content-type': 'application/json', ...headers }, body })
}

/** The same as a GET. Apollo's clients send a content type with it. */
function search(name: Name, change: (part: string) => string = (part) => part): string {
  const { body } = entrances[name]
  const parts = Object.entries(body).map(
    ([key, value]) => `${key}=${encodeURIComponent(typeof value === 'string' ? value : JSON.stringify(value))}`,
  )
  return `${pathOf(name)}?${change(parts.join('&'))}`
}

function get(name: Name, target = search(name), headers: Sent['headers'] = {}): Promise<RawAnswer> {
  return send(name, `GET ${target}`, { headers: { 'content-type': 'application/json', ...headers } })
}

const codeOf = ({ status, body }: RawAnswer) => [status, JSON.parse(body).errors?.[0]?.extensions?.code]

describe.each(NAMES)('%s', (name) => {
  test('answers a correct request, with or without a byte order mark, compressed or not', async () => {
    const body = JSON.stringify(entrances[name].body)
    expect(codeOf(await post(name))).toEqual([200, undefined])
    expect(codeOf(await post(name, { body: `\uFEFF${body}` }))).toEqual([200, undefined])
    const type = { 'content-type': 'application/json; charset="UTF8"' }
    expect(codeOf(await post(name, { headers: type }))).toEqual([200, undefined])
    const compressed = { headers: { 'content-encoding': 'gzip' }, body: gzipSync(body) }
    expect(codeOf(await post(name, compressed))).toEqual([200, undefined])
  })

  test('refuses bytes that are not UTF-8, and other charsets', async () => {
    const body = JSON.stringify(entrances[name].body)
    const latin = Buffer.from(body.replace(/}$/, ',"operationName":"Größe"}'), 'latin1')
    expect(codeOf(await post(name, { body: latin }))).toEqual([400, 'BAD_USER_INPUT'])
    expect(codeOf(await post(name, { body: Buffer.from(`\uFEFF${body}`, 'utf16le') }))).toEqual([400, 'BAD_USER_INPUT'])
    const type = { 'content-type': 'application/json; charset=iso-8859-1' }
    expect(codeOf(await post(name, { headers: type, body: latin }))).toEqual([415, 'BAD_USER_INPUT'])
  })

  test('refuses other content types, and a missing one', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', undefined]) {
      const answer = await post(name, { headers: { 'content-type': type, 'apollo-require-preflight': '1' } })
      expect([type, ...codeOf(answer)]).toEqual([type, 415, 'BAD_USER_INPUT'])
      expect(answer.headers.accept).toBe('application/json')
    }
  })

  test('refuses a body that is too long as sent, or after decompression', async () => {
    const limit = name === 'a subgraph' ? 8 * 1024 * 1024 : 1024 * 1024
    const answer = await post(name, { headers: { 'content-length': `${limit + 1}` }, body: '' })
    expect(codeOf(answer)).toEqual([413, 'LIMIT_EXCEEDED'])
    const bomb = { headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(limit + 1, ' ')) }
    expect(codeOf(await post(name, bomb))).toEqual([413, 'LIMIT_EXCEEDED'])
  })

  test('names the allowed methods', async () => {
    const allowed = name === 'a subgraph' ? 'POST' : 'GET, HEAD, POST, OPTIONS'
    for (const method of ['PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND']) {
      const answer = await send(name, `${method} ${pathOf(name)}`)
      expect([method, ...codeOf(answer), answer.headers.allow]).toEqual([method, 405, 'BAD_USER_INPUT', allowed])
    }
  })

  test('says how to authenticate', async () => {
    const { secret, challenge } = entrances[name]
    const without = await post(name, {
      headers: { [secret]: undefined, ...(secret === 'x-app-key' && { [secret]: 'ak_no' }) },
    })
    expect(codeOf(without)).toEqual([401, 'UNAUTHENTICATED'])
    expect(without.headers['www-authenticate']).toMatch(challenge)
    if (name !== 'gateway') return
    expect(without.headers['www-authenticate']).toBe('Bearer realm="alkaid"')
    const wrong = await post(name, { headers: { authorization: 'Bearer x.y.z' } })
    expect(wrong.headers['www-authenticate']).toBe('Bearer realm="alkaid", error="invalid_token"')
  })

  test.each(['authorization', 'x-app-key', 'x-request-id'])('refuses a header %s that is not ASCII', async (header) => {
    for (const value of ['Bearer Grö\xdfe', Buffer.from('Größe').toString('latin1'), '\xff']) {
      expect(codeOf(await post(name, { headers: { [header]: value } }))).toEqual([400, 'BAD_USER_INPUT'])
    }
  })
})

describe.each(READERS)('by GET, %s', (name) => {
  test('answers a correct request, with the content type that Apollo Client sends', async () => {
    expect(codeOf(await get(name))).toEqual([200, undefined])
    expect(
      codeOf(
        await get(
          name,
          search(name, (part) => part.replaceAll('%20', '+')),
        ),
      ),
    ).toEqual([200, undefined])
  })

  test('refuses a search that is not percent-encoded UTF-8', async () => {
    const wrong = ['%E4', '%C3', '%', '%zz', '%ED%A0%80', '%C0%80', '\xe4', Buffer.from('ä').toString('latin1')]
    for (const bytes of wrong) {
      const target = search(name, (part) => part.replace('%22shop%22', `%22shop${bytes}%22`))
      expect([bytes, ...codeOf(await get(name, target))]).toEqual([bytes, 400, 'BAD_USER_INPUT'])
    }
    expect(
      codeOf(
        await get(
          name,
          search(name, (part) => `${part}&operationName=%FF`),
        ),
      ),
    ).toEqual([400, 'BAD_USER_INPUT'])
    expect(
      codeOf(
        await get(
          name,
          search(name, (part) => `${part}&${part}`),
        ),
      ),
    ).toEqual([400, 'BAD_USER_INPUT'])
  })

  test('answers HEAD as GET, without the body', async () => {
    for (const target of [search(name), `${pathOf(name)}?query=`]) {
      const headers = { 'x-request-id': 'the-same', 'content-type': 'application/json' }
      const asked = await get(name, target, headers)
      const head = await send(name, `HEAD ${target}`, { headers })
      expect(head.status).toBe(asked.status)
      const same = ({ date: _, ...rest }: Record<string, string>) => rest
      expect(same(head.headers)).toEqual(same(asked.headers))
      expect(Number(head.headers['content-length'])).toBeGreaterThan(0)
    }
  })
})

describe('a mutation', () => {
  const record = (id: string) => ({
    variables: JSON.stringify({ input: { app: 'shop', events: [{ id, type: 'IMPRESSION', token: 'forged' }] } }),
    extensions: JSON.stringify(persisted('RecordEvents')),
  })

  test.each(['an app at the gateway', 'stats'] as const)(
    'of %s is never run by GET or HEAD, but by POST',
    async (name) => {
      for (const method of ['GET', 'HEAD']) {
        const answer = await send(name, `${method} ${pathOf(name)}?${new URLSearchParams(record('by-get'))}`)
        expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, 'POST'])
      }
      expect((await post('stats')).status).toBe(200)
    },
  )

  test('of the graph is never run by GET or HEAD', async () => {
    const query = 'mutation { createApp(input: {code: "by-get", name: "x"}) { key } }'
    for (const method of ['GET', 'HEAD']) {
      const answer = await send('gateway', `${method} /graphql?query=${encodeURIComponent(query)}`, {
        headers: { authorization: `Bearer ${alkaid.tokens.admin}`, 'apollo-require-preflight': '1' },
      })
      expect([method, answer.status, answer.headers.allow]).toEqual([method, 405, 'POST'])
    }
    expect(await alkaid.clients.viewer('{ app(id: "by-get") { name } }')).toEqual({ app: null })
  })
})

test('a client that leaves in the middle of a body is counted as 499, and not as a failure of the server', async () => {
  for (const name of READERS) {
    const { url, headers } = entrances[name]
    const raw = await connectRaw(url)
    const all = Object.entries({ ...headers, 'content-type': 'application/json', 'content-length': '1000' })
    raw.write(
      rawRequest(
        `POST ${pathOf(name)}`,
        all.map(([key, value]) => `${key}: ${value}`),
      ),
    )
    raw.write('{"variables"')
    await sleep(20)
    raw.socket.destroy()
  }
  const metrics = await eventually(
    async () => (await fetch(`${alkaid.platform.metricsUrl}/metrics`)).text(),
    (text) => text.includes('route="/graphql",method="POST",status="499"} 3'),
  )
  expect(metrics).not.toMatch(/code="INTERNAL"|status="5/)
})

describe('health and metrics', () => {
  test('can only be read, by GET and HEAD', async () => {
    const { gatewayUrl, distributionUrl, metricsUrl } = alkaid.platform
    for (const url of [`${gatewayUrl}/livez`, `${distributionUrl}/readyz`, `${metricsUrl}/metrics`, `${gatewayUrl}/`]) {
      const head = await fetch(url, { method: 'HEAD', redirect: 'manual' })
      const asked = await fetch(url, { redirect: 'manual' })
      expect([url, head.status, head.headers.get('content-type')]).toEqual([
        url,
        asked.status,
        asked.headers.get('content-type'),
      ])
      expect([await head.text(), head.headers.has('content-length')]).toEqual(['', true])
      const refused = await fetch(url, { method: 'POST', body: 'x' })
      expect([url, refused.status, refused.headers.get('allow')]).toEqual([url, 405, 'GET, HEAD'])
    }
  })

  test('1,000 requests for metrics whose answers nobody reads cause little work, and slot queries go on', async () => {
    const { metricsUrl } = alkaid.platform
    const raw = await connectRaw(metricsUrl)
    raw.socket.pause()
    raw.write(Buffer.concat(Array.from({ length: 1_000 }, () => rawRequest('GET /metrics'))))
    for (let asked = 0; asked < 50; asked++) expect((await post('a node')).status).toBe(200)
    raw.socket.destroy()
    const metrics = await (await fetch(`${metricsUrl}/metrics`)).text()
    const rendered = /^alkaid_http_request_duration_seconds_count\{route="\/metrics",method="GET",status="200"\} (\d+)/m
    expect(Number(rendered.exec(metrics)?.[1] ?? 0)).toBeLessThan(100)
    expect(metrics).toMatch(/^alkaid_http_refusals_total\{reason="waiting"\} 1$/m)
  })
})
