// A child process. Each line that it prints is passed on with its name in front. A Node child notices when this process is gone, by
// the IPC channel, and ends itself.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export type Ended = { code: number | null; signal: NodeJS.Signals | null }

export type Child = {
  name: string
  /** Undefined when it could not be started. */
  pid: number | undefined
  /** Rejects when the program cannot be started at all. */
  started: Promise<void>
  /** The first line of its standard output. Never resolves when it prints none. */
  firstLine: Promise<string>
  ended: Promise<Ended>
  hasEnded(): boolean
  /** Sends SIGTERM, and SIGKILL if it still runs after `endMs`. Resolves once it is gone. */
  end(): Promise<void>
}

export type ChildOptions = {
  name: string
  program: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  cwd: string
  /** Takes each line, with the name in front. */
  print: (line: string) => void
  /** How long it may take to end, in ms. */
  endMs: number
}

/** As wide as the longest name of a service. */
const WIDTH = 12

export function startChild({ name, program, args, env, cwd, print, endMs }: ChildOptions): Child {
  // In a process group of its own: Ctrl-C in a terminal must reach only us, who end the children in order.
  // The IPC channel carries no messages. It closes when we are gone, and Node children notice that.
  const child = spawn(program, args, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  }) as ChildProcessByStdio<null, Readable, Readable>
  const started = new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  started.catch(() => {}) // a caller that needs it awaits `started`
  let isOver = false
  const ended = new Promise<Ended>((resolve) => {
    const over = (code: number | null, signal: NodeJS.Signals | null) => {
      isOver = true
      resolve({ code, signal })
    }
    child.once('close', over)
    child.once('error', () => over(null, null))
  })
  const first = Promise.withResolvers<string>()
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      if (stream === child.stdout) first.resolve(line)
      print(`${name.padEnd(WIDTH)} | ${line}`)
    })
  }
  return {
    name,
    pid: child.pid,
    started,
    firstLine: first.promise,
    ended,
    hasEnded: () => isOver,
    async end() {
      if (isOver) return
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), endMs)
      await ended
      clearTimeout(timer)
    },
  }
}
