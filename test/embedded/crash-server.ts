// A server process that tests kill. It waits for a line on standard input that says what to serve, starts, and prints
// the URI. So a test can load the next process before it kills the last one.
import { once } from 'node:events'
import { startEmbeddedServer } from '../../embedded/server.ts'
import type { CrashOrder } from './crash.ts'

const [line] = (await once(process.stdin, 'data')) as [Buffer]
const { dataDir, dieAfter } = JSON.parse(line.toString()) as CrashOrder
const server = await startEmbeddedServer({
  dataDir,
  onDurable(command) {
    // SIGKILL takes effect before this returns, so there is no reply.
    if (dieAfter !== undefined && Object.hasOwn(command, dieAfter)) process.kill(process.pid, 'SIGKILL')
  },
})
void server.failed.then(() => process.exit(1))
process.stdout.write(`${server.uri}\n`)
