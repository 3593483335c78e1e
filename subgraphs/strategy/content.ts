// What clients send of strategies and segments, parsed. Content is a clean copy that always has the same fields, and so
// the same hash. Whether there are the segments that it names is for naming.ts to say.

import { z } from 'zod'
import { badInput } from '../../common/base/errors.ts'
import { frequencyCaps } from '../../common/command/frequency-caps-input.ts'
import { expectedVersion, idempotencyKey, parseInput, reference, text } from '../../common/command/input.ts'
import { headFilterInput } from '../../common/graphql/revisioned.ts'
import type { HeadFilter } from '../../common/store/filters.ts'
import { checkConstraint } from '../../engine/targeting/check-constraint.ts'
import { checkRollout } from '../../engine/targeting/check-rollout.ts'
import type { InputError } from '../../engine/targeting/input-errors.ts'
import type { Constraint, Rollout } from '../../engine/targeting/types.ts'
import type { SegmentContent, StrategyContent } from './repository.ts'

const ofSegment = z.object({ name: text(200), constraint: z.unknown().optional() })
const ofStrategy = ofSegment.extend({ rollout: z.unknown().optional(), caps: frequencyCaps })

type GivenSegment = z.output<typeof ofSegment>
type GivenStrategy = z.output<typeof ofStrategy>

const strategyInput = inputsWith(ofStrategy)
const segmentInput = inputsWith(ofSegment)

function inputsWith<Content extends z.ZodType>(content: Content) {
  return {
    create: z.object({ app: reference, content, idempotencyKey }),
    revise: z.object({ id: reference, expectedVersion, content, idempotencyKey }),
  }
}

/** What a list of strategies or segments is narrowed by. */
export function parseFilter(given: unknown): HeadFilter {
  return parseInput(headFilterInput, given ?? {}, 'filter')
}

/** Where the constraint of an input is. */
export const CONSTRAINT_PATH = 'input.content.constraint'
const ROLLOUT_PATH = 'input.content.rollout'

export const parseCreateStrategy = (given: unknown) => clean(parseInput(strategyInput.create, given), strategyContent)
export const parseReviseStrategy = (given: unknown) => clean(parseInput(strategyInput.revise, given), strategyContent)
export const parseCreateSegment = (given: unknown) => clean(parseInput(segmentInput.create, given), segmentContent)
export const parseReviseSegment = (given: unknown) => clean(parseInput(segmentInput.revise, given), segmentContent)

function clean<Given, Input extends { content: Given }, Content>(input: Input, read: (content: Given) => Content) {
  return { ...input, content: read(input.content) }
}

function strategyContent({ name, constraint, rollout, caps }: GivenStrategy): StrategyContent {
  return {
    name,
    constraint: isLeftOut(constraint) ? null : readConstraint(constraint),
    rollout: isLeftOut(rollout) ? null : readRollout(rollout),
    caps,
  }
}

function segmentContent({ name, constraint }: GivenSegment): SegmentContent {
  return { name, constraint: readConstraint(constraint) }
}

function isLeftOut(value: unknown): boolean {
  return value === null || value === undefined
}

function readConstraint(given: unknown): Constraint {
  const checked = checkConstraint(given, CONSTRAINT_PATH)
  if (checked.ok) return checked.constraint
  throw refusal(checked.errors)
}

function readRollout(given: unknown): Rollout {
  const checked = checkRollout(given, ROLLOUT_PATH)
  if (checked.ok) return checked.rollout
  throw refusal(checked.errors)
}

function refusal([first, ...more]: InputError[]) {
  return badInput(first!.path, first!.message, more)
}
