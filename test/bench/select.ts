// Targeting and selection: what a decision costs as a slot grows, what 100,000 schedules take, and how unleash-client does
// beside it. Slots and requests are those of select-world.ts.

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type CompiledSlot, compileSlot } from '../../engine/decision/compile-slot.ts'
import { decide } from '../../engine/decision/decide.ts'
import { isIn, rolloutCompiler } from '../../engine/decision/rollout.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import { compileConstraint } from '../../engine/targeting/compile-constraint.ts'
import { type CompiledContext, readContext } from '../../engine/targeting/context.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import type { Bench, Measurement } from './bench.ts'
import type { TableResult } from './select-table.ts'
import { unleashSideOf } from './select-unleash.ts'
import { createWorld, NOW } from './select-world.ts'

const ROUNDS = 5
/** schedules in a slot -> how many such slots take turns, so that no single draw of targeting decides. */
const SIZES = new Map([
  [10, 40],
  [100, 20],
  [1_000, 8],
  [10_000, 3],
])
const REQUESTS = 20_000
/** So few that their contexts are still young when they are garbage, as those of real requests are. */
const REQUESTS_AT_ONCE = 250
const keys = deriveSigningKeys('a secret for benches of 32 characters or more')

export const select: Bench = {
  summary:
    'targeting and selection: cost by schedules in a slot, memory of 100,000 schedules, unleash-client beside it',
  async run() {
    const sizes = decisions()
    return [...sizes.flat(), ...sizes.map(ratio), ...table(), ...besideUnleash()]
  },
  fields: (measurements) => ({
    nsPerDecision: bySize(measurements, DECISION),
    nsPerRequest: bySize(measurements, REQUEST),
    nsPerDecisionAgain: bySize(measurements, AGAIN),
    ...{ requests: REQUESTS, node: process.version },
  }),
}

const DECISION = 'a decision'
const REQUEST = 'reading the context, and a decision'
/** Nothing of the context is read any more: what a second slot of the same request costs at least. */
const AGAIN = 'a decision for a context read before'
const nameOf = (what: string, size: number) => `${what}, ${size} schedules`

function bySize(measurements: readonly Measurement[], what: string): Record<string, number> {
  const medianOf = (size: number) => measurements.find(({ name }) => name === nameOf(what, size))!.value
  return Object.fromEntries([...SIZES.keys()].map((size) => [size, Math.round(medianOf(size))]))
}

/** Of each of the three ways of looking at a decision, the sizes. */
function decisions(): Measurement[][] {
  const world = createWorld(7)
  const slots = new Map<number, CompiledSlot[]>()
  for (const [size, count] of SIZES) {
    const compiled = Array.from({ length: count }, (_, at) => compileSlot(world.publication(`s${at}`, size), keys))
    slots.set(size, compiled)
  }
  const runs = new Map([...SIZES.keys()].map((size) => [size, [] as Times[]]))
  for (let round = -1; round < ROUNDS; round += 1) {
    for (const size of round % 2 === 0 ? SIZES.keys() : [...SIZES.keys()].reverse()) {
      const times = time(slots.get(size)!, world.context)
      // The first round only warms up.
      if (round >= 0) runs.get(size)!.push(times)
    }
  }
  const measure = (what: string, of: (times: Times) => number) =>
    [...runs].map(([size, times]) => summarise(nameOf(what, size), 'ns', times.map(of)))
  return [
    measure(DECISION, ({ deciding }) => deciding),
    measure(REQUEST, ({ reading, deciding }) => reading + deciding),
    measure(AGAIN, ({ again }) => again),
  ]
}

/** ns per request. */
type Times = { reading: number; deciding: number; again: number }

/** Every request has a context of its own: what is read of one is read once. */
function time(slots: readonly CompiledSlot[], context: () => RequestContext): Times {
  const times = { reading: 0, deciding: 0, again: 0 }
  let shown = 0
  for (let done = 0; done < REQUESTS; done += REQUESTS_AT_ONCE) {
    const requests = Array.from({ length: REQUESTS_AT_ONCE }, context)
    const decideAll = (contexts: readonly CompiledContext[]) => {
      for (let at = 0; at < REQUESTS_AT_ONCE; at += 1) {
        const slot = slots[(done + at) % slots.length]!
        shown += decide(slot, contexts[at]!, NOW, Math.random).creatives.length
      }
      return performance.now()
    }
    const began = performance.now()
    const contexts = requests.map(readContext)
    const read = performance.now()
    const decided = decideAll(contexts)
    const decidedAgain = decideAll(contexts)
    times.reading += ((read - began) * 1e6) / REQUESTS
    times.deciding += ((decided - read) * 1e6) / REQUESTS
    times.again += ((decidedAgain - decided) * 1e6) / REQUESTS
  }
  if (shown < 4 * REQUESTS) throw new Error(`only ${shown} creatives were shown: the targeting is not realistic`)
  return times
}

/** Of the largest to the smallest size, round by round. */
function ratio(sizes: readonly Measurement[]): Measurement {
  const [smallest, largest] = [sizes[0]!, sizes.at(-1)!]
  const name = `${smallest.name.replace(/,[^,]*$/, '')}: 10,000 schedules beside 10`
  const runs = largest.runs.map((ns, round) => ns / smallest.runs[round]!)
  return summarise(name, 'x', runs, 2)
}

function table(): Measurement[] {
  const script = fileURLToPath(new URL('./select-table.ts', import.meta.url))
  const run = () => execFileSync(process.execPath, ['--expose-gc', script], { encoding: 'utf8' })
  const results = Array.from({ length: ROUNDS }, () => JSON.parse(run()) as TableResult)
  const of = (name: keyof TableResult) => results.map((result) => result[name])
  const what = '100,000 schedules in 5,000 slots'
  return [
    summarise(`${what}: resident`, 'MB', of('rssMb'), 400),
    summarise(`${what}: parsed and compiled, longest stall`, 'ms', of('longestStallMs'), 10),
    summarise(`${what}: the same in time of the processor`, 'ms', of('longestWorkMs'), 10),
    summarise(`${what}: compiled, in all`, 'ms', of('compileMs')),
    summarise('a slot of 1,000 compiled again, among these', 'ms', of('recompileMs'), 10),
  ]
}

/** Both sides answer the same questions alike, or this throws. */
function besideUnleash(): Measurement[] {
  const world = createWorld(11)
  const publication = world.publication('home', 1_000)
  const slot = compileSlot(publication, keys)
  const unleash = unleashSideOf(publication)
  const compileRollout = rolloutCompiler()
  const ours = publication.entries.map(({ constraint, rollout }) => ({
    matches: constraint && compileConstraint(constraint),
    rollout: compileRollout(rollout),
  }))
  const [perEntry, perContext, runs] = [[] as number[], [] as number[], 200]
  for (let round = -1; round < ROUNDS; round += 1) {
    const requests = Array.from({ length: runs }, () => comparable(world.context()))
    const theirs = requests.map(unleash.contextOf)
    let [ourCount, theirCount] = [0, 0]
    const began = performance.now()
    for (const context of theirs)
      for (const name of unleash.names) if (unleash.isEnabled(name, context)) theirCount += 1
    const asked = performance.now()
    for (const request of requests) {
      const context = readContext(request)
      for (const { matches, rollout } of ours) {
        if ((!matches || matches(context)) && (!rollout || isIn(rollout, context))) ourCount += 1
      }
    }
    const answered = performance.now()
    for (const request of requests) decide(slot, readContext(request), NOW, Math.random)
    const decided = performance.now()
    if (ourCount !== theirCount) throw new Error(`unleash-client lets ${theirCount} in, Alkaid ${ourCount}`)
    if (round < 0) continue
    perEntry.push((asked - began) / (answered - asked))
    perContext.push((asked - began) / (decided - answered))
  }
  return [
    summarise('unleash-client beside our constraint and rollout, one entry', 'x', perEntry),
    summarise('unleash-client asked of all 1,000 (as a proxy does) beside a decision', 'x', perContext),
  ]
}

/** Unleash knows neither several values in one field nor regions within regions. */
function comparable(context: RequestContext): RequestContext {
  return { ...context, tags: context.tags!.slice(0, 1), region: context.region!.slice(0, 2), language: 'en' }
}

function summarise(name: string, unit: Measurement['unit'], runs: number[], atMost?: number): Measurement {
  const value = runs.toSorted((a, b) => a - b)[(runs.length - 1) / 2]!
  return { name, value, unit, runs, ...(atMost === undefined ? {} : { atMost }) }
}
