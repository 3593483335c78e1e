// A program that a fault test starts, kills, freezes and starts again, always by its process id. It keeps its command line, so it comes
// back at the same address. What it printed is kept for the report of a failed test.

import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Child, type Ended, startChild } from '../../../scripts/processes/child.ts'

export type ManagedProcess = {
  name: string
  /** Undefined while it does not run. */
  readonly pid: number | undefined
  /** Resolves with `ready()`. Does nothing when it runs. */
  start(): Promise<void>
  /** Adds settings, which count from its next start on. */
  setEnv(more: Record<string, string>): void
  /** SIGKILL. Resolves once it is gone. */
  kill(): Promise<void>
  /** SIGSTOP: its port takes connections, and nothing answers. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
  /** SIGTERM. Resolves with how it ended. */
  terminate(): Promise<Ended>
  /** The newest lines that it printed, over all its starts. */
  output(): string
}

export type ManagedProcessOptions = {
  name: string
  args: readonly string[]
  env?: Record<string, string>
  /** The program. Default: this Node. */
  program?: string
  /** Whether it is up. It may throw: that counts as not yet. `firstLine`: of its standard output, once there is one. */
  ready(firstLine: string | undefined): boolean | Promise<boolean>
}

/** Killed when this process ends, however it ends by itself. */
const running = new Set<() => void>()
process.once('exit', () => {
  for (const kill of running) kill()
})

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** Longer than a start takes on a machine that is busy with other tests. */
const START_MS = 60_000
const LINES_KEPT = 200
/** Of a process that ended by itself. */
const LINES_SHOWN = 20

export function manageProcess({
  name,
  args,
  env = {},
  program = process.execPath,
  ready,
}: ManagedProcessOptions): ManagedProcess {
  const lines: string[] = []
  let own = env
  let child: Child | undefined
  let isFrozen = false
  /** Ended on purpose. */
  let mayEnd = false

  function signal(name: NodeJS.Signals): void {
    if (child?.pid === undefined || child.hasEnded()) return
    process.kill(child.pid, name)
  }
  const killWithUs = () => signal('SIGKILL')

  return {
    name,
    get pid() {
      return child && !child.hasEnded() ? child.pid : undefined
    },
    async start() {
      if (child && !child.hasEnded()) return
      const { PATH = '', HOME = '' } = process.env
      const started = startChild({
        name,
        program,
        args,
        env: { PATH, HOME, ...own },
        cwd: root,
        print(line) {
          lines.push(line)
          if (lines.length > LINES_KEPT) lines.shift()
        },
        endMs: START_MS,
      })
      child = started
      isFrozen = false
      mayEnd = false
      void started.ended.then(({ code, signal: by }) => {
        if (mayEnd) return
        const last = lines.slice(-LINES_SHOWN).join('\n')
        process.stderr.write(`${name} ended by itself (${by ?? `code ${code}`}). Its last lines:\n${last}\n`)
      })
      running.add(killWithUs)
      await started.started
      let firstLine: string | undefined
      void started.firstLine.then((line) => {
        firstLine = line
      })
      const deadline = Date.now() + START_MS
      while (!(await isReady(() => ready(firstLine)))) {
        if (started.hasEnded()) throw new Error(`${name} has ended instead of starting:\n${lines.join('\n')}`)
        if (Date.now() > deadline) throw new Error(`${name} was not ready within ${START_MS} ms:\n${lines.join('\n')}`)
        await sleep(20)
      }
    },
    setEnv(more) {
      own = { ...own, ...more }
    },
    async kill() {
      mayEnd = true
      signal('SIGKILL')
      await child?.ended
      running.delete(killWithUs)
    },
    freeze() {
      isFrozen = true
      signal('SIGSTOP')
    },
    thaw() {
      if (isFrozen) signal('SIGCONT')
      isFrozen = false
    },
    async terminate() {
      if (!child) throw new Error(`${name} does not run`)
      mayEnd = true
      signal('SIGTERM')
      const ended = await child.ended
      running.delete(killWithUs)
      return ended
    },
    output: () => lines.join('\n'),
  }
}

async function isReady(ready: () => boolean | Promise<boolean>): Promise<boolean> {
  try {
    return await ready()
  } catch {
    return false
  }
}
