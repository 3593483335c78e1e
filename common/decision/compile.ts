// Compiles a publication, once when it is loaded, into what a decision reads: tiers in order, constraints as
// functions, hash seeds, and every creative as it will stand in answers, event token included.

import { mintEventToken } from '../publication/event-token.ts'
import type { SigningKeys } from '../publication/sign.ts'
import type {
  Pin,
  Publication,
  PublishedCreative,
  PublishedEntry,
  PublishedRollout,
  Stamp,
} from '../publication/types.ts'
import { compileConstraint, type Matcher } from '../targeting/compile.ts'
import { type Seed, seedOf } from './hash.ts'
import { type CompiledRollout, rolloutCompiler } from './rollout.ts'
import type { DecidedCreative } from './types.ts'

export type CompiledCreative = { answer: DecidedCreative; weight: number; seed: Seed }

export type CompiledEntry = {
  /** The schedule's id. */
  schedule: string
  /** Half-open [startsAt, endsAt) in ms; infinite where there is no bound. */
  startsAt: number
  endsAt: number
  /** null matches every context. */
  matches: Matcher | null
  /** null lets everybody in. */
  rollout: CompiledRollout | null
  weight: number
  seed: Seed
  creatives: readonly CompiledCreative[]
}

export type CompiledSlot = {
  app: string
  code: string
  stamp: Stamp
  stopped: boolean
  capacity: number
  /** Length of a rotation period in ms. */
  rotationMs: number
  /** Entries of one priority each, the highest first. */
  tiers: readonly (readonly CompiledEntry[])[]
  /** In order, no creative twice. */
  fallback: readonly DecidedCreative[]
  /** Every instant at which a window opens or closes, ascending, in ms. */
  boundaries: Float64Array
}

/** @throws Error on a constraint or rollout that this version does not know. */
export function compileSlot(publication: Publication, keys: SigningKeys): CompiledSlot {
  const { app, epoch, revision, stopped, slot } = publication
  const compileRollout = rolloutCompiler()
  const answer = (schedule: Pin | null, creative: PublishedCreative): DecidedCreative => ({
    id: creative.id,
    revision: creative.revision,
    schedule: schedule?.id ?? null,
    title: creative.title,
    text: creative.text,
    image: creative.image,
    link: creative.link,
    data: creative.data,
    eventToken: mintEventToken(keys, { app, slot: slot.id, schedule, creative }),
  })
  return {
    app,
    code: slot.code,
    stamp: { epoch, revision },
    stopped,
    capacity: slot.capacity,
    rotationMs: slot.rotationSeconds * 1000,
    tiers: tiersOf(publication.entries).map((tier) =>
      tier.map((entry) => compileEntry(slot.id, entry, answer, compileRollout)),
    ),
    fallback: withoutRepeats(publication.fallback).map((creative) => answer(null, creative)),
    boundaries: boundariesOf(publication.entries),
  }
}

function compileEntry(
  slotId: string,
  entry: PublishedEntry,
  answer: (schedule: Pin, creative: PublishedCreative) => DecidedCreative,
  compileRollout: (rollout: PublishedRollout | null) => CompiledRollout | null,
): CompiledEntry {
  // The slot is part of the seed, so that one user's order in one slot tells nothing of another slot.
  const name = `${slotId}/${entry.schedule.id}`
  return {
    schedule: entry.schedule.id,
    startsAt: entry.startsAt ?? Number.NEGATIVE_INFINITY,
    endsAt: entry.endsAt ?? Number.POSITIVE_INFINITY,
    matches: entry.constraint && compileConstraint(entry.constraint),
    rollout: compileRollout(entry.rollout),
    weight: entry.weight,
    seed: seedOf(name),
    creatives: entry.creatives.map((creative) => ({
      answer: answer(entry.schedule, creative),
      weight: creative.weight,
      seed: seedOf(`${name}/${creative.id}`),
    })),
  }
}

function tiersOf(entries: readonly PublishedEntry[]): PublishedEntry[][] {
  const byPriority = Map.groupBy(entries, (entry) => entry.priority)
  return [...byPriority].sort(([a], [b]) => b - a).map(([, tier]) => tier)
}

function boundariesOf(entries: readonly PublishedEntry[]): Float64Array {
  const instants = entries.flatMap(({ startsAt, endsAt }) => [startsAt, endsAt]).filter((instant) => instant !== null)
  return Float64Array.from(new Set(instants)).sort()
}

function withoutRepeats(creatives: readonly PublishedCreative[]): PublishedCreative[] {
  const seen = new Set<string>()
  return creatives.filter(({ id }) => !seen.has(id) && seen.add(id))
}
