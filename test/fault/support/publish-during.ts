// Publishes in some slots while something happens to Redis, until every node serves what was acknowledged.

import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../support/until.ts'
import type { CountingSlot } from './counting-slot.ts'
import type { RevisionWatch } from './revision-watch.ts'

/** Between two publishes in one slot. */
const PAUSE_MS = 100
/** Publishing goes on so long before and after. */
const AROUND_MS = 1_000
const IN_STEP_MS = 20_000

export type Delays = {
  /** How many publishes were acknowledged. */
  publishes: number
  /** The longest time from the acknowledgement, or from when Redis could be used again, until a node served it, in ms. */
  most: number
}

/** A slot, and what watches it on one node. */
export type Watched = { slot: CountingSlot; watch: RevisionWatch }

/** `disturb` resolves once Redis can be used again. */
export async function publishDuring(watched: readonly Watched[], disturb: () => Promise<void>): Promise<Delays> {
  const acknowledged = new Map(watched.map(({ slot }) => [slot, new Map<number, number>()]))
  let isOver = false
  const publishing = [...acknowledged].map(async ([slot, times]) => {
    while (!isOver) {
      times.set(await slot.publishNext(), Date.now())
      await sleep(PAUSE_MS)
    }
  })
  await sleep(AROUND_MS)
  await disturb()
  const usableAt = Date.now()
  await sleep(AROUND_MS)
  isOver = true
  await Promise.all(publishing)
  await until(
    'every node serves what was acknowledged',
    () => watched.every(({ slot, watch }) => watch.problems.length > 0 || watch.serves(slot) === slot.acknowledged),
    { within: IN_STEP_MS },
  )
  const delays = watched.flatMap(({ slot, watch }) =>
    [...acknowledged.get(slot)!].map(
      ([publication, at]) => watch.servedAt(slot, publication)! - Math.max(at, usableAt),
    ),
  )
  const publishes = [...acknowledged.values()].reduce((sum, times) => sum + times.size, 0)
  return { publishes, most: Math.max(0, ...delays) }
}
