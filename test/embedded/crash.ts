// Starts server processes that tests kill. A spare process is always loading while another one serves.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { NODE_COMPILE_CACHE } from '../support/compile-cache.ts'

export interface CrashOrder {
  dataDir: string
  /** The process kills itself after this command is durable, and before the reply. */
  dieAfter?: string
}

export interface CrashServer {
  uri: string
  /** Resolves when the process has ended. */
  exited: Promise<unknown>
  kill(): Promise<void>
}

export class CrashServers {
  private spare: ChildProcess | undefined

  async start(order: CrashOrder): Promise<CrashServer> {
    const child = this.spare ?? load()
    const exited = once(child, 'exit')
    child.stdin!.write(`${JSON.stringify(order)}\n`)
    const first = await Promise.race([once(child.stdout!, 'data'), exited.then(() => undefined)])
    if (first === undefined) throw new Error('the server ended before it listened')
    this.spare = load()
    const kill = async () => {
      child.kill('SIGKILL')
      await exited
    }
    return { uri: String(first[0]).trim(), exited, kill }
  }

  /** Ends the spare process. */
  async close(): Promise<void> {
    const { spare } = this
    if (spare === undefined) return
    const exited = once(spare, 'exit')
    spare.kill('SIGKILL')
    await exited
  }
}

function load(): ChildProcess {
  const script = new URL('./crash-server.ts', import.meta.url).pathname
  const env = { ...process.env, NODE_COMPILE_CACHE }
  return spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'], env })
}
