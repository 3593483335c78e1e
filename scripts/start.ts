// `npm start`: the whole platform in one process.

import { parseArgs } from 'node:util'
import closeWithGrace from 'close-with-grace'
import { readSettings, SettingsError } from '../common/config.ts'
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
  const env = {
    ...process.env,
    ...(values.port && { PORT: values.port }),
    ...(values['data-dir'] && { DATA_DIR: values['data-dir'] }),
  }
  const settings = readSettings(env)
  const platform = await startPlatform(settings)
  endGracefully(platform)
  const tokens =
    'secret' in platform.tokens.key && !settings.production ? await tokensOfRoles(platform.tokens) : undefined
  const wanted = tokens && !values['no-demo']
  const url = `${platform.gatewayUrl}/graphql`
  const demo: Demo | undefined = wanted
    ? await loadDemo({ url, tokens, dataDir: settings.dataDir, now: Date.now(), progress: console.log })
    : undefined
  console.log(await welcome({ platform, settings, tokens, demo, seconds: (Date.now() - begun) / 1000 }))
}

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS }).values
  } catch (error) {
    throw new SettingsError(`${(error as Error).message}\n${HELP}`)
  }
}

function endGracefully(platform: Platform): void {
  closeWithGrace({ delay: END_MS, logger: false }, async ({ err, signal }) => {
    if (err) console.error(err)
    if (signal) console.log(`\n${signal}: ending`)
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
