// How much time of the processor this process and the processes of a server have used.

import { readFileSync } from 'node:fs'

export type CpuTimes = { ownMs: number; serverMs: number | undefined }
export type CpuClock = { read(): CpuTimes }

/** Linux counts in hundredths of a second (`getconf CLK_TCK` is 100 everywhere). */
const TICK_MS = 10

/** @param pids of the server; their children (workers of a cluster) count as well. */
export function cpuClock(pids: readonly number[]): CpuClock {
  const all = process.platform === 'linux' ? pids.flatMap(withChildren) : []
  return {
    read() {
      const { user, system } = process.cpuUsage()
      return { ownMs: (user + system) / 1000, serverMs: serverMs(all) }
    },
  }
}

function withChildren(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
  return [pid, ...(text === '' ? [] : text.split(' ').map(Number).flatMap(withChildren))]
}

function serverMs(pids: readonly number[]): number | undefined {
  if (pids.length === 0) return undefined
  let sum = 0
  for (const pid of pids) {
    // Fields 14 and 15 of proc_pid_stat(5). The second field is a name in brackets and may hold spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ')
    sum += (Number(fields[11]) + Number(fields[12])) * TICK_MS
  }
  return sum
}
