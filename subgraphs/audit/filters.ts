// What the review queue and the change log can be narrowed by. What is left out or null does not narrow.

import { z } from 'zod'
import { optional, optionalText, parseInput, period, reference, text } from '../../common/command/input.ts'
import type { ChangeFilter } from '../../common/store/changes.ts'
import type { Db } from '../../common/store/rows.ts'
import { slots } from '../schedule/repository.ts'
import type { ReviewFilter } from './repository.ts'

const MAX_MUTATIONS = 100

const reviewFilterInput = z.object({
  types: optional(z.array(z.string())),
  slot: optional(reference),
  text: optionalText(200),
  period: optional(period),
})

const changeFilterInput = z.object({
  period: optional(period),
  actor: optionalText(200),
  mutations: optional(z.array(text(100)).max(MAX_MUTATIONS, `must hold at most ${MAX_MUTATIONS}`)),
})

/** Throws BAD_USER_INPUT with the path of what is wrong, as both do; NOT_FOUND with that of an unknown slot. */
export async function readReviewFilter(db: Db, app: string, given: unknown): Promise<ReviewFilter> {
  const filter = parseInput(reviewFilterInput, given ?? {}, 'filter')
  if (filter.slot === null) return filter
  return { ...filter, slot: (await slots.requireIn(db, app, filter.slot, 'filter.slot'))._id }
}

export function readChangeFilter(given: unknown): ChangeFilter {
  return parseInput(changeFilterInput, given ?? {}, 'filter')
}
