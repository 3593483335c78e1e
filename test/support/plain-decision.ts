// The decision, said as plainly as possible: filter, sort, take. Slow, obvious, and what compile and select are
// held against. It shares with them only the hash, since the order is defined by it.

import { drawOf, murmur3, orderKey, seedOf } from '../../common/decision/hash.ts'
import type { DecisionReason } from '../../common/decision/types.ts'
import type { Publication, PublishedEntry, PublishedRollout } from '../../common/publication/types.ts'
import type { RequestContext } from '../../common/targeting/types.ts'
import { holds, valuesOf } from './plain-constraint.ts'

export type PlainDecision = {
  reason: DecisionReason
  /** `<schedule or fallback>:<creative>` in order. */
  shown: string[]
  validUntil: number
  chance: boolean
}

/** @param random in [0, 1): what chance says to a request without user and device. */
export function decidePlainly(
  publication: Publication,
  context: RequestContext,
  now: number,
  random: number,
): PlainDecision {
  const { slot, entries, fallback } = publication
  if (publication.stopped) return { reason: 'STOPPED', shown: [], validUntil: Infinity, chance: false }

  const rotationMs = slot.rotationSeconds * 1000
  const period = Math.floor(now / rotationMs)
  const instants = entries.flatMap((entry) => [entry.startsAt ?? Infinity, entry.endsAt ?? Infinity])
  const validUntil = Math.min((period + 1) * rotationMs, ...instants.filter((instant) => instant > now))

  const key = context.userId || context.deviceId
  const draw = drawOf(key ? murmur3(key) : random * 2 ** 32, period)
  const orderOf = (name: string, weight: number) => orderKey(draw, seedOf(name), weight)

  const candidates = entries.filter(
    (entry) =>
      (entry.startsAt === null || entry.startsAt <= now) &&
      (entry.endsAt === null || now < entry.endsAt) &&
      (entry.constraint === null || holds(entry.constraint, context)) &&
      (entry.rollout === null || letsIn(entry.rollout, context)),
  )
  const shown: { schedule: string; creative: string }[] = []
  let choices = 0
  for (const priority of [...new Set(candidates.map((entry) => entry.priority))].sort((a, b) => b - a)) {
    if (shown.length >= slot.capacity) break
    const nameOf = (entry: PublishedEntry) => `${slot.id}/${entry.schedule.id}`
    const tier = candidates
      .filter((entry) => entry.priority === priority)
      .sort((a, b) => orderOf(nameOf(a), a.weight) - orderOf(nameOf(b), b.weight))
    if (tier.length > 1) choices += 1
    for (const entry of tier) {
      if (shown.length >= slot.capacity) break
      if (entry.creatives.length > 1) choices += 1
      const creativeOrder = (id: string, weight: number) => orderOf(`${nameOf(entry)}/${id}`, weight)
      const [creative] = entry.creatives
        .filter(({ id }) => !shown.some((other) => other.creative === id))
        .sort((a, b) => creativeOrder(a.id, a.weight) - creativeOrder(b.id, b.weight))
      if (creative) shown.push({ schedule: entry.schedule.id, creative: creative.id })
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

/** Of 10,000 buckets, the first `buckets` are in. */
export function letsIn({ buckets, stickiness, group }: PublishedRollout, context: RequestContext): boolean {
  const { userId, deviceId } = context
  const key =
    stickiness === null
      ? userId || deviceId
      : stickiness === 'userId' || stickiness === 'deviceId'
        ? context[stickiness]
        : valuesOf(stickiness, context)[0]
  if (buckets === 10_000) return true
  if (!key) return false
  const hash = murmur3(`${group}:${key}`)
  return (hash % 100) * 100 + (Math.floor(hash / 100) % 100) < buckets
}
