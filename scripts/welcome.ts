// What `npm start` prints once it is ready: where everything is, and two curls that work as they stand.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Role } from '../common/auth.ts'
import type { Settings } from '../common/config.ts'
import { demoApp } from '../demo/app.ts'
import { readAnswer } from './client.ts'
import type { Demo } from './load-demo.ts'
import type { Platform } from './platform.ts'

export type WelcomeParts = {
  platform: Platform
  settings: Settings
  tokens: Record<Role, string> | undefined
  demo: Demo | undefined
  seconds: number
}

export async function welcome({ platform, settings, tokens, demo, seconds }: WelcomeParts): Promise<string> {
  const { gatewayUrl, distributionUrl, storage, channel } = platform
  const sandbox = settings.production ? '' : '   (open it in a browser: Apollo Sandbox, with a token filled in)'
  const lines = [
    `Alkaid is ready, after ${seconds.toFixed(1)} s.`,
    '',
    `  Gateway        ${gatewayUrl}/graphql${sandbox}`,
    `  Distribution   ${distributionUrl}/graphql   (for apps: persisted operations)`,
    `  Data           ${storage}`,
    `  Channel        ${channel}`,
    ...howToUseRealOnes(settings),
  ]
  if (tokens) {
    lines.push('', 'A token for each role, good for 12 hours (`npm run token -- --help` makes more):')
    for (const [role, token] of Object.entries(tokens)) lines.push(`  ${role.padEnd(10)} ${token}`)
  }
  if (demo) lines.push('', ...(await demoLines(demo, platform)))
  return lines.join('\n')
}

function howToUseRealOnes({ mongodbUri, redisUrl }: Settings): string[] {
  if (mongodbUri && redisUrl) return []
  return [
    '',
    'With real MongoDB (a replica set) and Redis:',
    '  MONGODB_URI=mongodb://... REDIS_URL=redis://... npm start',
  ]
}

async function demoLines(demo: Demo, platform: Platform): Promise<string[]> {
  const { Decisions: decisions, RecordEvents: recordEvents } = operationIds()
  const { gatewayUrl, distributionUrl } = platform
  const variables = { app: demoApp.code, slots: demo.slots, context: { userId: 'user-1', tags: ['member'] } }
  const ask = { variables, extensions: { persistedQuery: { version: 1, sha256Hash: decisions } } }
  const token = await firstEventToken(`${distributionUrl}/graphql`, demo.appKey, ask)
  const events = [{ id: `try-${randomUUID()}`, type: 'IMPRESSION', token }]
  const tell = {
    variables: { input: { app: demoApp.code, events } },
    extensions: { persistedQuery: { version: 1, sha256Hash: recordEvents } },
  }
  return [
    `The key of the app \`${demoApp.code}\`: ${demo.appKey}`,
    '',
    'What a user sees now:',
    curl(`${distributionUrl}/graphql`, demo.appKey, ask),
    '',
    'Tell that they saw the first of it:',
    curl(`${gatewayUrl}/graphql`, demo.appKey, tell),
  ]
}

function curl(url: string, appKey: string, body: object): string {
  return `  curl -s ${url} -H 'content-type: application/json' -H 'x-app-key: ${appKey}' -d '${JSON.stringify(body)}'`
}

/** The demo may have been published a moment ago: the node is asked until it serves it. */
async function firstEventToken(url: string, appKey: string, ask: object): Promise<string> {
  const until = Date.now() + 5_000
  for (;;) {
    const { decisions } = await send(url, appKey, ask)
    const shown = (decisions as { creatives: { eventToken: string }[] }[]).flatMap(({ creatives }) => creatives)
    if (shown[0]) return shown[0].eventToken
    if (Date.now() > until) throw new Error('The distribution node does not serve the demo app')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function send(url: string, appKey: string, body: object) {
  const headers = { 'content-type': 'application/json', 'x-app-key': appKey }
  return readAnswer(await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) }))
}

function operationIds(): Record<string, string> {
  const file = new URL('../schema/persisted-queries.json', import.meta.url)
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as { operations: { id: string; name: string }[] }
  return Object.fromEntries(manifest.operations.map(({ id, name }) => [name, id]))
}
