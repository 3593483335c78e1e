// Run by tests as a process of its own, to be killed: waits for a line on its standard input that says what to serve,
// starts, and prints the URI. It waits, so that a test can have the next one loaded before the last one is killed.
import { once } from 'node:events'
import { startEmbeddedServer } from '../../embedded/server.ts'
import type { CrashOrder } from './crash.ts'

const [line] = (await once(process.stdin, 'data')) as [Buffer]
const { dataDir, dieAfter } = JSON.parse(line.toString()) as CrashOrder
const server = await startEmbeddedServer({
  dataDir,
  onDurable(command) {
    // SIGKILL takes effect before this returns, so nothing is answered.
    if (dieAfter !== undefined && Object.hasOwn(command, dieAfter)) process.kill(process.pid, 'SIGKILL')
  },
})
void server.failed.then(() => process.exit(1))
process.stdout.write(`${server.uri}\n`)
