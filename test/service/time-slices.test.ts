import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import { createTimeSlices } from '../../common/base/time-slices.ts'
import type { Steps } from '../../engine/steps.ts'

const SLICE_MS = 2

/** Steps that each keep the processor busy. They write down in which turn of the event loop they ran. */
function* busySteps(turn: () => number, turns: number[], count = 200, stepMs = 0.2): Steps<void> {
  for (let step = 0; step < count; step += 1) {
    const until = performance.now() + stepMs
    while (performance.now() < until);
    turns.push(turn())
    yield
  }
}

/** Counts the turns of the event loop, until it is stopped. */
function countTurns() {
  let turn = 0
  let isStopped = false
  const count = async () => {
    for (; !isStopped; turn += 1) await nextTurn()
  }
  const counting = count()
  return {
    turn: () => turn,
    async stop() {
      isStopped = true
      await counting
    },
  }
}

test('eight works share the time of one turn', async () => {
  const slices = createTimeSlices(SLICE_MS)
  const turns = countTurns()
  const ran = Array.from({ length: 8 }, () => [] as number[])
  await Promise.all(ran.map((list) => slices.run(busySteps(turns.turn, list))))
  await turns.stop()
  const perTurn = new Map<number, number>()
  for (const turn of ran.flat()) perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1)
  // A step takes 0.2 ms, so a slice has room for ten. The count of turns can be one behind.
  expect(Math.max(...perTurn.values())).toBeLessThanOrEqual(24)
  expect(perTurn.size).toBeGreaterThan(60)
})

test('short work goes on in the next turns while long work is under way', async () => {
  const slices = createTimeSlices(SLICE_MS)
  const turns = countTurns()
  const [long, short] = [[] as number[], [] as number[]]
  const running = slices.run(busySteps(turns.turn, long, 500))
  await slices.run(busySteps(turns.turn, short, 5))
  expect(long.length).toBeLessThan(100)
  await running
  await turns.stop()
  expect(long).toHaveLength(500)
})

test('work that ends early leaves the rest of the turn to the next one', async () => {
  const slices = createTimeSlices(50)
  const turns = countTurns()
  const ran: number[] = []
  await slices.run(busySteps(turns.turn, [], 300)) // uses up a turn, so that the others wait for the next one
  const waiting = Array.from({ length: 20 }, () => slices.run(busySteps(turns.turn, ran, 1)))
  await Promise.all(waiting)
  await turns.stop()
  expect(new Set(ran).size).toBeLessThan(4)
})

test('an error of the work reaches its caller, and the next work goes on', async () => {
  const slices = createTimeSlices()
  function* failing(): Steps<void> {
    yield
    throw new Error('broken')
  }
  await expect(slices.run(failing())).rejects.toThrow('broken')
  await slices.run(busySteps(() => 0, [], 20))
})
