// What the review queue and the change log can be narrowed by. What is left out or null does not narrow.

import { z } from 'zod'
import { optional, optionalText, parseInput, period, reference, text } from '../../common/input.ts'
import type { ChangeFilter } from '../../common/store/changes.ts'
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

/** Throws BAD_USER_INPUT with the path of what is wrong, as both do. */
export function readReviewFilter(given: unknown): ReviewFilter {
  return parseInput(reviewFilterInput, given ?? {}, 'filter')
}

export function readChangeFilter(given: unknown): ChangeFilter {
  return parseInput(changeFilterInput, given ?? {}, 'filter')
}
