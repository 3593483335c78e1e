// The load generator as a process of its own, so that it has a core of its own. It gets one job over IPC, sends its result, and ends.

import { type ClosedLoopOptions, runClosedLoop } from './closed-loop.ts'
import { summarise } from './latency.ts'
import { type OpenLoopOptions, runOpenLoop } from './open-loop.ts'

export type Job = { kind: 'closed loop'; options: ClosedLoopOptions } | { kind: 'open loop'; options: OpenLoopOptions }
export type JobResult = { result: unknown } | { error: string }

process.once('message', async (job: Job) => {
  process.send!(await run(job), () => process.disconnect())
})

async function run(job: Job): Promise<JobResult> {
  try {
    if (job.kind === 'closed loop') return { result: await runClosedLoop(job.options) }
    return { result: summarise(await runOpenLoop(job.options)) }
  } catch (error) {
    return { error: (error as Error).message }
  }
}
