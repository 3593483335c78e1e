// The processes that a bench starts: each on the core that it is given, and ended by its id at the latest when the bench ends.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/** The server has one core and the load the other one. `both`: the process may use every core. */
export type Core = 'server' | 'load' | 'both'

export type Child = {
  name: string
  pid: number
  /** Rejects when the process ends before `stop`, with the last lines that it printed. */
  failed: Promise<never>
  /** The next message that it sends. Rejects as `failed` does. */
  nextMessage(): Promise<unknown>
  send(message: unknown): void
  /** Sends SIGTERM, and SIGKILL if it still runs after some seconds. */
  stop(): Promise<void>
}

export type ChildOptions = {
  name: string
  /** Node by default. */
  program?: string
  args: readonly string[]
  core: Core
  /** What it gets beside PATH and HOME. */
  env?: Readonly<Record<string, string>>
  /** The root of the project by default. */
  cwd?: string
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const CORE_NUMBERS = { server: '0', load: '1' }
const END_MS = 8_000
const KEPT_OUTPUT = 4_000

/** Undefined: processes can be held on a core here. Otherwise the reason why not. */
function whyNotPinned(): string | undefined {
  if (availableParallelism() < 2) return 'this machine has one core'
  if (spawnSync('taskset', ['-c', '0,1', 'true']).status !== 0) return 'there is no `taskset` (package util-linux)'
  return undefined
}

const reason = whyNotPinned()

export function startChild({
  name,
  program = process.execPath,
  args,
  core,
  env = {},
  cwd = root,
}: ChildOptions): Child {
  const pin = core === 'both' || reason !== undefined ? [] : ['taskset', '-c', CORE_NUMBERS[core]]
  const [file, ...rest] = [...pin, program, ...args] as [string, ...string[]]
  const { PATH = '', HOME = '' } = process.env
  // The services of Alkaid end by themselves when this IPC channel closes.
  const child = spawn(file, rest, {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const killWithUs = () => child.kill('SIGKILL')
  process.once('exit', killWithUs)
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT_OUTPUT)
    })
  }
  let isStopping = false
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
    child.once('error', () => resolve())
  })
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new Error(`${name} did not start: ${error.message}`)))
    child.once('close', (code, signal) => {
      process.off('exit', killWithUs)
      if (!isStopping) reject(new Error(`${name} ended (${signal ?? `exit code ${code}`}):\n${output}`))
    })
  })
  failed.catch(() => {}) // not everybody waits for it
  return {
    name,
    pid: child.pid ?? 0,
    failed,
    nextMessage: () => Promise.race([new Promise((resolve) => child.once('message', resolve)), failed]),
    send: (message) => void child.send(message as object),
    async stop() {
      isStopping = true
      await end(child, ended)
    },
  }
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await ended
  clearTimeout(timer)
}

/** For the progress of a bench. */
export function reportPinning(): string {
  if (reason === undefined) return 'the server has core 0, the load has core 1'
  return `server and load are not held on a core each: ${reason}`
}

/** For a process that something else has started. On the core of the load it gives way to the load generator. */
export function pinProcess(pid: number, core: Exclude<Core, 'both'>): void {
  if (reason !== undefined) return
  spawnSync('taskset', ['-a', '-c', '-p', CORE_NUMBERS[core], String(pid)])
  if (core === 'load') spawnSync('renice', ['-n', '19', '-p', String(pid)])
}
