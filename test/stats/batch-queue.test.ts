import { setImmediate as nextTurn } from 'node:timers/promises'
import { beforeEach, expect, test } from '@jest/globals'
import { type BatchQueue, createBatchQueue } from '../../subgraphs/stats/batch-queue.ts'

let now = 0
let queue: BatchQueue
beforeEach(() => {
  now = 0
  queue = createBatchQueue({ sizePerTurn: 100, maxWaitMs: 500, maxSize: 1_000 }, () => now)
})

/** Admits batches, and returns a list that gets the name of each one when it may be computed. */
function admitAll(batches: readonly (readonly [name: string, size: number])[]): string[] {
  const admitted: string[] = []
  for (const [name, size] of batches) {
    const wait = queue.admit(size)
    if (wait) void wait.then(() => admitted.push(name))
    else admitted.push(name)
  }
  return admitted
}

test('batches that fit into one turn of the event loop wait for nothing', () => {
  expect(admitAll(['a', 'b', 'c'].map((name) => [name, 30]))).toEqual(['a', 'b', 'c'])
})

test('the others are taken in the next turns, in order, each turn as many as fit', async () => {
  const admitted = admitAll(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [name, 45]))
  expect(admitted).toEqual(['a', 'b'])
  await nextTurn()
  expect(admitted).toEqual(['a', 'b', 'c', 'd'])
  await nextTurn()
  await nextTurn()
  expect(admitted).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
})

test('a turn takes a batch that is larger than a turn, and nothing beside it', async () => {
  const admitted = admitAll([
    ['large', 900],
    ['small', 1],
  ])
  expect(admitted).toEqual(['large'])
  await nextTurn()
  expect(admitted).toEqual(['large', 'small'])
})

test('a small batch does not overtake one that waits', async () => {
  const admitted = admitAll([
    ['a', 60],
    ['b', 60],
    ['c', 1],
  ])
  expect(admitted).toEqual(['a'])
  await nextTurn()
  expect(admitted).toEqual(['a', 'b', 'c'])
})

test('while a batch waits for too long, further ones are refused, and taken again afterwards', async () => {
  admitAll([
    ['a', 100],
    ['b', 100],
    ['c', 100],
  ])
  now = 501
  expect(() => queue.admit(1)).toThrow(expect.objectContaining({ code: 'UNAVAILABLE', status: 503 }))
  await nextTurn()
  await nextTurn()
  await nextTurn()
  expect(queue.admit(1)).toBeUndefined()
})

test('when too much waits, further batches are refused', async () => {
  admitAll([
    ['a', 100],
    ['b', 600],
    ['c', 400],
  ])
  expect(() => queue.admit(1)).toThrow(expect.objectContaining({ code: 'UNAVAILABLE', status: 503 }))
  await nextTurn()
  expect(queue.admit(1)).toBeInstanceOf(Promise)
})
