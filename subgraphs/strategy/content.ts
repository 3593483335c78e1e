// Parses the inputs of strategies and segments. The parsed content always has all fields, so that the same content has the same
// hash. segment-references.ts checks the segments that it refers to.

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

const segmentFields = z.object({ name: text(200), constraint: z.unknown().optional() })
const strategyFields = segmentFields.extend({ rollout: z.unknown().optional(), caps: frequencyCaps })

type SegmentInput = z.output<typeof segmentFields>
type StrategyInput = z.output<typeof strategyFields>

const strategyInput = inputsWith(strategyFields)
const segmentInput = inputsWith(segmentFields)

function inputsWith<Content extends z.ZodType>(content: Content) {
  return {
    create: z.object({ app: reference, content, idempotencyKey }),
    revise: z.object({ id: reference, expectedVersion, content, idempotencyKey }),
  }
}

/** Parses a StrategyFilter or SegmentFilter. */
export function parseFilter(rawInput: unknown): HeadFilter {
  return parseInput(headFilterInput, rawInput ?? {}, 'filter')
}

/** The path of the constraint in an input. */
export const CONSTRAINT_PATH = 'input.content.constraint'
const ROLLOUT_PATH = 'input.content.rollout'

export const parseCreateStrategy = (rawInput: unknown) =>
  withContent(parseInput(strategyInput.create, rawInput), strategyContent)
export const parseReviseStrategy = (rawInput: unknown) =>
  withContent(parseInput(strategyInput.revise, rawInput), strategyContent)
export const parseCreateSegment = (rawInput: unknown) =>
  withContent(parseInput(segmentInput.create, rawInput), segmentContent)
export const parseReviseSegment = (rawInput: unknown) =>
  withContent(parseInput(segmentInput.revise, rawInput), segmentContent)

function withContent<Raw, Input extends { content: Raw }, Content>(input: Input, read: (content: Raw) => Content) {
  return { ...input, content: read(input.content) }
}

function strategyContent({ name, constraint, rollout, caps }: StrategyInput): StrategyContent {
  return {
    name,
    constraint: isLeftOut(constraint) ? null : readConstraint(constraint),
    rollout: isLeftOut(rollout) ? null : readRollout(rollout),
    caps,
  }
}

function segmentContent({ name, constraint }: SegmentInput): SegmentContent {
  return { name, constraint: readConstraint(constraint) }
}

function isLeftOut(value: unknown): boolean {
  return value === null || value === undefined
}

function readConstraint(value: unknown): Constraint {
  const checked = checkConstraint(value, CONSTRAINT_PATH)
  if (checked.ok) return checked.constraint
  throw toError(checked.errors)
}

function readRollout(value: unknown): Rollout {
  const checked = checkRollout(value, ROLLOUT_PATH)
  if (checked.ok) return checked.rollout
  throw toError(checked.errors)
}

function toError([first, ...more]: InputError[]) {
  return badInput(first!.path, first!.message, more)
}
