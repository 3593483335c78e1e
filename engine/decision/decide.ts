// The decision: which creatives one request gets in one slot. It is synchronous, does no I/O, and depends only on its arguments.
//
// Two words matter here. A candidate is an entry that is open now and that the index does not rule out (candidate-index.ts). An
// eligible entry is a candidate that also passes the rest of its constraint, its rollout and its caps.

import { drawOf, finalise, fractionFor, keyOfFraction } from '../hash.ts'
import type { CompiledContext } from '../targeting/context.ts'
import { type CapCounters, count, isCapped } from './caps.ts'
import type { CompiledCreative, CompiledEntry, CompiledSlot } from './compile-slot.ts'
import { isIn } from './rollout.ts'
import { type CompiledTier, type DrawTable, maxPicks, pickAt, pickBase } from './tiers.ts'
import { type DecidedCreative, type Decision, emptyDecision } from './types.ts'
import { chooseByWeight, variantHash } from './variants.ts'

/** One decision while it is made. */
type DecisionRun = {
  readonly slot: CompiledSlot
  readonly context: CompiledContext
  readonly now: number
  readonly draw: number
  readonly counters: CapCounters | null
  /** The creatives so far, and the positions of the entries that show them. */
  readonly creatives: DecidedCreative[]
  readonly shownPositions: number[]
  /** Whether there was more than one entry or creative to choose from. */
  hadChoice: boolean
}

/**
 * 1. A stopped slot answers nothing. A slot whose own cap is reached answers its fallback.
 * 2. If exclusive schedules are eligible, the first of them is shown alone: by priority, then in the user's weighted order. This
 *    holds whatever the priority of the other schedules is.
 * 3. Otherwise tiers fill the slot by descending priority until its capacity is reached. Within a tier the user's weighted order
 *    decides. Each schedule shows one creative, and no creative is shown twice.
 * 4. When nothing was shown, the fallback is.
 *
 * @param now in ms since the Unix epoch.
 * @param random uniform in [0, 1); called only when the context has neither user nor device.
 * @param counters what the user was served. This decision is added to them. Null: caps are ignored, and nothing is counted.
 */
export function decide(
  slot: CompiledSlot,
  context: CompiledContext,
  now: number,
  random: () => number,
  counters: CapCounters | null = null,
): Decision {
  if (slot.stopped) return { ...emptyDecision(slot.code, 'STOPPED'), revision: slot.stamp.revision }

  const nextWindowChange = slot.openNow.refresh(now)
  const rotationPeriod = Math.floor(now / slot.rotationMs)
  const draw = drawFor(slot, context, now, random)
  const run: DecisionRun = { slot, context, now, draw, counters, creatives: [], shownPositions: [], hadChoice: false }
  const isSlotCapped = counters !== null && slot.caps !== null && isCapped(counters, slot.caps, now)
  if (!isSlotCapped && slot.entries.length > 0) fillSlot(run)

  const { creatives, shownPositions, hadChoice } = run
  const matched = creatives.length > 0
  if (matched && counters !== null) countServed(slot, shownPositions, counters, now)
  if (!matched) showFallback(slot, creatives)
  return {
    slot: slot.code,
    reason: matched ? 'MATCHED' : creatives.length > 0 ? 'FALLBACK' : 'EMPTY',
    creatives,
    revision: slot.stamp.revision,
    validUntil: Math.min(nextWindowChange, (rotationPeriod + 1) * slot.rotationMs),
    chance: context.key === null && hadChoice,
  }
}

/**
 * The decision of a node that is cut off for longer than the slot allows: only the fallback, because what else it knows may have been
 * taken down. It must not be kept, since everything else comes back with the connection.
 */
export function decideCutOff(slot: CompiledSlot, now: number): Decision {
  const { code, stopped, stamp } = slot
  if (stopped) return { ...emptyDecision(code, 'STOPPED'), revision: stamp.revision }
  const creatives: DecidedCreative[] = []
  showFallback(slot, creatives)
  const reason = creatives.length > 0 ? 'FALLBACK' : 'EMPTY'
  return { slot: code, reason, creatives, revision: stamp.revision, validUntil: now, chance: false }
}

/**
 * The random number of the user in this rotation period, from which the order in every tier follows. A request without user
 * and device gets a new one each time.
 */
export function drawFor(slot: CompiledSlot, context: CompiledContext, now: number, random: () => number): number {
  return drawOf(context.key === null ? random() * 2 ** 32 : context.keyHash, Math.floor(now / slot.rotationMs))
}

function fillSlot(run: DecisionRun): void {
  const { index, openNow, exclusive, tiers, capacity } = run.slot
  index.select(run.context, openNow.bits)
  for (const tier of exclusive) {
    fillFromTier(run, tier, 1)
    if (run.creatives.length > 0) return
  }
  for (const tier of tiers) {
    fillFromTier(run, tier, capacity)
    if (run.creatives.length >= capacity) return
  }
}

/**
 * Picks creatives from one tier until the slot is full. Order: weighted random, the same for one user within a rotation period.
 *
 * @param capacity how many creatives the slot shows in all.
 */
function fillFromTier(run: DecisionRun, tier: CompiledTier, capacity: number): void {
  if (tier.drawTable) fillByPicks(run, tier.drawTable, capacity)
  while (run.creatives.length < capacity && fillByKeys(run, tier, capacity));
  if (run.context.key === null && !run.hadChoice) run.hadChoice = hasTwoEligible(run, tier)
}

/** For a large tier: takes the entries that the user's picks hit. */
function fillByPicks(run: DecisionRun, drawTable: DrawTable, capacity: number): void {
  const { index } = run.slot
  const base = pickBase(run.draw, drawTable)
  const last = maxPicks(run.slot.capacity)
  for (let turn = 1; turn <= last; turn += 1) {
    const position = pickAt(drawTable, base, turn)
    if (position < 0 || !index.isCandidate(position) || run.shownPositions.includes(position)) continue
    if (!isEligible(run, position)) continue
    show(run, position)
    if (run.creatives.length >= capacity) return
  }
}

/**
 * Takes the remaining entries with the lowest keys. A creative that two of them share is shown once, so that a place can stay
 * free. Then the caller asks again.
 *
 * @returns whether there may be more entries.
 */
function fillByKeys(run: DecisionRun, tier: CompiledTier, capacity: number): boolean {
  const { slot, draw, creatives } = run
  const { index, lowestKeys, seeds, weights } = slot
  const room = capacity - creatives.length
  lowestKeys.clear(room)
  for (let word = tier.from >> 5; word << 5 < tier.to; word += 1) {
    let bits = index.candidatesIn(word, maskOf(tier, word))
    while (bits !== 0) {
      const position = (word << 5) + 31 - Math.clz32(bits & -bits)
      bits &= bits - 1
      const weight = weights[position]!
      const fraction = fractionFor(draw, seeds[2 * position]!, seeds[2 * position + 1]!)
      // A lower bound of the key, without a logarithm: most candidates of a full list end here.
      if (!lowestKeys.hasRoomFor((1 - fraction) / weight) || !canShow(run, position)) continue
      lowestKeys.offer(position, keyOfFraction(fraction, weight))
    }
  }
  for (let place = 0; place < lowestKeys.size && creatives.length < capacity; place += 1) {
    show(run, lowestKeys.positionAt(place))
  }
  return lowestKeys.size === room
}

/** Whether a candidate is eligible, not shown yet, and has a creative that is not shown yet. */
function canShow(run: DecisionRun, position: number): boolean {
  if (run.creatives.length === 0) return isEligible(run, position)
  if (run.shownPositions.includes(position)) return false
  return hasMoreToShow(run, run.slot.entries[position]!) && isEligible(run, position)
}

function hasMoreToShow(run: DecisionRun, { creatives }: CompiledEntry): boolean {
  for (const { answer } of creatives) if (!isShown(run, answer.id)) return true
  return false
}

/** @param position of a candidate. */
function isEligible({ slot, context, now, counters }: DecisionRun, position: number): boolean {
  const { rest, rollout, caps } = slot.entries[position]!
  return (
    (rest === null || rest(context)) &&
    (rollout === null || isIn(rollout, context)) &&
    (caps === null || counters === null || !isCapped(counters, caps, now))
  )
}

function hasTwoEligible(run: DecisionRun, tier: CompiledTier): boolean {
  let eligible = 0
  for (let word = tier.from >> 5; word << 5 < tier.to; word += 1) {
    let bits = run.slot.index.candidatesIn(word, maskOf(tier, word))
    while (bits !== 0) {
      const position = (word << 5) + 31 - Math.clz32(bits & -bits)
      bits &= bits - 1
      if (isEligible(run, position)) eligible += 1
      if (eligible > 1) return true
    }
  }
  return false
}

/** The bits of a word that belong to a tier. Example: a tier of the positions 30 to 33 has bits 30 and 31 of word 0, and 0 and 1 of word 1. */
function maskOf({ from, to }: CompiledTier, word: number): number {
  const begin = Math.max(from - (word << 5), 0)
  const end = Math.min(to - (word << 5), 32)
  return (-1 << begin) & (-1 >>> (32 - end))
}

/** Shows one creative of the entry that is not shown yet, if there is one. */
function show(run: DecisionRun, position: number): void {
  const entry = run.slot.entries[position]!
  const creative = chooseCreative(run, entry, position)
  if (!creative) return
  run.creatives.push(creative.answer)
  run.shownPositions.push(position)
  run.hadChoice ||= entry.creatives.length > 1
}

function chooseCreative(run: DecisionRun, entry: CompiledEntry, position: number): CompiledCreative | undefined {
  const { creatives, variants } = entry
  if (variants === null) {
    const only = creatives[0]
    return only && !isShown(run, only.answer.id) ? only : undefined
  }
  const { context, draw, slot } = run
  // The same key as for the rollout: someone who stays in the rollout keeps the same creative.
  const key = context.stickyKey(variants.stickiness) ?? context.stickyKey(null)
  // Without a key the draw is random, and so is the hash.
  const hash = key ? variantHash(variants.prefix, key) : finalise(draw ^ slot.seeds[2 * position]!)
  return chooseByWeight(creatives, hash, ({ answer }) => isShown(run, answer.id))
}

function isShown({ creatives }: DecisionRun, id: string): boolean {
  for (const creative of creatives) if (creative.id === id) return true
  return false
}

function countServed(slot: CompiledSlot, positions: readonly number[], counters: CapCounters, now: number): void {
  if (slot.caps !== null) count(counters, slot.caps, now)
  for (const position of positions) {
    const { caps } = slot.entries[position]!
    if (caps !== null) count(counters, caps, now)
  }
}

function showFallback({ fallback, capacity }: CompiledSlot, creatives: DecidedCreative[]): void {
  for (let at = 0; at < fallback.length && at < capacity; at += 1) creatives.push(fallback[at]!)
}
