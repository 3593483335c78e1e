import { describe, expect, test } from '@jest/globals'
import { answerOptions, corsHeaders, isOrigin, withCors } from '../../common/http/cors.ts'
import type { HttpRequest } from '../../common/http/server.ts'

const request = (headers: HttpRequest['headers']): HttpRequest => ({
  method: 'OPTIONS',
  path: '/graphql',
  search: '',
  headers,
  requestId: 'test',
  body: async () => '',
})
const origin = 'https://shop.example'

describe('the answer to a preflight', () => {
  test('allows the headers of Apollo clients and tracing libraries', async () => {
    const { status, headers = {} } = await answerOptions(request({ origin }), () => true)
    expect(status).toBe(204)
    const allowed = headers['access-control-allow-headers']!.split(', ')
    const sent = [
      // by hand
      ...['accept', 'authorization', 'cache-control', 'content-encoding', 'content-type', 'if-none-match', 'x-app-key'],
      'x-request-id',
      // Apollo Client 3 and 4, Apollo iOS, Apollo Kotlin
      ...['apollo-require-preflight', 'apollographql-client-name', 'apollographql-client-version'],
      ...['apollographql-library-name', 'apollographql-library-version'],
      ...['x-apollo-operation-id', 'x-apollo-operation-name', 'x-apollo-operation-type'],
      // OpenTelemetry, Sentry, Datadog, Zipkin, Jaeger
      ...['traceparent', 'tracestate', 'baggage', 'sentry-trace', 'x-datadog-trace-id', 'x-datadog-parent-id'],
      ...['b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'uber-trace-id'],
    ]
    expect(sent.filter((name) => !allowed.includes(name))).toEqual([])
    expect(new Set(allowed).size).toBe(allowed.length)
  })

  test('may be cached for each origin, and does not allow cookies', async () => {
    const { headers = {} } = await answerOptions(request({ origin }), () => true)
    expect(headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': expect.stringMatching(/GET.*POST/),
      'access-control-max-age': '7200',
      vary: 'origin',
    })
    expect(headers).not.toHaveProperty('access-control-allow-credentials')
  })

  test('refuses another origin, says what to do, and is cached separately', async () => {
    const { status, headers = {}, body } = await answerOptions(request({ origin: 'https://evil.example' }), () => false)
    expect(status).toBe(403)
    expect(headers).not.toHaveProperty('access-control-allow-origin')
    expect(headers).toMatchObject({ vary: 'origin' })
    expect(body).toContain('`corsOrigins`')
  })

  test('names the methods to a client that sends no origin', async () => {
    const { status, headers = {} } = await answerOptions(request({}), () => true)
    expect([status, headers.allow]).toEqual([204, 'GET, HEAD, POST, OPTIONS'])
  })
})

test('every answer varies by origin, whether a page may read it or not', () => {
  for (const [given, isAllowed] of [
    [origin, true],
    [origin, false],
    [undefined, true],
  ] as const) {
    expect(corsHeaders(given, isAllowed).vary).toBe('origin')
    expect(corsHeaders(given, isAllowed)['access-control-allow-origin']).toBe(isAllowed ? given : undefined)
  }
  const reply = { status: 200, headers: { vary: 'accept-encoding' } }
  expect(withCors(reply, origin, true).headers?.vary).toBe('accept-encoding, origin')
})

test('a page may read the headers that clients use', () => {
  const exposed = corsHeaders(origin, true)['access-control-expose-headers']!.split(', ')
  expect(exposed).toEqual(expect.arrayContaining(['cache-control', 'etag', 'retry-after', 'x-request-id']))
})

describe('an origin', () => {
  const right = [
    ...['https://shop.example', 'https://shop.example:8443', 'http://localhost:3000', 'http://[::1]:3000'],
    ...['https://appassets.androidplatform.net', 'https://localhost', 'https://xn--bcher-kva.example'],
    ...['capacitor://localhost', 'ionic://localhost', 'app://localhost', 'app://-', 'tauri://localhost'],
    ...['chrome-extension://abcdefghijklmnopabcdefghijklmnop', 'wails://wails.localhost:34115'],
  ]
  test.each(right)('%s is accepted', (text) => {
    expect(isOrigin(text)).toBe(true)
  })

  const wrong = [
    ...['https://shop.example/', 'https://shop.example/x', 'https://shop.example:443', 'https://Shop.example', ''],
    ...['https://*.example', 'https://me@shop.example', 'shop.example', 'https://', 'https://shop.example:99999'],
    ...['https://bücher.example', 'https://127.1', 'https://a b', ' https://shop.example', 'https://shop.example\n'],
    ...['capacitor://', 'capacitor://localhost/', 'Capacitor://localhost', 'capacitor:localhost', '*', 'null'],
    ...['file://', 'file://host', 'javascript://x', 'data://x', 'blob://x', 'ws://localhost', 'about://blank'],
  ]
  test.each(wrong)('%j is refused', (text) => {
    expect(isOrigin(text)).toBe(false)
  })
})
