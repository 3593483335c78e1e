// Runs the project's commands as a person would: a process of its own, its output, its exit code.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { NODE_COMPILE_CACHE } from './compile-cache.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

export type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string; ms: number }

export type Command = {
  pid: number
  /** What it has printed so far. */
  output(): string
  /** Resolves with the output once it holds `text`; rejects when the process ends first or after `ms`. */
  until(text: string | RegExp, ms?: number): Promise<string>
  end(signal: NodeJS.Signals): Promise<Ended>
  ended: Promise<Ended>
}

/**
 * @param env only these variables beside PATH, HOME and the cache, so that the settings of the machine have no effect. DRAIN_SECONDS
 *   is 0 unless it is given.
 */
export function run(script: string, args: readonly string[] = [], env: Record<string, string> = {}): Command {
  return start(process.execPath, [`scripts/${script}`, ...args], env)
}

/** The same for a file that is no script: `file` as seen from the project's root. */
export function runFile(file: string, args: readonly string[] = [], env: Record<string, string> = {}): Command {
  return start(process.execPath, [file, ...args], env)
}

/** The same through npm, as the README has it: signals go to npm, as a service manager would send them. */
export function runNpm(args: readonly string[], env: Record<string, string> = {}): Command {
  return start('npm', args, env)
}

function start(program: string, args: readonly string[], env: Record<string, string>): Command {
  const { PATH = '', HOME = '' } = process.env
  const begun = Date.now()
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(program, args, {
    cwd: root,
    env: { PATH, HOME, NODE_COMPILE_CACHE, DRAIN_SECONDS: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk
  })
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr, ms: Date.now() - begun }))
  })
  return {
    pid: child.pid!,
    output: () => stdout,
    ended,
    async until(text, ms = 60_000) {
      const deadline = Date.now() + ms
      while (!(typeof text === 'string' ? stdout.includes(text) : text.test(stdout))) {
        if (child.exitCode !== null || Date.now() > deadline)
          throw new Error(`${program} ${args.join(' ')} did not print ${text}:\n${stdout}${stderr}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      return stdout
    },
    async end(signal) {
      child.kill(signal)
      return ended
    },
  }
}
