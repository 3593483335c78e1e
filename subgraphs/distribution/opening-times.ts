// Prepares the opening times of all slots ahead of time, so that no request computes when a schedule opens or closes. A slot is
// prepared before it comes into the table, and then again about every half hour and after each change.

import type { TimeSlices } from '../../common/base/time-slices.ts'
import type { CompiledSlot } from '../../engine/decision/compile-slot.ts'
import type { Table } from './table.ts'

/** How often all slots are looked at, in ms. Mostly there is nothing to do. */
const EVERY_MS = 1_000

export async function prepareSlot({ openNow }: CompiledSlot, now: number, slices: TimeSlices): Promise<void> {
  while (!openNow.prepare(now, slices.hasTime)) await slices.pause()
}

export type Preparation = { stop(): Promise<void> }

export function startPreparation(table: () => Table, clock: () => number, slices: TimeSlices): Preparation {
  let isStopped = false
  let preparing: Promise<void> = Promise.resolve()
  let timer = schedule()

  function schedule(): NodeJS.Timeout {
    return setTimeout(() => {
      preparing = prepareAll().then(() => {
        if (!isStopped) timer = schedule()
      })
    }, EVERY_MS).unref()
  }

  async function prepareAll(): Promise<void> {
    const now = clock()
    for (const entry of table().entries()) {
      if (isStopped) return
      if ('slot' in entry) await prepareSlot(entry.slot, now, slices)
      const pause = slices.pause()
      if (pause) await pause
    }
  }

  return {
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await preparing
    },
  }
}
