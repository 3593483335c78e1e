// A simple, slow decision, as an oracle for engine/decision: filter, sort, take. It shares only what defines the order: the hashes, and the
// cells that drawTable picks.

import { type CapCounters, compileCaps, count, isCapped } from '../../engine/decision/caps.ts'
import { compileDrawTable, LARGEST_SMALL_TIER, maxPicks, pickAt, pickBase } from '../../engine/decision/tiers.ts'
import type { DecisionReason } from '../../engine/decision/types.ts'
import { compileWindows } from '../../engine/decision/windows.ts'
import { drawOf, finalise, murmur3, orderKey, seedOf } from '../../engine/hash.ts'
import type {
  Publication,
  PublishedCreative,
  PublishedEntry,
  PublishedRollout,
} from '../../engine/publication/types.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { holds, valuesOf } from './plain-constraint.ts'

export type PlainDecision = {
  reason: DecisionReason
  /** `<schedule or fallback>:<creative>` in order. */
  shown: string[]
  validUntil: number
  chance: boolean
}

/**
 * @param random in [0, 1): the random number for a request without user and device.
 * @param counters the decision is added to them; null: no caps.
 */
export function decidePlainly(
  publication: Publication,
  context: RequestContext,
  now: number,
  random: number,
  counters: CapCounters | null = null,
): PlainDecision {
  const { slot, entries, fallback } = publication
  if (publication.stopped) return { reason: 'STOPPED', shown: [], validUntil: Infinity, chance: false }

  const rotationMs = slot.rotationSeconds * 1000
  const period = Math.floor(now / rotationMs)
  const boundaries = entries.map((entry) => compileWindows(entry).nextChange(now))
  const validUntil = Math.min((period + 1) * rotationMs, ...boundaries)
  const key = context.userId || context.deviceId
  const draw = drawOf(key ? murmur3(key) : random * 2 ** 32, period)

  const isOut = (id: string, caps: PublishedEntry['caps']) => {
    const compiled = compileCaps(id, caps)
    return counters !== null && compiled !== null && isCapped(counters, compiled, now)
  }
  const candidates = entries.filter(
    (entry) =>
      compileWindows(entry).isOpen(now) &&
      (entry.constraint === null || holds(entry.constraint, context)) &&
      (entry.rollout === null || letsIn(entry.rollout, context)) &&
      !isOut(entry.schedule.id, entry.caps) &&
      !isOut(slot.id, slot.caps),
  )
  const exclusive = candidates.filter((entry) => entry.exclusive)
  const playing = exclusive.length > 0 ? exclusive : candidates
  const places = exclusive.length > 0 ? 1 : slot.capacity

  const shown: { schedule: string; creative: string }[] = []
  let choices = 0
  for (const priority of [...new Set(playing.map((entry) => entry.priority))].sort((a, b) => b - a)) {
    if (shown.length >= places) break
    const isInTier = (entry: PublishedEntry) => entry.priority === priority && entry.exclusive === exclusive.length > 0
    const tier = orderOf(publication, entries.filter(isInTier), draw).filter((entry) => playing.includes(entry))
    if (tier.length > 1) choices += 1
    for (const entry of tier) {
      if (shown.length >= places) break
      const left = entry.creatives.filter(({ id }) => !shown.some((other) => other.creative === id))
      if (left.length === 0) continue
      if (entry.creatives.length > 1) choices += 1
      // The value that the rollout hashes. Without it, the user or the device.
      const sticky = stickyKey(entry.rollout?.stickiness ?? null, context) || key
      const creative = choose(
        left,
        sticky ? variantOf(entry, sticky) : chanceOf(`${slot.id}/${entry.schedule.id}`, draw),
      )
      shown.push({ schedule: entry.schedule.id, creative: creative.id })
    }
  }
  if (counters && shown.length > 0) {
    const served = entries.filter((entry) => shown.some(({ schedule }) => schedule === entry.schedule.id))
    for (const { id, caps } of [slot, ...served.map((entry) => ({ id: entry.schedule.id, caps: entry.caps }))]) {
      count(counters, compileCaps(id, caps) ?? [], now)
    }
  }
  const chance = !key && choices > 0
  if (shown.length > 0) {
    return { reason: 'MATCHED', shown: shown.map((one) => `${one.schedule}:${one.creative}`), validUntil, chance }
  }
  const house = [...new Set(fallback.map(({ id }) => id))].slice(0, slot.capacity)
  const reason = house.length > 0 ? 'FALLBACK' : 'EMPTY'
  return { reason, shown: house.map((id) => `fallback:${id}`), validUntil, chance }
}

/** All entries of a tier, also those that do not match, in the order in which a draw hits them. */
function orderOf({ slot }: Publication, tier: readonly PublishedEntry[], draw: number): PublishedEntry[] {
  const seed = (entry: PublishedEntry) => seedOf(`${slot.id}/${entry.schedule.id}`)
  const byKey = tier.toSorted((a, b) => orderKey(draw, seed(a), a.weight) - orderKey(draw, seed(b), b.weight))
  if (tier.length <= LARGEST_SMALL_TIER) return byKey
  const byId = tier.toSorted((a, b) => (a.schedule.id < b.schedule.id ? -1 : 1))
  const [{ priority, exclusive }] = tier as [PublishedEntry]
  const drawTable = compileDrawTable(
    byId.map((entry, position) => ({ position, first: seed(entry).first, weight: entry.weight })),
    seedOf(`${slot.id}/${exclusive ? 'exclusive ' : ''}tier ${priority}`),
  )
  const hits = Array.from({ length: maxPicks(slot.capacity) }, (_, turn) =>
    pickAt(drawTable, pickBase(draw, drawTable), turn + 1),
  )
  const hit = hits.filter((position) => position >= 0).map((position) => byId[position]!)
  return [...new Set([...hit, ...byKey])]
}

/** Chooses by weight. The weights divide a line, and the hash is a point on it. */
function choose<T extends PublishedCreative & { weight: number }>(left: readonly T[], hash: number): T {
  const total = left.reduce((sum, { weight }) => sum + weight, 0)
  const place = hash % total
  return left.find((_, at) => place < left.slice(0, at + 1).reduce((sum, { weight }) => sum + weight, 0))!
}

/** The formula of Unleash. */
function variantOf({ schedule }: PublishedEntry, key: string): number {
  return murmur3(`${schedule.id}:${key}`, 86_028_157)
}

function chanceOf(name: string, draw: number): number {
  return finalise(draw ^ seedOf(name).first)
}

/** The first `buckets` of 10,000 buckets are in. */
export function letsIn({ buckets, stickiness, group }: PublishedRollout, context: RequestContext): boolean {
  const key = stickyKey(stickiness, context)
  if (buckets === 10_000) return true
  if (!key) return false
  const hash = murmur3(`${group}:${key}`)
  return (hash % 100) * 100 + (Math.floor(hash / 100) % 100) < buckets
}

function stickyKey(stickiness: string | null, context: RequestContext): string | null | undefined {
  if (stickiness === null) return context.userId || context.deviceId
  if (stickiness === 'userId' || stickiness === 'deviceId') return context[stickiness]
  return valuesOf(stickiness, context)[0]
}
