// Keeps long work from stalling requests: it goes on in slices, between which the event loop turns.

import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * @param sliceMs how long all work that shares this function may hold the event loop.
 * @returns to be called between steps: undefined to go on, or a promise to wait for.
 */
export function createSlices(sliceMs = 2): () => Promise<void> | undefined {
  let began = performance.now()
  return () => {
    if (performance.now() - began < sliceMs) return undefined
    return nextTurn().then(() => {
      began = performance.now()
    })
  }
}
