// What is printed once everything is ready: where everything is, and two curls that work as they stand.

import type { Role } from '../common/auth.ts'
import type { Settings } from '../common/config.ts'
import { demoApp } from '../demo/app.ts'
import type { Demo } from './load-demo.ts'
import type { Running } from './prepare.ts'

export type WelcomeParts = {
  running: Running
  settings: Settings
  tokens?: Record<Role, string> | undefined
  demo?: Demo | undefined
  seconds: number
  /** By which it was started. */
  command: string
}

export function welcome({ running, settings, tokens, demo, seconds, command }: WelcomeParts): string {
  const { gatewayUrl, distributionUrl, metrics, storage, channel } = running
  const withToken = tokens ? ", with an admin's token" : ''
  const sandbox = settings.production ? '' : `   (open it in a browser on this machine: Apollo Sandbox${withToken})`
  const lines = [
    `Alkaid is ready, after ${seconds.toFixed(1)} s.`,
    '',
    `  Gateway        ${gatewayUrl}/graphql${sandbox}`,
    `  Distribution   ${distributionUrl}/graphql   (for apps: persisted operations)`,
    `  Metrics        ${metrics}`,
    `  Data           ${storage}`,
    `  Channel        ${channel}`,
    ...howToUseRealOnes(settings, command),
  ]
  if (tokens) {
    lines.push('', 'A token for each role, good for 12 hours (`npm run token -- --help` makes more):')
    for (const [role, token] of Object.entries(tokens)) lines.push(`  ${role.padEnd(10)} ${token}`)
  }
  if (!('secret' in running.tokens.key)) lines.push('', ...NO_TOKENS)
  if (demo) lines.push('', ...demoLines(demo, running))
  return lines.join('\n')
}

const NO_TOKENS = [
  'Your identity provider signs the tokens (JWKS_URL), so there are none to print, and no demo app is made with them. A token',
  'needs the claim `alkaid`, as {"*": ["viewer"]}: README.md, "Roles".',
]

function howToUseRealOnes({ mongodbUri, redisUrl }: Settings, command: string): string[] {
  if (mongodbUri && redisUrl) return []
  return [
    '',
    'With real MongoDB (a replica set) and Redis:',
    `  MONGODB_URI=mongodb://... REDIS_URL=redis://... ${command}`,
  ]
}

function demoLines({ appKey, ask, event }: Demo, { gatewayUrl, distributionUrl }: Running): string[] {
  const lines = [
    `The key of the app \`${demoApp.code}\`: ${appKey}`,
    '',
    'What a user sees now:',
    curl(`${distributionUrl}/graphql`, appKey, ask),
  ]
  if (event) lines.push('', 'Tell that they saw the first of it:', curl(`${gatewayUrl}/graphql`, appKey, event))
  return lines
}

function curl(url: string, appKey: string, body: object): string {
  return `  curl -s ${url} -H 'content-type: application/json' -H 'x-app-key: ${appKey}' -d '${JSON.stringify(body)}'`
}
