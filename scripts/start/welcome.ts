// The text that is printed once the platform is ready: the addresses, the tokens, and two curl commands to copy.

import type { Role } from '../../common/access/rights.ts'
import type { Settings } from '../../common/service/settings.ts'
import { demoApp } from '../../demo/app.ts'
import { type Demo, demoCommands } from '../../gateway/demo-requests.ts'
import type { Running } from '../../platform/app.ts'

export type WelcomeParts = {
  running: Running
  settings: Settings
  tokens?: Record<Role, string> | undefined
  demo?: Demo | undefined
  seconds: number
  /** The command that started the platform. */
  command: string
}

export function welcome({ running, settings, tokens, demo, seconds, command }: WelcomeParts): string {
  const { gatewayUrl, distributionUrl, metrics, storage, channel } = running
  const withToken = tokens ? ", with an admin's token" : ''
  const sandbox = settings.production ? '' : `   (open it in a browser on this machine: Apollo Sandbox${withToken})`
  const lines = [
    `Alkaid is ready, after ${seconds.toFixed(1)} s.`,
    '',
    `  Start here     ${gatewayUrl}/   (a page with all addresses, for your browser)`,
    `  Gateway        ${gatewayUrl}/graphql${sandbox}`,
    `  Distribution   ${distributionUrl}/graphql   (for apps: persisted operations)`,
    `  Metrics        ${metrics}`,
    `  Data           ${storage}`,
    `  Channel        ${channel}`,
    ...howToUseRealOnes(settings, command),
  ]
  if (tokens) {
    lines.push('', 'A token for each role, valid for 12 hours (`npm run token -- --help` makes more):')
    for (const [role, token] of Object.entries(tokens)) lines.push(`  ${role.padEnd(10)} ${token}`)
  }
  if (!('secret' in running.tokens.key)) lines.push('', ...NO_TOKENS)
  if (demo) lines.push('', ...demoLines(demo))
  return lines.join('\n')
}

const NO_TOKENS = [
  'Your identity provider signs the tokens (JWKS_URL). So Alkaid prints none here and creates no demo app. A token needs the claim',
  '`alkaid`, for example {"*": ["viewer"]}: see docs/access.md.',
]

function howToUseRealOnes({ mongodbUri, redisUrl }: Settings, command: string): string[] {
  if (mongodbUri && redisUrl) return []
  return [
    '',
    'With real MongoDB (a replica set) and Redis:',
    `  MONGODB_URI=mongodb://... REDIS_URL=redis://... ${command}`,
  ]
}

function demoLines(demo: Demo): string[] {
  const tries = demoCommands(demo).flatMap(({ what, curl }) => ['', `${what}:`, `  ${curl}`])
  return [`The key of the app \`${demoApp.code}\`: ${demo.appKey}`, ...tries]
}
