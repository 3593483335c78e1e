// The decision: which creatives one request gets in one slot. Synchronous, without I/O, and a function of
// nothing but its arguments.

import { drawOf } from '../hash.ts'
import type { CompiledContext } from '../targeting/context.ts'
import { type CapCounters, count, isCapped } from './caps.ts'
import type { CompiledSlot } from './compile.ts'
import { type Asking, fillFrom, withIndex } from './tiers.ts'
import { type DecidedCreative, type Decision, emptyDecision } from './types.ts'

/**
 * Windows, constraints, rollouts and caps say which schedules match. If exclusive ones do, the first of them (by tier, then
 * in the user's weighted order) is shown alone, whatever the priority of those that are not exclusive. Otherwise tiers by
 * descending priority until capacity is filled, weighted order within a tier, one creative per schedule, none
 * twice; the fallback when nothing matched.
 *
 * @param now in ms since the Unix epoch.
 * @param random uniform in [0, 1); asked only when the context has neither user nor device.
 * @param counters what the user was served, to which this decision is added; null: nothing is capped or counted.
 */
export function decide(
  slot: CompiledSlot,
  context: CompiledContext,
  now: number,
  random: () => number,
  counters: CapCounters | null = null,
): Decision {
  if (slot.stopped) return { ...emptyDecision(slot.code, 'STOPPED'), revision: slot.stamp.revision }

  const boundary = slot.openNow.refresh(now)
  const period = Math.floor(now / slot.rotationMs)
  const draw = drawFor(slot, context, now, random)
  const asking: Asking = { slot, context, now, draw, counters, creatives: [], taken: [], hadChoice: false }
  const isClosed = counters !== null && slot.caps !== null && isCapped(counters, slot.caps, now)
  if (!isClosed && slot.entries.length > 0) withIndex(asking, fill)

  const { creatives, taken, hadChoice } = asking
  const matched = creatives.length > 0
  if (matched && counters !== null) countServed(slot, taken, counters, now)
  if (!matched) showFallback(slot, creatives)
  return {
    slot: slot.code,
    reason: matched ? 'MATCHED' : creatives.length > 0 ? 'FALLBACK' : 'EMPTY',
    creatives,
    revision: slot.stamp.revision,
    validUntil: Math.min(boundary, (period + 1) * slot.rotationMs),
    chance: context.key === null && hadChoice,
  }
}

/** What decides about the order in each tier: of the user, and without one of chance. */
export function drawFor(slot: CompiledSlot, context: CompiledContext, now: number, random: () => number): number {
  return drawOf(context.key === null ? random() * 2 ** 32 : context.keyHash, Math.floor(now / slot.rotationMs))
}

function fill(asking: Asking): void {
  const { exclusive, tiers, capacity } = asking.slot
  for (const tier of exclusive) {
    fillFrom(asking, tier, 1)
    if (asking.creatives.length > 0) return
  }
  for (const tier of tiers) {
    fillFrom(asking, tier, capacity)
    if (asking.creatives.length >= capacity) return
  }
}

function countServed(slot: CompiledSlot, taken: readonly number[], counters: CapCounters, now: number): void {
  if (slot.caps !== null) count(counters, slot.caps, now)
  for (const position of taken) {
    const { caps } = slot.entries[position]!
    if (caps !== null) count(counters, caps, now)
  }
}

function showFallback({ fallback, capacity }: CompiledSlot, creatives: DecidedCreative[]): void {
  for (let at = 0; at < fallback.length && at < capacity; at += 1) creatives.push(fallback[at]!)
}
