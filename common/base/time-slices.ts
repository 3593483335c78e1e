// Keeps long work from delaying requests. All work that shares one `TimeSlices` may together run for 2 ms in one turn of the event
// loop. The rest waits in a queue, so that each part of the work gets its turn.
//
// A turn, here, is from one check phase (where `setImmediate` runs) to the next one. In between, Node reads from all sockets and
// answers requests. So a request waits for at most one slice.

import type { Steps } from '../../engine/steps.ts'

export type TimeSlices = {
  /** Call it between two small steps. Undefined: go on at once. Otherwise wait for the promise first. */
  pause(): Promise<void> | undefined
  /** Whether there is time left in this turn. For work that can be interrupted at any step, and continued later. */
  hasTime(): boolean
  /** Runs work that yields between its steps. */
  run<Result>(steps: Steps<Result>): Promise<Result>
}

export function createTimeSlices(sliceMs = 2): TimeSlices {
  const waiting: (() => void)[] = []
  let isInTurn = false
  /** The value of `performance.now()` at which the slice of this turn ends. */
  let ends = 0

  function begin(isCheckPhase: boolean): void {
    isInTurn = true
    ends = performance.now() + sliceMs
    // Begun in the middle of a turn, the slice is for the whole next turn, too: requests come first.
    setImmediate(isCheckPhase ? nextTurn : () => setImmediate(nextTurn))
  }

  function nextTurn(): void {
    isInTurn = false
    if (waiting.length === 0) return
    begin(true)
    wakeNext()
  }

  /** Wakes the first in the queue. When it has paused or ended, and time is left, the next one goes on. */
  function wakeNext(): void {
    waiting.shift()?.()
    if (waiting.length === 0) return
    queueMicrotask(() => {
      if (performance.now() < ends) wakeNext()
    })
  }

  function hasTime(): boolean {
    if (!isInTurn) begin(false)
    return performance.now() < ends
  }

  function pause(): Promise<void> | undefined {
    if (waiting.length === 0 && hasTime()) return undefined
    return new Promise((resolve) => waiting.push(resolve))
  }

  return {
    pause,
    hasTime,
    async run(steps) {
      while (true) {
        const { done, value } = steps.next()
        if (done) return value
        const turn = pause()
        if (turn) await turn
      }
    },
  }
}
