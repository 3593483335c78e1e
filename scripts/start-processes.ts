// `npm run start:processes`: the whole platform, every service as a process of its own.

import { createLogger } from '../common/base/log.ts'
import { SettingsError } from '../common/service/settings.ts'
import { installShutdown, isSignal } from '../common/service/shutdown.ts'
import { endsWithinMs, launch } from './processes/launch.ts'
import { npmParent, readStartOptions } from './start/options.ts'
import { prepare } from './start/prepare.ts'
import { welcome } from './start/welcome.ts'

const HELP = `Usage: npm run start:processes [-- --port PORT] [--data-dir DIR] [--workers N] [--no-demo]

Runs every service as a process of its own: the gateway on PORT, the subgraphs from PORT + 1 on, a distribution node on
PORT + 10, and the metrics of each on its port + 100. Each line of output begins with the name of its service. When a
service ends, a line says so, and the others go on.

  --port PORT      the gateway's port (default: PORT, or 4000)
  --data-dir DIR   where the data is kept (default: DATA_DIR, or .data)
  --workers N      how many distribution nodes run behind their port; auto: one for each core (default:
                   DISTRIBUTION_WORKERS, or 1)
  --no-demo        do not create the demo app
  --help           this text

Environment: without MONGODB_URI the embedded server runs as a process of its own; without REDIS_URL a redis-server from
the PATH does, with its data in the data folder. HOST, MAX_CONNECTIONS, METRICS_HOST, METRICS_PORT, JWT_SECRET,
JWKS_URL, JWT_ISSUER, JWT_AUDIENCE, SIGNING_SECRET, SERVICE_SECRET, CORS_ORIGINS, DRAIN_SECONDS, LOG_LEVEL and NODE_ENV are
explained in README.md.`

async function main(): Promise<void> {
  const begun = Date.now()
  const options = readStartOptions(HELP, { needs: ['SERVICE_SECRET'], canHaveWorkers: true })
  if (!options) return console.log(HELP)
  const { settings, wantsDemo } = options
  const ending = new AbortController()
  const { signal } = ending
  const launching = launch({ settings, env: process.env, print: console.log, signal })
  const preparing = launching.then((running) => prepare(running, settings, wantsDemo, signal))
  preparing.catch(() => {}) // `await preparing` below handles it
  // A shutdown during the start must end the processes that were already launched.
  installShutdown({
    log: createLogger(settings.logLevel),
    withinMs: endsWithinMs(settings),
    parent: npmParent('start:processes'),
    async end(cause) {
      if (isSignal(cause)) console.log(`\n${cause.signal}: shutting down`)
      ending.abort()
      const processes = await launching.catch(() => undefined) // it has ended the processes that it had launched
      await preparing.catch(() => undefined)
      await processes?.stop()
    },
  })
  const running = await launching
  const { tokens, demo } = await preparing
  if (signal.aborted) return
  const seconds = (Date.now() - begun) / 1000
  console.log(welcome({ running, settings, tokens, demo, seconds, command: 'npm run start:processes' }))
}

main().catch((error: Error) => {
  if (error.name === 'AbortError') return // a shutdown during the start: already printed
  console.error(error instanceof SettingsError ? error.message : error)
  process.exit(1)
})
