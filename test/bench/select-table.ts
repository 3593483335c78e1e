// 100,000 schedules in 5,000 slots, in a process of its own: how much memory they take once compiled, how long compiling
// them holds the event loop, and how long it then takes to compile one large slot again. Prints a `TableResult`.
// Run by select.ts, with --expose-gc.

import { createTimeSlices } from '../../common/base/time-slices.ts'
import { compileSlot } from '../../engine/decision/compile-slot.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import type { Publication } from '../../engine/publication/types.ts'
import { createWorld } from './select-world.ts'

export type TableResult = {
  rssMb: number
  longestStallMs: number
  longestWorkMs: number
  /** Of all slots together. */
  compileMs: number
  /** Of one slot of 1,000, the median. */
  recompileMs: number
}

const SLOTS = 5_000
const SCHEDULES_PER_SLOT = 20
const SLOTS_AT_ONCE = 100
/** So that an entry has about 1.5 KB as JSON. */
const PADDING = 740

const collectGarbage = globalThis.gc
if (!collectGarbage) throw new Error('run this with --expose-gc')
const world = createWorld(1)
const keys = deriveSigningKeys('a secret for benches of 32 characters or more')
const slots = []
let [longestStallMs, longestWorkMs, compileMs, bytes] = [0, 0, 0, 0]
for (let from = 0; from < SLOTS; from += SLOTS_AT_ONCE) {
  const texts = Array.from({ length: SLOTS_AT_ONCE }, (_, at) =>
    JSON.stringify(world.publication(String(from + at), SCHEDULES_PER_SLOT, PADDING)),
  )
  // As a node loads them: in slices, between which the event loop turns.
  const slices = createTimeSlices()
  let turned = performance.now()
  let turnedCpu = cpuMs()
  for (const text of texts) {
    const pause = slices.pause()
    if (pause) {
      await pause
      turned = performance.now()
      turnedCpu = cpuMs()
    }
    const document = JSON.parse(text) as Publication
    const began = performance.now()
    slots.push(compileSlot(document, keys))
    const ended = performance.now()
    compileMs += ended - began
    longestStallMs = Math.max(longestStallMs, ended - turned)
    longestWorkMs = Math.max(longestWorkMs, cpuMs() - turnedCpu)
    bytes += text.length
  }
}
// As far as it can be: what is left is what the slots take, and not what was garbage by chance.
collectGarbage({ type: 'major', execution: 'sync', flavor: 'last-resort' })
const rssMb = process.memoryUsage().rss / 2 ** 20
const bytesPerSchedule = bytes / (slots.length * SCHEDULES_PER_SLOT)
if (bytesPerSchedule < 1_500) throw new Error(`a schedule is only ${bytesPerSchedule} bytes`)
const result: TableResult = { rssMb, longestStallMs, longestWorkMs, compileMs, recompileMs: recompiling() }
console.log(JSON.stringify(result))

function recompiling(): number {
  const publication = world.publication('home', 1_000, PADDING)
  const runs = Array.from({ length: 25 }, () => {
    const began = performance.now()
    slots[0] = compileSlot(publication, keys)
    return performance.now() - began
  })
  return runs.sort((a, b) => a - b)[12]!
}

/** What this thread has computed, garbage collection included, and not how long others had its processor meanwhile. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
