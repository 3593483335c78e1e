// The Sandbox page holds the token of an admin. Only a browser on this machine gets it, and only when its user opens the page directly.

import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readSettings } from '../../common/service/settings.ts'
import { startPlatform } from '../../platform/app.ts'
import { createClient } from '../../scripts/shared/client.ts'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'

const ADMIN_FRONTEND = 'https://admin.example'
/** As Chromium asks for a page whose address was typed. */
const BROWSER = {
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
  'sec-fetch-site': 'none',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
  'upgrade-insecure-requests': '1',
}

type Reply = { status: number | undefined; headers: IncomingHttpHeaders; body: string }

let alkaid: TestPlatform
let port: number
beforeAll(async () => {
  // Every address of this machine, by IPv4 and IPv6: a caller by IPv4 is ::ffff:127.0.0.1 then.
  alkaid = await startTestPlatform({ HOST: '::', CORS_ORIGINS: ADMIN_FRONTEND })
  port = Number(new URL(alkaid.platform.gatewayUrl).port)
}, 30_000)
afterAll(() => alkaid?.stop(), 30_000)

function ask(headers: Record<string, string>, { address = '127.0.0.1', path = '/graphql' } = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: address, port, path, headers: { host: `localhost:${port}`, ...headers } }, (reply) =>
      text(reply).then((body) => resolve({ status: reply.statusCode, headers: reply.headers, body }), reject),
    )
    asked.once('error', reject).end()
  })
}

const holdsToken = ({ body }: Reply) => /ey[\w-]+\.[\w-]+\.[\w-]+/.test(body)

describe('a browser on this machine', () => {
  const hosts = [
    (port: number) => `localhost:${port}`,
    (port: number) => `LOCALHOST:${port}`,
    (port: number) => `127.0.0.1:${port}`,
    (port: number) => `127.8.9.10:${port}`,
    (port: number) => `[::1]:${port}`,
  ]

  test.each(hosts)('is shown Sandbox with a token that works: %s', async (hostFor) => {
    for (const address of ['127.0.0.1', '::1']) {
      const reply = await ask({ ...BROWSER, host: hostFor(port) }, { address })
      expect(reply.status).toBe(200)
      const token = /"Bearer ([\w.-]+)"/.exec(reply.body)![1]!
      const sandbox = createClient(`http://127.0.0.1:${port}/graphql`, token)
      expect(await sandbox('{ apps { total } }')).toEqual({ apps: { total: 0 } })
    }
  })

  test.each([
    'text/html',
    'TEXT/HTML',
    'text/*',
    'text/html;q=0.5',
    'application/json;q=0.4, Text/Html;q=0.5',
    'image/png, text/html',
  ])('is shown it whatever way it says that it wants a page: %s', async (accept) => {
    expect(holdsToken(await ask({ accept }))).toBe(true)
  })

  test.each([
    '*/*',
    'application/json',
    'application/json, text/html',
    'text/html;q=0.4, application/json',
    'text/html;q=0, */*',
    'text/plain',
    'text/htmlx',
    '',
  ])('is answered as an API where it does not prefer a page: %s', async (accept) => {
    const reply = await ask({ accept })
    expect(reply).toMatchObject({ status: 400, headers: { 'content-type': expect.stringContaining('json') } })
    expect(holdsToken(reply)).toBe(false)
  })

  test('gets it after a click on the page at /, and also in an older version that sends no sec-fetch headers', async () => {
    expect(holdsToken(await ask({ ...BROWSER, 'sec-fetch-site': 'same-origin' }))).toBe(true)
    const { accept } = BROWSER
    expect(holdsToken(await ask({ accept }))).toBe(true)
  })

  test('may neither cache nor frame the page, and the page sends the token to no other site', async () => {
    const { headers, body } = await ask(BROWSER)
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    })
    expect(headers['access-control-allow-origin']).toBeUndefined()
    const policy = headers['content-security-policy'] as string
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).toContain("connect-src 'self'")
    expect(policy).not.toContain('unsafe')
    expect(body).not.toMatch(/sharedHeaders|initialState:.*authorization/)
  })
})

describe('every other request is refused the token', () => {
  const foreign: [string, Record<string, string> | ((port: number) => Record<string, string>)][] = [
    ['a name that resolves to this machine', { host: 'evil.example' }],
    ['such a name with our port', (port) => ({ host: `evil.example:${port}` })],
    ['a name that begins like ours', (port) => ({ host: `localhost.evil.example:${port}` })],
    ['a name that ends like ours', (port) => ({ host: `evil-localhost:${port}` })],
    ['a subdomain of localhost', (port) => ({ host: `evil.localhost:${port}` })],
    ['a trailing dot', (port) => ({ host: `localhost.:${port}` })],
    ['a trailing dot behind an address', (port) => ({ host: `127.0.0.1.:${port}` })],
    ['a name that begins like an address', (port) => ({ host: `127.0.0.1.evil.example:${port}` })],
    ['an address that is none', (port) => ({ host: `127.0.0.1.5:${port}` })],
    ['another notation of an address', (port) => ({ host: `2130706433:${port}` })],
    ['a short notation of an address', (port) => ({ host: `127.1:${port}` })],
    ['0.0.0.0', (port) => ({ host: `0.0.0.0:${port}` })],
    ['an address of the network', (port) => ({ host: `192.168.1.5:${port}` })],
    ['another address in brackets', (port) => ({ host: `[::1%25lo]:${port}` })],
    ['a mapped address', (port) => ({ host: `[::ffff:127.0.0.1]:${port}` })],
    ['the port of another server', (port) => ({ host: `localhost:${port + 1}` })],
    ['a user before the name', (port) => ({ host: `localhost:${port}@evil.example` })],
    ['no port after the colon', { host: 'localhost:' }],
    ['a script of an allowed admin frontend', { origin: ADMIN_FRONTEND }],
    ['a script of ours under another origin', { origin: 'null' }],
    ['a link or a script on a page elsewhere', { 'sec-fetch-site': 'cross-site' }],
    ['a page of another port of this machine', { 'sec-fetch-site': 'same-site' }],
    ['a frame', { 'sec-fetch-dest': 'iframe', 'sec-fetch-site': 'same-origin' }],
    ['an embedded object', { 'sec-fetch-dest': 'embed' }],
    ['a script element', { 'sec-fetch-dest': 'script', 'sec-fetch-mode': 'no-cors' }],
    ['a proxy', { 'x-forwarded-for': '127.0.0.1' }],
    ['a proxy that tells the host alone', { 'X-Forwarded-Host': 'localhost' }],
    ['a proxy that tells the scheme alone', { 'x-forwarded-proto': 'https' }],
    ['a proxy of the standard', { forwarded: 'for=127.0.0.1' }],
    ['nginx', { 'x-real-ip': '127.0.0.1' }],
    ['a gateway', { via: '1.1 proxy' }],
    ['a tunnel', { 'cf-connecting-ip': '203.0.113.7' }],
    ['another tunnel', { 'true-client-ip': '203.0.113.7' }],
  ]

  test.each(foreign)('%s', async (_who, given) => {
    const reply = await ask({ ...BROWSER, ...(typeof given === 'function' ? given(port) : given) })
    expect(holdsToken(reply)).toBe(false)
    expect([400, 403]).toContain(reply.status)
    expect(reply.headers['access-control-allow-origin']).toBeUndefined()
  })

  test.each(['text/*', 'TEXT/HTML', 'text/html;level=1', 'text/html, */*', '*/*', 'image/*'])(
    'a foreign name that says in another way that it wants a page: %s',
    async (accept) => {
      expect(holdsToken(await ask({ accept, host: `evil.example:${port}` }))).toBe(false)
    },
  )

  test.each([
    [
      'a proxy that speaks HTTP/1.0, as nginx does where nobody says otherwise',
      '1.0',
      (port: number) => `localhost:${port}`,
    ],
    ['a caller that gives no name', '1.1', () => ''],
  ])('%s', async (_who, version, hostFor) => {
    const socket = connect(port, '127.0.0.1')
    const lines = [`GET /graphql HTTP/${version}`, `Host: ${hostFor(port)}`, 'Accept: text/html', 'Connection: close']
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    const body = await text(socket)
    expect(body).toMatch(/^HTTP\/1\.1 403 /)
    expect(holdsToken({ body } as Reply)).toBe(false)
  })

  const address = Object.values(networkInterfaces())
    .flat()
    .find((one) => one && !one.internal && one.family === 'IPv4')?.address
  const onNetwork = address === undefined ? test.skip : test

  onNetwork('another machine that says localhost', async () => {
    const reply = await ask(BROWSER, { address: address! })
    expect(reply.status).toBe(403)
    expect(holdsToken(reply)).toBe(false)
    expect(reply.body).toContain('from another machine')
  })

  test('a refusal says why, and on this machine it has a link to the page', async () => {
    const byLink = await ask({ ...BROWSER, 'sec-fetch-site': 'cross-site' })
    expect(byLink.body).toContain('a page of another origin asked for it')
    expect(byLink.body).toContain('<a href="/graphql">Open Sandbox</a>')
    const foreign = await ask({ ...BROWSER, host: 'evil.example' })
    expect(foreign.body).toContain(`type <code>http://localhost:${port}/graphql</code>`)
    expect(foreign.body).not.toContain('href="/graphql"')
  })
})

test('where an identity provider signs the tokens, Sandbox is shown without one', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-sandbox-'))
  const env = { PORT: '0', DATA_DIR: dataDir, JWKS_URL: 'http://127.0.0.1:1/keys' }
  const platform = await startPlatform(readSettings(env))
  const response = await fetch(`${platform.gatewayUrl}/graphql`, { headers: { accept: 'text/html' } })
  const body = await response.text()
  await platform.stop()
  await rm(dataDir, { recursive: true })
  expect(response.status).toBe(200)
  expect(body).toContain('EmbeddedSandbox')
  expect(body).toContain('const authorization = null')
})
