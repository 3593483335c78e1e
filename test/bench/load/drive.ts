// Runs the load generator in a process of its own, on the core of the load.

import { fileURLToPath } from 'node:url'
import { type Core, startChild } from '../children.ts'
import type { ClosedLoopOptions, ClosedLoopResult } from './closed-loop.ts'
import type { Latency } from './latency.ts'
import type { OpenLoopOptions } from './open-loop.ts'
import type { Job, JobResult } from './process.ts'

const script = fileURLToPath(new URL('./process.ts', import.meta.url))
/** Beside what the job itself takes. */
const EXTRA_MS = 60_000

/** Throws when an answer was wrong, or when the server closed a connection. */
export function driveClosedLoop(options: ClosedLoopOptions, core: Core): Promise<ClosedLoopResult> {
  return drive({ kind: 'closed loop', options }, core) as Promise<ClosedLoopResult>
}

/** As `driveClosedLoop`. */
export function driveOpenLoop(options: OpenLoopOptions, core: Core): Promise<Latency> {
  return drive({ kind: 'open loop', options }, core) as Promise<Latency>
}

async function drive(job: Job, core: Core): Promise<unknown> {
  const child = startChild({ name: 'load generator', args: [script], core })
  const tooLate = Promise.withResolvers<never>()
  const { warmUpMs, measureMs } = job.options
  const timer = setTimeout(
    () => tooLate.reject(new Error('the load generator takes too long')),
    warmUpMs + measureMs + EXTRA_MS,
  )
  try {
    const answer = child.nextMessage() as Promise<JobResult>
    child.send(job)
    const result = await Promise.race([answer, tooLate.promise])
    if ('error' in result) throw new Error(result.error)
    return result.result
  } finally {
    clearTimeout(timer)
    await child.stop()
  }
}
