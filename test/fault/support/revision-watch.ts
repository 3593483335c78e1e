// Watches what one node serves of some counting slots: when it first serves each publication, and whether it ever goes back.

import { setTimeout as sleep } from 'node:timers/promises'
import type { CountingSlot } from './counting-slot.ts'
import { askSlots } from './slot-load.ts'

export type RevisionWatch = {
  /** What the node serves now, by slot. */
  serves(slot: CountingSlot): number
  /** When the node first served this publication or a later one, in ms since the Unix epoch. */
  servedAt(slot: CountingSlot, publication: number): number | undefined
  /** Answers that must not be: an earlier publication than before, one that was not made yet, or no answer. */
  problems: readonly string[]
  stop(): Promise<void>
}

const EVERY_MS = 4
const MOST_PROBLEMS = 20

/** @param slots of one app. */
export function watchRevisions(url: string, slots: readonly CountingSlot[]): RevisionWatch {
  const problems: string[] = []
  const seen = new Map(slots.map((slot) => [slot, { newest: slot.acknowledged, times: [] as number[] }]))
  const query = { ...slots[0]!.query, slots: slots.flatMap((slot) => slot.query.slots) }
  let isOver = false

  async function look(): Promise<void> {
    const { status, body } = await askSlots(url, query)
    if (status !== 200) throw new Error(`${status} ${body}`)
    for (const [slot, history] of seen) {
      const { newest, times } = history
      const number = slot.numberIn(body)
      if (!(number >= newest && number <= slot.started)) {
        problems.push(`${url} ${slot.query.slots}: publication ${number} of ${newest} to ${slot.started}: ${body}`)
        continue
      }
      for (let served = newest + 1; served <= number; served++) times[served] = Date.now()
      history.newest = number
    }
  }

  async function run(): Promise<void> {
    while (!isOver && problems.length < MOST_PROBLEMS) {
      await look().catch((error: Error) => problems.push(`${url}: ${error.message}`))
      await sleep(EVERY_MS)
    }
  }
  const running = run()

  return {
    serves: (slot) => seen.get(slot)!.newest,
    servedAt: (slot, publication) => seen.get(slot)!.times[publication],
    problems,
    async stop() {
      isOver = true
      await running
    },
  }
}
