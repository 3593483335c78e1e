// Every order of the steps of two operations, up to those that cannot differ: dynamic partial-order reduction (Flanagan
// and Godefroid, POPL 2005) with sleep sets (Godefroid, 1996).
//
// Two neighbouring steps of different sides that do not depend on each other (`depend`) may change places without anybody
// noticing, so of all orders that come about from one another like that, one is run. After each run, for each step the
// last step of the other side before it is found on which it depends and which could have waited for it, and the order in
// which that one does wait is run too. A side whose turn was run already sleeps until something happens on which its next
// step depends. Every order that is left out equals one that is run.
//
// A transaction that loses goes on only once the one it lost to has ended. Nothing is missed by that either: an attempt
// that is undone leaves nothing behind, so whatever its repetition could do earlier, a first attempt does in another order.

import type { Run, Stage, Trial, Waiting } from './orders-run.ts'
import { depend, type Made, type MadeBy, SIDES, type Side, shapeOf } from './orders-steps.ts'

export type CheckedTrial = Trial & {
  /** Throws when what must hold afterwards does not. `made`: the steps of both sides, in their order. */
  check(results: Run['results'], made: Run['made']): Promise<void>
}

export type Explored = {
  orders: number
  /** In how many of them a transaction lost to another, and was run again. */
  collisions: number
  /** In how many of them the first operation came to a good end. */
  succeeded: number
  /** What tells orders apart that can differ: one for each, where all others are left out. */
  shapes: Set<string>
}

type Choice = {
  able: readonly Side[]
  /** Sides whose turn it need not be: that was run, and nothing came in between that makes a difference. */
  asleep: Map<Side, Made>
  /** Sides whose turn it still has to be. */
  todo: Set<Side>
  side: Side
}

/** Enough for any two operations here; more says that something has gone wrong. */
const MOST_RUNS = 5_000

/**
 * Runs every order, each on a trial of its own; throws with the trace of the first one that goes wrong.
 *
 * @param reduce false: leaves none out. That takes ten times as many and more.
 */
export async function everyOrder(stage: Stage, prepare: () => Promise<CheckedTrial>, reduce = true): Promise<Explored> {
  const explored: Explored = { orders: 0, collisions: 0, succeeded: 0, shapes: new Set() }
  const next = reduce ? reduced : everything
  const path: Choice[] = []
  for (let runs = 0; runs < MOST_RUNS; runs++) {
    const trial = await prepare()
    const { run, redundant } = await follow(stage, trial, path, next)
    await checked(trial, run, path)
    if (!redundant) count(explored, run)
    if (reduce) findRaces(run.made, path)
    if (!turnBack(path, run.made)) return explored
  }
  throw new Error(`More than ${MOST_RUNS} orders`)
}

/** Makes the choices of the path, and adds one for every step after it. Redundant: everybody who could go on sleeps. */
async function follow(
  stage: Stage,
  trial: Trial,
  path: Choice[],
  next: typeof reduced,
): Promise<{ run: Run; redundant: boolean }> {
  let at = 0
  let redundant = false
  const run = await stage.run(trial, (waiting, made) => {
    if (at === path.length) {
      const choice = next(waiting, made, path.at(-1))
      if (!choice) {
        redundant = true
        return null
      }
      path.push(choice)
    }
    const { side } = path[at]!
    at += 1
    if (!waiting[side]) throw new Error(`The same choices did not lead to the same: ${orderOf(path)}`)
    return side
  })
  return { run, redundant }
}

/** Rather the side that was on: fewer switches read better. Undefined where everybody who could go on sleeps. */
function reduced(waiting: Waiting, made: readonly MadeBy[], before: Choice | undefined): Choice | undefined {
  const asleep = new Map<Side, Made>()
  const last = made.at(-1)
  for (const [side, step] of before?.asleep ?? []) if (last && !depend(step, last)) asleep.set(side, step)
  const able = ableIn(waiting)
  const awake = able.filter((side) => !asleep.has(side))
  const side = awake.find((one) => one === before?.side) ?? awake[0]
  return side && { able, asleep, todo: new Set(), side }
}

function everything(waiting: Waiting): Choice {
  const able = ableIn(waiting)
  return { able, asleep: new Map(), todo: new Set(able), side: able[0]! }
}

function ableIn(waiting: Waiting): Side[] {
  return SIDES.filter((side) => waiting[side])
}

/** Marks where the other side has to come first in another run. */
function findRaces(made: readonly MadeBy[], path: readonly Choice[]): void {
  const before = made.slice(0, path.length)
  const follows = before.map(() => new Set<number>())
  for (const [at, step] of before.entries()) {
    const own = before.findLastIndex((one, index) => index < at && one.side === step.side)
    const known = new Set(own < 0 ? [] : [...follows[own]!, own])
    let race = -1
    for (let index = at - 1; index >= 0; index--) {
      const earlier = before[index]!
      if (earlier.side === step.side || !depend(earlier, step)) continue
      if (race < 0 && !known.has(index) && path[index]!.able.includes(step.side)) race = index
      follows[at]!.add(index)
      for (const one of follows[index]!) follows[at]!.add(one)
    }
    for (const one of known) follows[at]!.add(one)
    if (race >= 0) path[race]!.todo.add(step.side)
  }
}

/** Turns to the last choice that is still to be made otherwise; false when there is none. */
function turnBack(path: Choice[], made: readonly MadeBy[]): boolean {
  for (let choice = path.at(-1); choice; choice = path.at(-1)) {
    choice.asleep.set(choice.side, made[path.length - 1]!)
    const side = [...choice.todo].find((one) => !choice.asleep.has(one))
    if (side) {
      choice.side = side
      return true
    }
    path.pop()
  }
  return false
}

async function checked(trial: CheckedTrial, run: Run, path: readonly Choice[]): Promise<void> {
  try {
    await trial.check(run.results, run.made)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`${message}\nin the order ${orderOf(path)}:\n${run.trace}`, { cause: error })
  }
}

/** `1` for each step of the first side, `2` for each of the second. */
function orderOf(path: readonly Choice[]): string {
  return path.map(({ side }) => (side === 'first' ? '1' : '2')).join('')
}

function count(explored: Explored, { made, results }: Run): void {
  explored.orders += 1
  if (made.some(({ answer }) => answer === 'WriteConflict')) explored.collisions += 1
  if (results.first.status === 'fulfilled') explored.succeeded += 1
  explored.shapes.add(shapeOf(made))
}
