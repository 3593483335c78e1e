// A node in a process of its own, which loads everything from the Redis of its first argument, and then reloads it. Prints a
// `LoadResult`. Run by loading.ts.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import { startSync } from '../../subgraphs/distribution/sync.ts'

export type LoadResult = {
  loadMs: number
  loadStallMs: number
  /** As the stall, but in time of the processor: without the time in which other processes had it. */
  loadWorkMs: number
  rssMb: number
  reloadMs: number
  reloadStallMs: number
  reloadWorkMs: number
  reloadRssMb: number
}

export const LOAD_SECRET = 'a secret for benches of 32 characters or more'

if (process.argv[1] === import.meta.filename) console.log(JSON.stringify(await run(process.argv[2]!)))

async function run(url: string): Promise<LoadResult> {
  const channel = await connectRedisChannel({ url })
  const keys = deriveSigningKeys(LOAD_SECRET)
  const silent = { info() {}, warn() {} }
  const [loading, sync] = await watched(() =>
    startSync({ channel, keys, node: 'bench', log: silent, intervals: { compare: 100, reload: 3_000 } }),
  )
  await sync.untilReady()
  const rssMb = residentMb()
  const { reloads } = sync.status()
  const [reloading] = await watched(async () => {
    while (sync.status().reloads === reloads) await nextTurn()
  })
  const result = {
    loadMs: loading.ms,
    loadStallMs: loading.stallMs,
    loadWorkMs: loading.workMs,
    rssMb,
    reloadMs: reloading.ms,
    reloadStallMs: reloading.stallMs,
    reloadWorkMs: reloading.workMs,
    reloadRssMb: reloading.rssMb,
  }
  await sync.stop()
  await channel.close()
  return result
}

type Watched = { ms: number; stallMs: number; workMs: number; rssMb: number }

/** Runs `work`, and measures the longest time between two turns of the event loop. */
async function watched<T>(work: () => Promise<T>): Promise<[Watched, T]> {
  const began = performance.now()
  let [stallMs, workMs, rssMb, isDone] = [0, 0, 0, false]
  const watching = (async () => {
    for (let [turned, turnedCpu] = [performance.now(), cpuMs()]; !isDone; ) {
      await nextTurn()
      const [now, nowCpu] = [performance.now(), cpuMs()]
      stallMs = Math.max(stallMs, now - turned)
      workMs = Math.max(workMs, nowCpu - turnedCpu)
      turned = now
      turnedCpu = nowCpu
      if (Math.random() < 0.01) rssMb = Math.max(rssMb, residentMb())
    }
  })()
  const result = await work()
  isDone = true
  await watching
  return [{ ms: performance.now() - began, stallMs, workMs, rssMb }, result]
}

function residentMb(): number {
  return process.memoryUsage.rss() / 2 ** 20
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
