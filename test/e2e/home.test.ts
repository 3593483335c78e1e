// The page at `/`: it loads nothing from other sites, has no development parts in production, and shows the demo's key only on this
// machine.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { readSettings } from '../../common/service/settings.ts'
import { type Platform, startPlatform } from '../../platform/app.ts'

const SECRETS = { JWT_SECRET: 'j'.repeat(32), SIGNING_SECRET: 's'.repeat(32), SERVICE_SECRET: 'x'.repeat(32) }

let platform: Platform | undefined
let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'alkaid-home-'))
  const urls = { gateway: 'http://127.0.0.1:4000/graphql', distribution: 'http://127.0.0.1:4010/graphql' }
  await writeFile(join(dataDir, 'demo.json'), JSON.stringify({ appKey: 'ak_of_the_demo', urls, ask: { '<b>': 1 } }))
})
afterEach(async () => {
  await platform?.stop()
  await rm(dataDir, { recursive: true })
})

async function start(env: Record<string, string> = {}): Promise<void> {
  platform = await startPlatform(readSettings({ PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'error', ...SECRETS, ...env }))
}

async function home(headers: Record<string, string> = {}) {
  const url = new URL(platform!.gatewayUrl)
  return new Promise<{ status: number | undefined; policy: string; body: string }>((resolve, reject) => {
    request(
      { host: '127.0.0.1', port: url.port, path: '/', headers: { host: url.host, ...headers } },
      async (reply) => {
        const policy = String(reply.headers['content-security-policy'])
        resolve({ status: reply.statusCode, policy, body: await text(reply) })
      },
    )
      .once('error', reject)
      .end()
  })
}

test('loads nothing from other sites, runs no script, and cannot be framed', async () => {
  await start()
  const { status, policy, body } = await home()
  expect(status).toBe(200)
  expect(policy).toMatch(/^default-src 'none'; .*frame-ancestors 'none'/)
  expect(policy).not.toMatch(/script-src|unsafe|https?:/)
  expect(body).not.toMatch(/<script|<img|<iframe|src=|@import|url\(/)
  expect([...body.matchAll(/href="([^"]*)"/g)].map(([, to]) => to)).toEqual(['data:,', '/graphql', '/livez', '/readyz'])
})

test('shows the demo’s curl commands to a browser on this machine, as escaped text', async () => {
  await start()
  const ways: Record<string, string>[] = [{}, { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'document' }]
  for (const headers of ways) {
    const { body } = await home(headers)
    expect(body).toContain('ak_of_the_demo')
    expect(body).toContain('&#60;b&#62;')
    expect(body).not.toContain('<b>')
  }
})

test.each<Record<string, string>>([{ host: 'evil.example' }, { 'x-forwarded-for': '203.0.113.7' }])(
  'has neither the demo’s key nor Sandbox for others: %j',
  async (headers) => {
    await start()
    const { status, body } = await home(headers)
    expect(status).toBe(200)
    expect(body).not.toMatch(/ak_|Sandbox|npm run/)
    expect(body).toContain('href="/readyz"')
  },
)

test('has no development parts in production', async () => {
  await start({ NODE_ENV: 'production' })
  const { status, body } = await home()
  expect(status).toBe(200)
  expect(body).toContain('An app operation platform.')
  expect(body).not.toMatch(/ak_|Sandbox|npm run|curl|127\.0\.0\.1/)
})
