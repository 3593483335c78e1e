// The seed of the fault suite. Each run prints its own; FAULT_SEED repeats one. Signals and timers of real processes are not
// repeated with it: it fixes what is killed, in which order, and which commands are sent.

import { seeded } from '../../support/seeded.ts'

const given = process.env.FAULT_SEED

/** How long an outage under load lasts, in seconds. */
export const OUTAGE_SECONDS = Number(process.env.FAULT_SECONDS ?? 12)

/** The random numbers of one test, and the seed as `test:fault` takes it. Prints the seed. */
export function seededRandom(test: string): { seed: number; random: () => number } {
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
  process.stderr.write(`${test}: FAULT_SEED=${seed}\n`)
  return { seed, random: seeded(seed) }
}

export function pick<T>(random: () => number, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!
}
