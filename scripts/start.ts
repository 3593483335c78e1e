// `npm start`: the whole platform in one process.

import { createLogger } from '../common/base/log.ts'
import { type Settings, SettingsError } from '../common/service/settings.ts'
import { closeAll, installShutdown, isSignal, SHUTDOWN_MS } from '../common/service/shutdown.ts'
import { type Platform, startPlatform } from '../platform/app.ts'
import { npmParent, readStartOptions } from './start/options.ts'
import { prepare } from './start/prepare.ts'
import { welcome } from './start/welcome.ts'

const HELP = `Usage: npm start [-- --port PORT] [--data-dir DIR] [--no-demo]

Runs everything in one process: the gateway on PORT, a distribution node on PORT + 10, metrics on PORT + 100.

  --port PORT      the gateway's port (default: PORT, or 4000)
  --data-dir DIR   where the data is kept (default: DATA_DIR, or .data)
  --no-demo        do not create the demo app
  --help           this text

Environment: MONGODB_URI and REDIS_URL replace the embedded store and the channel in process; HOST, MAX_CONNECTIONS,
METRICS_HOST, METRICS_PORT, JWT_SECRET, JWKS_URL, JWT_ISSUER, JWT_AUDIENCE, SIGNING_SECRET, CORS_ORIGINS, DRAIN_SECONDS,
LOG_LEVEL and NODE_ENV are explained in README.md.`

async function main(): Promise<void> {
  const begun = Date.now()
  const options = readStartOptions(HELP)
  if (!options) return console.log(HELP)
  const { settings, wantsDemo } = options
  const platform = await startPlatform(settings)
  const ending = new AbortController()
  const preparing = prepare(platform, settings, wantsDemo, ending.signal)
  shutDownOnSignal(platform, settings, ending, preparing)
  const { tokens, demo } = await preparing
  if (ending.signal.aborted) return
  const seconds = (Date.now() - begun) / 1000
  console.log(welcome({ running: platform, settings, tokens, demo, seconds, command: 'npm start' }))
}

/** Stops the creation of the demo app first, and then the platform that it talks to. */
function shutDownOnSignal(
  platform: Platform,
  { drainMs, logLevel }: Settings,
  ending: AbortController,
  preparing: Promise<unknown>,
): void {
  const log = createLogger(logLevel)
  installShutdown({
    log,
    withinMs: drainMs + 2 * SHUTDOWN_MS,
    parent: npmParent('start'),
    async end(cause) {
      if (isSignal(cause)) console.log(`\n${cause.signal}: shutting down`)
      ending.abort()
      await closeAll([{ name: 'the demo app', close: () => preparing }], log)
      await platform.stop(isSignal(cause) ? drainMs : 0)
    },
  })
  platform.failed.catch((error: Error) => {
    console.error(`The embedded server has failed: ${error.message}. Start Alkaid again; the data is kept.`)
    process.exit(1)
  })
}

main().catch((error: Error) => {
  console.error(error instanceof SettingsError ? error.message : error)
  process.exit(1)
})
