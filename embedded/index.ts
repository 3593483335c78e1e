// The embedded server as a process of its own: `npm run embedded -- --data-dir DIR`.
import { parseArgs } from 'node:util'
import { startEmbeddedServer } from './server.ts'

const usage = `Usage: npm run embedded -- --data-dir DIR

Starts Alkaid's embedded server, which speaks MongoDB's wire protocol on a Unix socket, and prints its URI.
It is for trying Alkaid out, for development and for tests. Use MongoDB for all data that matters.

  --data-dir DIR    the folder of the data, created if it is missing (default: DATA_DIR, or .data)
  --socket-dir DIR  the folder of the socket (default: the data directory)
  --transaction-seconds N
                    how long a transaction may be open: 1 to 86400 (default: 15). A client that was killed leaves its
                    transaction open, and until it ends, others cannot write the same documents
  --help            this text

SIGTERM and SIGINT end it. If a process has started it with an IPC channel, the end of that process ends it, too. Every
acknowledged write is on disk at any time.`

try {
  await main()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string' },
      'socket-dir': { type: 'string' },
      'transaction-seconds': { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log(usage)
    return
  }
  const dataDir = values['data-dir'] ?? process.env.DATA_DIR ?? '.data'
  const socketDir = values['socket-dir']
  const seconds = values['transaction-seconds']
  if (seconds !== undefined && !/^[1-9]\d{0,4}$/.test(seconds)) {
    throw new Error(`--transaction-seconds: expected a whole number from 1 to 86400, not ${JSON.stringify(seconds)}`)
  }
  const server = await startEmbeddedServer({
    dataDir,
    ...(socketDir === undefined ? {} : { socketDir }),
    ...(seconds === undefined ? {} : { transactionLifetime: Number(seconds) * 1000 }),
  })
  console.log(server.uri)
  const stop = () => void server.close().then(() => process.exit(0))
  // Listen to every signal, not only the first: npm and shells send a second one, which must not end the process early.
  if (process.send && !process.connected) stop() // whoever started it is gone already
  for (const event of ['SIGTERM', 'SIGINT', 'SIGHUP', 'disconnect']) process.on(event, stop)
  void server.failed.then((error) => {
    console.error(`The embedded server had to end: ${error.message}`)
    process.exit(1)
  })
}
