// The gateway as an HTTP server: the rules of GraphQL over HTTP, CORS, request ids, metrics and readiness.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { auditServer } from 'graphql-http'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'

const ADMIN_FRONTEND = 'https://admin.example'

let alkaid: TestPlatform
beforeAll(async () => {
  alkaid = await startTestPlatform({ CORS_ORIGINS: `${ADMIN_FRONTEND},http://localhost:5173` })
}, 30_000)
afterAll(() => alkaid?.stop(), 30_000)

const graph = () => `${alkaid.platform.gatewayUrl}/graphql`

function post(body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(graph(), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

describe('GraphQL over HTTP', () => {
  // What graphql-http would rather have otherwise, and why it is as it is.
  const CHOICES = new Map([
    // Apollo's protection against cross-site requests: a GET says by a header of its own that it is meant.
    ['5A70', 'MAY accept application/x-www-form-urlencoded formatted GET requests'],
    ['D6D5', 'MAY allow URL-encoded JSON string {variables} parameter in GETs, application/graphql-response+json'],
    ['6A70', 'MAY allow URL-encoded JSON string {variables} parameter in GETs, application/json'],
    // The status says what is wrong to proxies and monitors, whatever media type the client accepts.
    ['572B', 'SHOULD use 200 on a document that does not parse, application/json'],
    ['FDE2', 'SHOULD use 200 on a document that does not validate, application/json'],
    ['7B9B', 'SHOULD use 200 on variables that do not fit, application/json'],
  ])

  test("passes graphql-http's audits: every MUST, and every SHOULD and MAY but for our choices", async () => {
    const results = await auditServer({ url: graph(), fetchFn: fetch })
    expect(results.length).toBeGreaterThan(50)
    const otherwise = results.flatMap((result) => (result.status === 'ok' ? [] : [result]))
    expect(otherwise.filter(({ status }) => status === 'error')).toEqual([])
    expect(otherwise.map(({ id }) => id).sort()).toEqual([...CHOICES.keys()].sort())
  })
})

describe('an answer without data', () => {
  const statusOf = async (body: unknown, headers?: Record<string, string>) => (await post(body, headers)).status

  test('has the HTTP status of its error code', async () => {
    const admin = { authorization: `Bearer ${alkaid.tokens.admin}` }
    expect(await statusOf({ query: '{ __typename }' })).toBe(200)
    expect(await statusOf({ query: '{ apps { total } }' })).toBe(401)
    expect(await statusOf({ query: '{ apps { total } }' }, { authorization: 'Bearer x.y.z' })).toBe(401)
    for (const query of ['{', '{ nothing }', 'query ($id: ID!) { app(id: $id) { name } }', '']) {
      expect([query, await statusOf({ query }, admin)]).toEqual([query, 400])
    }
    expect(await statusOf({ query: `{ ${'__typename '.repeat(5_001)}}` }, admin)).toBe(413)
  })
})

describe('a browser of another origin', () => {
  const preflight = (origin: string) =>
    fetch(graph(), {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })

  test('may call with a token when the settings list it, and read answers, including errors', async () => {
    const asked = await preflight(ADMIN_FRONTEND)
    expect(asked.status).toBe(204)
    expect(asked.headers.get('access-control-allow-origin')).toBe(ADMIN_FRONTEND)
    const sent = ['authorization', 'content-type', 'apollographql-client-name', 'apollographql-client-version']
    expect(asked.headers.get('access-control-allow-headers')?.split(', ')).toEqual(expect.arrayContaining(sent))
    const bodies = [{ query: '{ __typename }' }, { query: '{ nothing' }, 'no request']
    for (const body of bodies) {
      const { headers } = await post(body, { origin: ADMIN_FRONTEND })
      expect(headers.get('access-control-allow-origin')).toBe(ADMIN_FRONTEND)
      expect(headers.get('access-control-expose-headers')).toContain('x-request-id')
      expect(headers.get('vary')).toContain('origin')
    }
  })

  test('may not call when the settings do not list it', async () => {
    const asked = await preflight('https://evil.example')
    expect(asked.headers.get('access-control-allow-origin')).toBeNull()
    const { headers } = await post({ query: '{ __typename }' }, { origin: 'https://evil.example' })
    expect(headers.get('access-control-allow-origin')).toBeNull()
    expect(headers.get('vary')).toContain('origin')
  })
})

describe('request ids, metrics and readiness', () => {
  test('an answer carries the request id of the caller when it is well formed, else a new one', async () => {
    const idOf = async (given: string) =>
      (await post({ query: '{ __typename }' }, { 'x-request-id': given })).headers.get('x-request-id')
    expect(await idOf('mine-1')).toBe('mine-1')
    expect(await idOf('not well formed')).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('metrics count requests by route, operations by subgraph, and mutations and errors by their outcome', async () => {
    const { operator, viewer } = alkaid.clients
    const createApp = 'mutation ($input: CreateAppInput!) { again: createApp(input: $input) { key } }'
    await operator(createApp, { input: { code: 'counted', name: 'Counted' } })
    await expect(viewer(createApp, { input: { code: 'refused', name: 'Refused' } })).rejects.toThrow('FORBIDDEN')
    await fetch(`${alkaid.platform.distributionUrl}/graphql?extensions={}`)
    await fetch(`${alkaid.platform.gatewayUrl}/a/path/that/nobody/serves?with=search`)
    const metrics = await (await fetch(`${alkaid.platform.metricsUrl}/metrics`)).text()
    expect(metrics).toContain('alkaid_mutations_total{mutation="createApp",outcome="ok"} 1')
    expect(metrics).toContain('alkaid_mutations_total{mutation="createApp",outcome="FORBIDDEN"} 1')
    expect(metrics).toMatch(/^alkaid_graphql_errors_total\{service="schedule",code="FORBIDDEN"\} 1$/m)
    expect(metrics).toMatch(
      /^alkaid_graphql_operation_duration_seconds_count\{service="schedule",type="mutation"\} 2$/m,
    )
    expect(metrics).toMatch(/^alkaid_gateway_upstream_duration_seconds_count\{subgraph="schedule",outcome="ok"\} \d/m)
    expect(metrics).toContain('alkaid_graphql_errors_total{service="distribution lane",code="UNAUTHENTICATED"} 1')
    expect(metrics).toContain('route="other",method="GET",status="404"')
    expect(metrics).not.toContain('nobody')
    expect(metrics).toMatch(
      /^alkaid_store_command_duration_seconds_count\{command="insert",collection="apps",outcome="ok"\} 1$/m,
    )
    expect(metrics).toMatch(/^alkaid_store_transactions_total\{outcome="refused"\} 1$/m)
    for (const name of [
      'delivery_reconciliation_ahead_documents 0',
      'stats_backlog_events 0',
      'distribution_ready 1',
    ]) {
      expect(metrics).toMatch(new RegExp(`^alkaid_${name}$`, 'm'))
    }
  })

  test('every metric of ours has a help text and a unit or a count in its name', async () => {
    const metrics = await (await fetch(`${alkaid.platform.metricsUrl}/metrics`)).text()
    const types = [...metrics.matchAll(/^# TYPE (alkaid_\S+) (\S+)$/gm)].map(
      ([, name, type]) => [name!, type!] as const,
    )
    expect(types.length).toBeGreaterThan(15)
    for (const [name, type] of types) {
      expect(metrics).toMatch(new RegExp(`^# HELP ${name} .{20,}$`, 'm'))
      if (type === 'counter') expect(name).toMatch(/_total$/)
      if (type === 'histogram') expect(name).toMatch(/_seconds$/)
    }
  })

  test('metrics are only on their own port, so that clients of the services do not see them', async () => {
    for (const url of [alkaid.platform.gatewayUrl, alkaid.platform.distributionUrl]) {
      const answer = await fetch(`${url}/metrics`)
      expect([answer.status, await answer.text()]).toEqual([404, expect.not.stringContaining('alkaid_http')])
    }
  })

  test('the metrics port reports the whole process, and answers nothing else', async () => {
    const at = (path: string) => fetch(`${alkaid.platform.metricsUrl}${path}`)
    expect((await at('/livez')).status).toBe(200)
    expect(await (await at('/readyz')).json()).toMatchObject({
      ready: true,
      store: { ok: true },
      'distribution.channel': { ok: true, stalenessMs: expect.any(Number) },
    })
    expect((await at('/graphql')).status).toBe(404)
  })

  test('readiness names what it checked on both ports', async () => {
    const ask = async (url: string) => (await fetch(`${url}/readyz`)).json()
    expect(await ask(alkaid.platform.gatewayUrl)).toMatchObject({
      ready: true,
      reasons: [],
      warnings: [],
      store: { ok: true },
      channel: { reachable: true },
      reconciliation: { ahead: 0 },
      stream: { backlog: 0 },
      worker: { failures: 0 },
    })
    expect(await ask(alkaid.platform.distributionUrl)).toMatchObject({
      ready: true,
      channel: { ok: true, corrupt: 0, stalenessMs: expect.any(Number) },
    })
  })
})
