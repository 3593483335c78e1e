// Every service as a process of its own, on a real Redis: from booking to numbers, with one of them killed and started
// again, and with nothing left behind.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { bookOne, eventually, SCHEDULE } from '../support/platform.ts'
import { startProcesses, type TestProcesses } from '../support/processes.ts'
import { describeWithRedis } from '../support/redis.ts'

const manifest = JSON.parse(readFileSync(new URL('../../schema/persisted-queries.json', import.meta.url), 'utf8')) as {
  operations: { id: string; name: string }[]
}
const hashOf = (name: string) => ({
  persistedQuery: { version: 1, sha256Hash: manifest.operations.find((entry) => entry.name === name)!.id },
})

describeWithRedis('every service as a process of its own', () => {
  let alkaid: TestProcesses
  let booked: Awaited<ReturnType<typeof bookOne>>

  beforeAll(async () => {
    alkaid = await startProcesses({ LOG_LEVEL: 'debug' })
    booked = await bookOne(alkaid, 'shop')
  }, 120_000)
  afterAll(async () => {
    await alkaid?.stop()
  }, 60_000)

  const graph = () => `${alkaid.urlOf('gateway')}/graphql`
  async function post(url: string, body: unknown, headers: Record<string, string> = { 'x-app-key': booked.appKey }) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    // biome-ignore lint/suspicious/noExplicitAny: answers are read as they come
    return { status: response.status, headers: response.headers, body: (await response.json()) as any }
  }
  const slotQuery = { variables: { app: 'shop', slots: ['home.banner'], context: { userId: 'ann' } } }
  const decide = (service: string, headers: Record<string, string> = {}) =>
    post(
      `${alkaid.urlOf(service)}/graphql`,
      { ...slotQuery, extensions: hashOf('Decisions') },
      { 'x-app-key': booked.appKey, ...headers },
    )
  const served = (service = 'distribution') =>
    eventually(
      () => decide(service),
      ({ body }) => body.data?.decisions[0].reason === 'MATCHED',
    )
  const askAs = (query: string, variables: object, headers: Record<string, string> = {}) =>
    post(graph(), { query, variables }, { authorization: `Bearer ${alkaid.tokens.viewer}`, ...headers })

  test('what was booked, approved and published is served by the node, and its events are in the report', async () => {
    const { body } = await served()
    const [creative] = body.data.decisions[0].creatives
    expect(creative).toMatchObject({ creative: booked.creative, schedule: booked.schedule, title: 'Sale' })
    const events = ['IMPRESSION', 'CLICK'].map((type) => ({ id: `app-${type}`, type, token: creative.eventToken }))
    const send = (url: string) =>
      post(url, { variables: { input: { app: 'shop', events } }, extensions: hashOf('RecordEvents') })
    expect((await send(graph())).body.data.recordEvents).toMatchObject({ accepted: 2, forged: 0 })
    const lane = `${alkaid.urlOf('stats')}/graphql`
    expect((await send(lane)).body.data.recordEvents).toMatchObject({ accepted: 2 })
    const period = { from: day(-1), to: day(1) }
    const ask = async () =>
      (await alkaid.clients.viewer(REPORT, { app: 'shop', ids: [booked.schedule], ...period })).report
    const { rows } = await eventually(ask, ({ total }) => total.clicks > 0)
    expect(rows).toEqual([{ id: booked.schedule, impressions: 1, clicks: 1 }])
  })

  test('the gateway relays an app as it came, and its answer as it is', async () => {
    const direct = await served('distribution')
    const relayed = await served('gateway')
    expect(relayed.body).toEqual(direct.body)
    const origin = { origin: 'https://shop.example', 'x-request-id': 'relayed-1' }
    for (const service of ['distribution', 'gateway']) {
      const { status, headers } = await decide(service, origin)
      const shown = ['cache-control', 'content-type', 'access-control-allow-origin', 'vary', 'x-request-id']
      expect([service, status, ...shown.map((name) => headers.get(name))]).toEqual([
        service,
        200,
        expect.stringMatching(/^private, max-age=\d+$/),
        'application/json; charset=utf-8',
        'https://shop.example',
        'accept, accept-encoding, origin',
        'relayed-1',
      ])
    }
    const search = new URLSearchParams({
      variables: JSON.stringify(slotQuery.variables),
      extensions: JSON.stringify(hashOf('Decisions')),
    })
    const got = await fetch(`${graph()}?${search}`, { headers: { 'x-app-key': booked.appKey } })
    expect(await got.json()).toEqual(direct.body)
    const compressed = await fetch(graph(), {
      method: 'POST',
      headers: { 'x-app-key': booked.appKey, 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify({ ...slotQuery, extensions: hashOf('Decisions') })),
    })
    expect(await compressed.json()).toEqual(direct.body)
  })

  test('the gateway relays refusals with what a client must know of them', async () => {
    const search = new URLSearchParams({ extensions: JSON.stringify(hashOf('RecordEvents')) })
    const byGet = await fetch(`${graph()}?${search}`, { headers: { 'x-app-key': booked.appKey } })
    expect([byGet.status, byGet.headers.get('allow')]).toEqual([405, 'POST'])
    const stranger = await decide('gateway', { 'x-app-key': 'ak_stranger' })
    expect([stranger.status, stranger.headers.get('www-authenticate')]).toEqual([
      401,
      'ApiKey realm="apps", header="x-app-key"',
    ])
  })

  test('a preflight and a refusal come through the relay, too', async () => {
    const ask = (origin: string) =>
      fetch(graph(), { method: 'OPTIONS', headers: { origin, 'access-control-request-headers': 'x-app-key' } })
    const allowed = await ask('https://shop.example')
    expect(allowed.status).toBe(204)
    expect(allowed.headers.get('access-control-allow-origin')).toBe('https://shop.example')
    expect((await ask('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull()
    const refused = await decide('gateway', { 'x-app-key': 'ak_wrong' })
    expect(refused.status).toBe(401)
    expect(refused.body.errors[0].extensions.code).toBe('UNAUTHENTICATED')
  })

  test.each(['stats', 'distribution'])('a preflight at the gateway is answered while %s hangs', async (service) => {
    const ask = async (origin: string) => {
      const headers = { origin, 'access-control-request-method': 'POST' }
      const { status } = await fetch(graph(), { method: 'OPTIONS', headers, signal: AbortSignal.timeout(5_000) })
      return status
    }
    const thaw = alkaid.freeze(service)
    try {
      expect(await ask('https://shop.example')).toBe(204)
      expect(await ask('https://evil.example')).toBe(403)
    } finally {
      thaw()
    }
  })

  test('one mutation leaves lines of the gateway, the subgraph and the store with its request id', async () => {
    const requestId = 'a-mutation-to-follow'
    const input = { app: 'shop', content: { name: 'Followed', title: 'Followed' } }
    const { body } = await post(
      graph(),
      {
        query: 'mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { id } }',
        variables: { input },
      },
      { authorization: `Bearer ${alkaid.tokens.operator}`, 'x-request-id': requestId },
    )
    expect(body.errors).toBeUndefined()
    const ask = async () =>
      alkaid
        .output()
        .split('\n')
        .filter((line) => line.includes(requestId))
        .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Record<string, unknown>)
    const lines = await eventually(ask, (found) => found.filter(({ msg }) => msg === 'request').length === 2)
    expect(lines).toContainEqual(
      expect.objectContaining({ service: 'gateway', msg: 'request', route: '/graphql', status: 200 }),
    )
    expect(lines).toContainEqual(expect.objectContaining({ service: 'creative', msg: 'request', route: '/federation' }))
    expect(lines).toContainEqual(expect.objectContaining({ service: 'creative', msg: 'operation', type: 'mutation' }))
    expect(lines).toContainEqual(
      expect.objectContaining({
        service: 'creative',
        msg: 'store command',
        command: 'insert',
        collection: 'creatives',
      }),
    )
    expect(lines).toContainEqual(
      expect.objectContaining({ service: 'creative', msg: 'transaction', outcome: 'committed', requestId }),
    )
  })

  test('every service says that it lives and is ready, and what it counts', async () => {
    for (const service of alkaid.services) {
      const url = alkaid.urlOf(service)
      expect([service, (await fetch(`${url}/livez`)).status]).toEqual([service, 200])
      const ready = await fetch(`${url}/readyz`)
      expect([service, ready.status, ((await ready.json()) as { ready: boolean }).ready]).toEqual([service, 200, true])
      expect((await fetch(`${alkaid.metricsUrlOf(service)}/readyz`)).status).toBe(200)
      const metrics = await (await fetch(`${alkaid.metricsUrlOf(service)}/metrics`)).text()
      expect(metrics).toMatch(
        /^alkaid_http_request_duration_seconds_count\{route="\/livez",method="GET",status="200"\} [1-9]/m,
      )
      expect(metrics).toContain('process_cpu_seconds_total')
    }
  })

  test('a subgraph answers at /federation only those who show the service credential', async () => {
    for (const service of alkaid.services.filter((name) => name !== 'gateway')) {
      const url = `${alkaid.urlOf(service)}/federation`
      const body = { query: '{ __typename }' }
      const wrong = { 'x-alkaid-service': 'x'.repeat(43), authorization: `Bearer ${alkaid.tokens.admin}` }
      for (const headers of [{}, wrong]) {
        const refused = await post(url, body, headers as Record<string, string>)
        expect([service, refused.status, refused.body.errors[0].extensions.code]).toEqual([
          service,
          401,
          'UNAUTHENTICATED',
        ])
      }
      const { serviceSecret } = JSON.parse(readFileSync(join(alkaid.dataDir, 'secrets.json'), 'utf8'))
      const { status, body: answer } = await post(url, body, { 'x-alkaid-service': serviceSecret })
      expect([service, status, answer]).toEqual([service, 200, { data: { __typename: 'Query' } }])
    }
  })

  test('a subgraph that is killed costs only its fields, and they are back when it is', async () => {
    const whole = await askAs(EVERYTHING, { id: booked.schedule })
    expect(whole.body.errors).toBeUndefined()
    await alkaid.kill('audit')
    const { body } = await askAs(EVERYTHING, { id: booked.schedule })
    expect(body.data.schedule).toEqual({ ...whole.body.data.schedule, review: null, history: null })
    expect(body.errors).not.toHaveLength(0)
    for (const error of body.errors) {
      expect(error).toMatchObject({
        message: expect.stringContaining('audit'),
        extensions: { code: 'UNAVAILABLE' },
        path: expect.arrayContaining(['schedule']),
      })
    }
    const ready = await fetch(`${alkaid.urlOf('gateway')}/readyz`)
    expect([ready.status, await ready.json()]).toMatchObject([
      200,
      { ready: true, upstreams: { audit: false, schedule: true }, warnings: [expect.stringContaining('audit')] },
    ])
    await alkaid.startAgain('audit')
    expect((await askAs(EVERYTHING, { id: booked.schedule })).body).toEqual(whole.body)
  })

  test('what is published while the node is away is served when it is back', async () => {
    await alkaid.kill('distribution')
    const refused = await decide('gateway')
    expect([refused.status, refused.body.errors[0].extensions.code]).toEqual([503, 'UNAVAILABLE'])
    const { schedule } = await alkaid.clients.viewer(SCHEDULE, { id: booked.schedule })
    const input = { schedule: booked.schedule, expectedVersion: schedule.version }
    await alkaid.clients.publisher('mutation ($input: WithdrawInput!) { withdraw(input: $input) { id } }', { input })
    await alkaid.startAgain('distribution')
    expect((await decide('gateway')).body.data.decisions[0].reason).toBe('EMPTY')
  })

  test('Ctrl-C ends them all in order, and leaves nothing behind', async () => {
    const { code, stderr, stdout } = await alkaid.stop()
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).not.toMatch(/has ended (with|by SIG(?!KILL))/)
    for (const service of alkaid.services) await expect(fetch(`${alkaid.urlOf(service)}/livez`)).rejects.toThrow()
    const redis = /^ {2}Channel +Redis at redis:\/\/(\S+)/m.exec(stdout)![1]!
    await expect(fetch(`http://${redis}`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  }, 60_000)
})

function day(offset: number): string {
  return new Date(Date.now() + offset * 86_400_000).toISOString()
}

const REPORT = `query Report($app: ID!, $ids: [ID!], $from: DateTime!, $to: DateTime!) {
  report(app: $app, by: SCHEDULE, ids: $ids, from: $from, to: $to, interval: TOTAL) {
    rows { id impressions clicks }
    total { clicks }
  }
}`

const EVERYTHING = `query Everything($id: ID!) {
  schedule(id: $id) {
    name
    slot { code publication { revision } }
    creatives { creative { title } }
    review { state }
    history { mutation }
    delivery { publishedBy }
  }
}`
