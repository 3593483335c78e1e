// `npm start`: the whole platform in one process.

import { parseArgs } from 'node:util'
import closeWithGrace from 'close-with-grace'
import type { Role } from '../common/auth.ts'
import { readSettings, type Settings, SettingsError } from '../common/config.ts'
import { type Demo, loadDemo } from './load-demo.ts'
import { type Platform, startPlatform } from './platform.ts'
import { tokensOfRoles } from './tokens.ts'
import { welcome } from './welcome.ts'

const HELP = `Usage: npm start [-- --port PORT] [--data-dir DIR] [--no-demo]

Runs everything in one process: the gateway on PORT, a distribution node on PORT + 10.

  --port PORT      the gateway's port (default: PORT, or 4000)
  --data-dir DIR   where the data is kept (default: DATA_DIR, or .data)
  --no-demo        do not make the demo app
  --help           this text

Environment: MONGODB_URI and REDIS_URL take the place of what is embedded; HOST, JWT_SECRET, JWKS_URL, JWT_ISSUER,
JWT_AUDIENCE, SIGNING_SECRET, LOG_LEVEL and NODE_ENV are explained in README.md.`

const OPTIONS = {
  port: { type: 'string' },
  'data-dir': { type: 'string' },
  'no-demo': { type: 'boolean' },
  help: { type: 'boolean' },
} as const

/** How long the end may take, in ms, before the process is ended the hard way. */
const END_MS = 8_000

async function main(): Promise<void> {
  const begun = Date.now()
  const values = readArguments()
  if (values.help) return console.log(HELP)
  const settings = readSettings({
    ...process.env,
    ...(values.port && { PORT: values.port }),
    ...(values['data-dir'] && { DATA_DIR: values['data-dir'] }),
  })
  const platform = await startPlatform(settings)
  const ending = new AbortController()
  const preparing = prepare(platform, settings, !values['no-demo'], ending.signal)
  endGracefully(platform, ending, preparing)
  const { tokens, demo } = await preparing
  if (ending.signal.aborted) return
  console.log(welcome({ platform, settings, tokens, demo, seconds: (Date.now() - begun) / 1000 }))
}

/** What a developer is given: tokens, and the demo app. Never rejects: without a demo, the platform is still one. */
async function prepare(
  platform: Platform,
  settings: Settings,
  wanted: boolean,
  signal: AbortSignal,
): Promise<Prepared> {
  if (settings.production || !('secret' in platform.tokens.key)) return {}
  const tokens = await tokensOfRoles(platform.tokens)
  if (!wanted) return { tokens }
  try {
    const { gatewayUrl, distributionUrl } = platform
    const urls = { gateway: `${gatewayUrl}/graphql`, distribution: `${distributionUrl}/graphql` }
    const demo = await loadDemo({ urls, tokens, dataDir: settings.dataDir, signal, progress: console.log })
    return { tokens, demo }
  } catch (error) {
    if (!signal.aborted) console.error(`The demo app is not complete: ${(error as Error).message}`)
    return { tokens }
  }
}

type Prepared = { tokens?: Record<Role, string>; demo?: Demo }

function readArguments() {
  try {
    const { values } = parseArgs({ options: OPTIONS })
    for (const option of ['port', 'data-dir'] as const) {
      if (values[option] === '') throw new SettingsError(`--${option}: expected a value`)
    }
    return values
  } catch (error) {
    if (error instanceof SettingsError) throw error
    throw new SettingsError(`${(error as Error).message}\n\n${HELP}`)
  }
}

/** First whoever is making the demo app stops, then what they talk to. */
function endGracefully(platform: Platform, ending: AbortController, preparing: Promise<unknown>): void {
  closeWithGrace({ delay: END_MS, logger: false }, async ({ err, signal }) => {
    if (err) console.error(err)
    if (signal) console.log(`\n${signal}: ending`)
    ending.abort()
    await preparing
    await platform.stop()
  })
  platform.failed.catch((error: Error) => {
    console.error(`The embedded server has ended: ${error.message}`)
    process.exit(1)
  })
}

main().catch((error: Error) => {
  console.error(error instanceof SettingsError ? error.message : error)
  process.exit(1)
})
