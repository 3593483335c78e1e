// Compiles a publication into what decisions read: entries by position, tiers in order, the index, hash seeds, and every creative
// as it stands in answers, with its event token. This happens once, when the publication is loaded. No request reads the publication.

import { seedOf } from '../hash.ts'
import { mintEventToken } from '../publication/event-token.ts'
import type { SigningKeys } from '../publication/sign.ts'
import type { Pin, Publication, PublishedCreative, PublishedEntry, Stamp } from '../publication/types.ts'
import { runSteps, type Steps } from '../steps.ts'
import { compileConstraint, type Matcher } from '../targeting/compile-constraint.ts'
import type { InlinedConstraint } from '../targeting/types.ts'
import { type CandidateIndex, compileIndex } from './candidate-index.ts'
import { type CompiledCaps, compileCaps } from './caps.ts'
import { type CompiledRollout, rolloutCompiler } from './rollout.ts'
import { type CompiledTier, compileTiers, LowestKeys } from './tiers.ts'
import type { DecidedCreative } from './types.ts'
import { variantPrefix } from './variants.ts'
import { type CompiledWindows, compileWindows, OpenNow } from './windows.ts'

/** The fields of a published entry that explanations show. The other fields are not kept, which saves memory. */
export type EntrySource = Pick<
  PublishedEntry,
  'schedule' | 'startsAt' | 'endsAt' | 'priority' | 'exclusive' | 'constraint'
>

export type CompiledCreative = { answer: DecidedCreative; weight: number }

export type CompiledEntry = {
  source: EntrySource
  windows: CompiledWindows
  /** The part of the constraint that the index does not cover; null: none. */
  rest: Matcher | null
  /** Null: every request is in. */
  rollout: CompiledRollout | null
  /** Null: no caps. */
  caps: CompiledCaps | null
  creatives: readonly CompiledCreative[]
  /** How one of several creatives is chosen: the hash prefix, and the stickiness. Null: there is at most one creative. */
  variants: { prefix: Uint8Array; stickiness: string | null } | null
}

/**
 * A compiled publication of one slot. `openNow` and `lowestKeys` hold working memory that each decision overwrites, so
 * that a decision allocates little. That is safe because decisions are synchronous: one ends before the next begins.
 */
export type CompiledSlot = {
  app: string
  id: string
  code: string
  stamp: Stamp
  stopped: boolean
  capacity: number
  /** A node that is cut off for longer, in ms, serves only the fallback. Infinity: it serves everything. */
  maxStaleMs: number
  /** Length of a rotation period in ms. */
  rotationMs: number
  /** By position: exclusive entries first, then by descending priority, then by schedule id. */
  entries: readonly CompiledEntry[]
  /** The tiers of exclusive entries, and the tiers of all others, both by descending priority. */
  exclusive: readonly CompiledTier[]
  tiers: readonly CompiledTier[]
  index: CandidateIndex
  openNow: OpenNow
  lowestKeys: LowestKeys
  /** By position: the two seeds of each entry, one after the other; and its weight. */
  seeds: Int32Array
  weights: Float64Array
  /** In order, without repeated creatives. */
  fallback: readonly DecidedCreative[]
  /** The caps of the slot itself; null: none. */
  caps: CompiledCaps | null
  /** Whether the slot or one of its entries has caps. */
  hasCaps: boolean
}

/** @throws Error on a constraint, rollout, zone or recurrence that this version does not know. */
export function compileSlot(publication: Publication, keys: SigningKeys): CompiledSlot {
  return runSteps(compileInSteps(publication, keys))
}

/** The same in steps: a slot with 1,000 entries takes some 10 ms. */
export function* compileInSteps(publication: Publication, keys: SigningKeys): Steps<CompiledSlot> {
  const { app, epoch, revision, stopped, slot } = publication
  const sources = publication.entries.toSorted(byPosition)
  const { index, rest } = yield* compileIndex(sources.map(({ constraint }) => constraint))
  const answer = answerWith(keys, app, slot.id)
  const tools = { answer, rollout: rolloutCompiler(), windows: compileWindows, rest: sharingCompiler() }
  const entries: CompiledEntry[] = []
  const seeds = new Int32Array(2 * sources.length)
  for (const [position, source] of sources.entries()) {
    entries.push(compileEntry(source, rest[position]!, tools))
    // The slot is part of the seed, so that a user's orders in two slots are independent.
    const { first, second } = seedOf(`${slot.id}/${source.schedule.id}`)
    seeds.set([first, second], 2 * position)
    yield
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
    maxStaleMs: slot.maxStaleSeconds == null ? Number.POSITIVE_INFINITY : slot.maxStaleSeconds * 1000,
    rotationMs: slot.rotationSeconds * 1000,
    entries,
    exclusive: tiersWhere(true),
    tiers: tiersWhere(false),
    index,
    openNow: new OpenNow(entries.map(({ windows }) => windows)),
    lowestKeys: new LowestKeys(Math.min(Math.max(slot.capacity, 1), entries.length)),
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

/** Entries of a slot often share a strategy. Equal constraints are compiled once. */
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

function withoutRepeats(creatives: readonly PublishedCreative[]): PublishedCreative[] {
  const seen = new Set<string>()
  return creatives.filter(({ id }) => !seen.has(id) && seen.add(id))
}
