// Compiles a publication, once when it is loaded, into what a decision reads: entries by position, tiers in order, the
// index, hash seeds, and every creative as it will stand in answers, event token included.

import { seedOf } from '../hash.ts'
import { mintEventToken } from '../publication/event-token.ts'
import type { SigningKeys } from '../publication/sign.ts'
import type { Pin, Publication, PublishedCreative, PublishedEntry, Stamp } from '../publication/types.ts'
import { compileConstraint, type Matcher } from '../targeting/compile.ts'
import type { InlinedConstraint } from '../targeting/types.ts'
import { type CompiledCaps, compileCaps } from './caps.ts'
import { compileLandings, type Landings } from './landings.ts'
import { OpenNow } from './open-now.ts'
import { type CompiledRollout, rolloutCompiler } from './rollout.ts'
import { compileIndex, type SlotIndex } from './slot-index.ts'
import type { DecidedCreative } from './types.ts'
import { variantPrefix } from './variants.ts'
import { type CompiledWindows, compileWindows } from './windows.ts'

/** Of an entry as published, what explanations are about. The rest of it is not kept in memory twice. */
export type EntrySource = Pick<
  PublishedEntry,
  'schedule' | 'startsAt' | 'endsAt' | 'priority' | 'exclusive' | 'constraint'
>

export type CompiledCreative = { answer: DecidedCreative; weight: number }

export type CompiledEntry = {
  source: EntrySource
  windows: CompiledWindows
  /** What the index does not know of its constraint; null: nothing. */
  rest: Matcher | null
  /** null lets everybody in. */
  rollout: CompiledRollout | null
  /** null: no caps. */
  caps: CompiledCaps | null
  creatives: readonly CompiledCreative[]
  /** What the choice of a creative is hashed with, and what it sticks to; null where there is none to make. */
  variants: { prefix: Uint8Array; stickiness: string | null } | null
}

/** Entries of one priority, from one position up to another, by the schedule's id. */
export type CompiledTier = {
  from: number
  to: number
  /** Of a large tier only. */
  landings: Landings | null
}

export type CompiledSlot = {
  app: string
  id: string
  code: string
  stamp: Stamp
  stopped: boolean
  capacity: number
  /** Length of a rotation period in ms. */
  rotationMs: number
  /** By position: tier by tier, the exclusive ones first. */
  entries: readonly CompiledEntry[]
  /** Tiers of exclusive schedules, the highest first; and those of all others. */
  exclusive: readonly CompiledTier[]
  tiers: readonly CompiledTier[]
  index: SlotIndex
  openNow: OpenNow
  /** By position: the two seeds of each entry, one after the other; and its weight. */
  seeds: Int32Array
  weights: Float64Array
  /** In order, no creative twice. */
  fallback: readonly DecidedCreative[]
  /** Of the slot itself; null: none. */
  caps: CompiledCaps | null
  /** Whether the slot, or anything in it, is capped. */
  hasCaps: boolean
}

/** In a tier of at most so many, the candidates are ordered one by one. */
export const LARGEST_SMALL_TIER = 64

/** @throws Error on a constraint, rollout, zone or recurrence that this version does not know. */
export function compileSlot(publication: Publication, keys: SigningKeys): CompiledSlot {
  const { app, epoch, revision, stopped, slot } = publication
  const sources = publication.entries.toSorted(byPosition)
  const { index, rest } = compileIndex(sources.map(({ constraint }) => constraint))
  const answer = answerWith(keys, app, slot.id)
  const tools = { answer, rollout: rolloutCompiler(), windows: compileWindows, rest: sharingCompiler() }
  const entries = sources.map((source, position) => compileEntry(source, rest[position]!, tools))
  const seeds = new Int32Array(2 * sources.length)
  for (const [position, { schedule }] of sources.entries()) {
    // The slot is part of the seed, so that one user's order in one slot tells nothing of another slot.
    const { first, second } = seedOf(`${slot.id}/${schedule.id}`)
    seeds.set([first, second], 2 * position)
  }
  const weights = Float64Array.from(sources, ({ weight }) => weight)
  const caps = compileCaps(slot.id, slot.caps)
  const tiersWhere = (exclusive: boolean) => compileTiers(slot.id, sources, exclusive, seeds)
  return {
    app,
    id: slot.id,
    code: slot.code,
    stamp: { epoch, revision },
    stopped,
    capacity: slot.capacity,
    rotationMs: slot.rotationSeconds * 1000,
    entries,
    exclusive: tiersWhere(true),
    tiers: tiersWhere(false),
    index,
    openNow: new OpenNow(entries.map(({ windows }) => windows)),
    seeds,
    weights,
    fallback: withoutRepeats(publication.fallback).map((creative) => answer(null, creative)),
    caps,
    hasCaps: caps !== null || entries.some((entry) => entry.caps !== null),
  }
}

type Tools = {
  answer: (schedule: Pin | null, creative: PublishedCreative) => DecidedCreative
  rollout: ReturnType<typeof rolloutCompiler>
  windows: typeof compileWindows
  rest: (constraint: InlinedConstraint | null) => Matcher | null
}

function compileEntry(source: PublishedEntry, rest: InlinedConstraint | null, tools: Tools): CompiledEntry {
  const { schedule, startsAt, endsAt, priority, exclusive, constraint, rollout, caps, creatives } = source
  return {
    source: { schedule, startsAt, endsAt, priority, exclusive, constraint },
    windows: tools.windows(source),
    rest: tools.rest(rest),
    rollout: tools.rollout(rollout),
    caps: compileCaps(schedule.id, caps),
    creatives: creatives.map((creative) => ({ answer: tools.answer(schedule, creative), weight: creative.weight })),
    variants:
      creatives.length > 1 ? { prefix: variantPrefix(schedule.id), stickiness: rollout?.stickiness ?? null } : null,
  }
}

function answerWith(keys: SigningKeys, app: string, slot: string): Tools['answer'] {
  return (schedule, creative) => ({
    id: creative.id,
    revision: creative.revision,
    schedule: schedule?.id ?? null,
    title: creative.title,
    text: creative.text,
    image: creative.image,
    link: creative.link,
    data: creative.data,
    eventToken: mintEventToken(keys, { app, slot, schedule, creative }),
  })
}

/** Entries of one slot often share a strategy: what is the same is compiled once. */
function sharingCompiler(): Tools['rest'] {
  const known = new Map<string, Matcher>()
  return (constraint) => {
    if (!constraint) return null
    const text = JSON.stringify(constraint)
    const matcher = known.get(text) ?? compileConstraint(constraint)
    known.set(text, matcher)
    return matcher
  }
}

function byPosition(a: PublishedEntry, b: PublishedEntry): number {
  if (a.exclusive !== b.exclusive) return a.exclusive ? -1 : 1
  if (a.priority !== b.priority) return b.priority - a.priority
  return a.schedule.id < b.schedule.id ? -1 : 1
}

function compileTiers(
  slotId: string,
  sources: readonly PublishedEntry[],
  exclusive: boolean,
  seeds: Int32Array,
): CompiledTier[] {
  const tiers: CompiledTier[] = []
  let from = sources.findIndex((source) => source.exclusive === exclusive)
  while (from >= 0 && from < sources.length && sources[from]!.exclusive === exclusive) {
    const { priority } = sources[from]!
    let to = from
    while (sources[to]?.priority === priority && sources[to]!.exclusive === exclusive) to += 1
    const landing = (source: PublishedEntry, index: number) => {
      const position = from + index
      return { position, first: seeds[2 * position]!, weight: source.weight }
    }
    const isLarge = to - from > LARGEST_SMALL_TIER
    const seed = seedOf(`${slotId}/${exclusive ? 'exclusive ' : ''}tier ${priority}`)
    tiers.push({ from, to, landings: isLarge ? compileLandings(sources.slice(from, to).map(landing), seed) : null })
    from = to
  }
  return tiers
}

function withoutRepeats(creatives: readonly PublishedCreative[]): PublishedCreative[] {
  const seen = new Set<string>()
  return creatives.filter(({ id }) => !seen.has(id) && seen.add(id))
}
