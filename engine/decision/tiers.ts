// Fills places from one tier: the candidates (open, matching, let in by their rollout and not capped) in the user's weighted
// order, as far as there are places. That order is, of a small tier, that of the entries' keys. Of a large one it is first
// that in which the user's landings hit the entries, for a fixed number of landings, and then that of the keys of those that
// were not hit, which the landings tell nothing about: together it is a weighted random order as well, and mostly a few landings
// fill all places. Which entries match has no part in the order.

import { finalise, fractionFor, keyOfFraction } from '../hash.ts'
import type { CompiledContext } from '../targeting/context.ts'
import { type CapCounters, isCapped } from './caps.ts'
import type { CompiledCreative, CompiledEntry, CompiledSlot, CompiledTier } from './compile.ts'
import { type Landings, land, landingBase } from './landings.ts'
import { isIn } from './rollout.ts'
import { Survivors } from './survivors.ts'
import type { DecidedCreative } from './types.ts'
import { chooseByWeight, variantHash } from './variants.ts'
import { WeightedOrder } from './weighted-order.ts'

/** One decision under way. */
export type Asking = {
  readonly slot: CompiledSlot
  readonly context: CompiledContext
  readonly now: number
  readonly draw: number
  readonly counters: CapCounters | null
  /** What is shown so far, and the positions of the entries that show it. */
  readonly creatives: DecidedCreative[]
  readonly taken: number[]
  /** Whether there was more than one to choose from. */
  hadChoice: boolean
}

/** Shared by all decisions: none of them gives way to another before it is done. */
const survivors = new Survivors()
const order = new WeightedOrder()

/** Landings of a request in a large tier, for each place of the slot and in all. */
const LANDINGS_PER_PLACE = 32
const MOST_LANDINGS = 256

export function landingsFor(capacity: number): number {
  return Math.min(LANDINGS_PER_PLACE * capacity, MOST_LANDINGS)
}

/** What `fillFrom` is called within. */
export function withIndex(asking: Asking, run: (asking: Asking) => void): void {
  const { slot, context } = asking
  survivors.begin(slot.index, slot.openNow.bits, context)
  try {
    run(asking)
  } finally {
    survivors.end()
  }
}

/** @param capacity how many creatives there are to be in all. */
export function fillFrom(asking: Asking, tier: CompiledTier, capacity: number): void {
  if (tier.landings) fillByLandings(asking, tier.landings, capacity)
  while (asking.creatives.length < capacity && fillByKeys(asking, tier, capacity));
  if (asking.context.key === null && !asking.hadChoice) asking.hadChoice = hasTwoCandidates(asking, tier)
}

/** The positions of a whole tier in the order of a draw, which is that in which `fillFrom` comes to those that match. */
export function tierOrder(slot: CompiledSlot, { from, to, landings }: CompiledTier, draw: number): number[] {
  const keyAt = (position: number) => {
    const fraction = fractionFor(draw, slot.seeds[2 * position]!, slot.seeds[2 * position + 1]!)
    return keyOfFraction(fraction, slot.weights[position]!)
  }
  const positions = Array.from({ length: to - from }, (_, index) => from + index)
  const byKey = positions.map((position) => ({ position, key: keyAt(position) })).sort((a, b) => a.key - b.key)
  const order = new Set<number>()
  if (landings) {
    const base = landingBase(draw, landings)
    for (let turn = 1; turn <= landingsFor(slot.capacity); turn += 1) order.add(land(landings, base, turn))
    order.delete(-1)
  }
  for (const { position } of byKey) order.add(position)
  return [...order]
}

function fillByLandings(asking: Asking, landings: Landings, capacity: number): void {
  const base = landingBase(asking.draw, landings)
  const last = landingsFor(asking.slot.capacity)
  for (let turn = 1; turn <= last; turn += 1) {
    const position = land(landings, base, turn)
    if (position < 0 || !survivors.has(position) || asking.taken.includes(position)) continue
    if (!isCandidate(asking, position)) continue
    take(asking, position)
    if (asking.creatives.length >= capacity) return
  }
}

/** Fills places with the best candidates that are left. Returns whether there may be more. */
function fillByKeys(asking: Asking, tier: CompiledTier, capacity: number): boolean {
  const { slot, draw, creatives } = asking
  const { seeds, weights } = slot
  const room = capacity - creatives.length
  order.begin(room)
  for (let word = tier.from >> 5; word << 5 < tier.to; word += 1) {
    let bits = survivors.inWord(word, maskOf(tier, word))
    while (bits !== 0) {
      const position = (word << 5) + 31 - Math.clz32(bits & -bits)
      bits &= bits - 1
      const weight = weights[position]!
      const fraction = fractionFor(draw, seeds[2 * position]!, seeds[2 * position + 1]!)
      if (!order.hasRoomFor((1 - fraction) / weight) || !canTake(asking, position)) continue
      order.offer(position, keyOfFraction(fraction, weight))
    }
  }
  for (let place = 0; place < order.size && creatives.length < capacity; place += 1) {
    take(asking, order.positionAt(place))
  }
  return order.size === room
}

/** Whether it is a candidate that has not been taken and still has something to show. */
function canTake(asking: Asking, position: number): boolean {
  if (asking.creatives.length === 0) return isCandidate(asking, position)
  if (asking.taken.includes(position)) return false
  return hasMoreToShow(asking, asking.slot.entries[position]!) && isCandidate(asking, position)
}

function hasMoreToShow(asking: Asking, { creatives }: CompiledEntry): boolean {
  for (const { answer } of creatives) if (!isShown(asking, answer.id)) return true
  return false
}

/** Of one whose window is open and that the index lets through. */
function isCandidate({ slot, context, now, counters }: Asking, position: number): boolean {
  const { rest, rollout, caps } = slot.entries[position]!
  return (
    (rest === null || rest(context)) &&
    (rollout === null || isIn(rollout, context)) &&
    (caps === null || counters === null || !isCapped(counters, caps, now))
  )
}

function hasTwoCandidates(asking: Asking, tier: CompiledTier): boolean {
  let candidates = 0
  for (let word = tier.from >> 5; word << 5 < tier.to; word += 1) {
    let bits = survivors.inWord(word, maskOf(tier, word))
    while (bits !== 0) {
      const position = (word << 5) + 31 - Math.clz32(bits & -bits)
      bits &= bits - 1
      if (isCandidate(asking, position)) candidates += 1
      if (candidates > 1) return true
    }
  }
  return false
}

/** The bits of a word that belong to a tier. */
function maskOf({ from, to }: CompiledTier, word: number): number {
  const begin = Math.max(from - (word << 5), 0)
  const end = Math.min(to - (word << 5), 32)
  return (-1 << begin) & (-1 >>> (32 - end))
}

/** Shows one of its creatives that is not shown yet, if there is one. */
function take(asking: Asking, position: number): void {
  const entry = asking.slot.entries[position]!
  const creative = chooseCreative(asking, entry, position)
  if (!creative) return
  asking.creatives.push(creative.answer)
  asking.taken.push(position)
  asking.hadChoice ||= entry.creatives.length > 1
}

function chooseCreative(asking: Asking, entry: CompiledEntry, position: number): CompiledCreative | undefined {
  const { creatives, variants } = entry
  if (variants === null) {
    const only = creatives[0]
    return only && !isShown(asking, only.answer.id) ? only : undefined
  }
  const { context, draw, slot } = asking
  // What the rollout sticks to: a change of user must not change the creative where it does not change who is let in.
  const key = context.stickyKey(variants.stickiness) ?? context.stickyKey(null)
  // Without any key the draw is chance, and so is what it gives to this entry.
  const hash = key ? variantHash(variants.prefix, key) : finalise(draw ^ slot.seeds[2 * position]!)
  return chooseByWeight(creatives, hash, ({ answer }) => isShown(asking, answer.id))
}

function isShown({ creatives }: Asking, id: string): boolean {
  for (const creative of creatives) if (creative.id === id) return true
  return false
}
