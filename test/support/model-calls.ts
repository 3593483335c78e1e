// The mutation of the graph for each command of the model.

import { KINDS, type Kind, type Uses } from './model.ts'
import type { Step } from './model-rules.ts'
import type { MutationName } from './workflow.ts'

type Call = { mutation: MutationName; input: Record<string, unknown> }

/** The mutation and its input, without a version. `id` gives the id for a name of the model. Reviews are named by their revision. */
export function callFor(step: Step, app: string, id: (name: string) => string): Call {
  switch (step.does) {
    case 'create': {
      const slot = step.slot === null ? {} : { slot: id(step.slot) }
      return { mutation: CREATE[step.kind], input: { app, ...slot, content: contentFor(step, id) } }
    }
    case 'revise':
      return { mutation: REVISE[kindOf(step.thing)], input: { id: id(step.thing), content: contentFor(step, id) } }
    case 'archive':
      return { mutation: ARCHIVE[kindOf(step.thing)], input: { id: id(step.thing), confirmLive: step.confirmed } }
    case 'unarchive':
      return { mutation: UNARCHIVE[kindOf(step.thing)], input: { id: id(step.thing) } }
    case 'submit':
      return { mutation: 'submitForReview', input: { subject: { type: kindOf(step.thing), id: id(step.thing) } } }
    case 'recall':
      return { mutation: 'recallSubmission', input: { submission: id(step.submission) } }
    case 'approve':
    case 'reject':
      return { mutation: step.does, input: { submission: id(step.submission), comment: 'Looked at' } }
    case 'approveOne':
      return { mutation: 'approve', input: { review: id(step.review), comment: 'Looked at' } }
    case 'rejectOne':
      return { mutation: 'reject', input: { review: id(step.review), comment: 'Looked at' } }
    case 'revoke':
      return { mutation: 'revokeApproval', input: { review: id(step.review), reason: 'A mistake' } }
    case 'updateSlot':
      return { mutation: 'updateSlot', input: { id: id(step.slot), fallback: step.fallback.map(id) } }
    case 'archiveSlot':
      return { mutation: 'archiveSlot', input: { id: id(step.slot), confirmLive: step.confirmed } }
    case 'unarchiveSlot':
      return { mutation: 'unarchiveSlot', input: { id: id(step.slot) } }
    case 'publishSlot':
      return { mutation: 'publishSlot', input: { slot: id(step.slot) } }
    case 'takeDown': {
      const target = kindOf(step.thing) === 'CREATIVE' ? 'creative' : 'schedule'
      return { mutation: 'takeDown', input: { [target]: id(step.thing), reason: 'A mistake' } }
    }
    case 'rollbackSlot':
      return { mutation: 'rollbackSlot', input: { slot: id(step.slot), to: step.to } }
    case 'stop':
      return { mutation: 'stopSlot', input: { slot: id(step.slot) } }
    case 'restart':
      return { mutation: 'restartSlot', input: { slot: id(step.slot) } }
    default:
      return { mutation: step.does, input: { schedule: id(step.thing) } }
  }
}

export function kindOf(name: string): Kind {
  const [kind] = Object.entries(KINDS).find(([, letter]) => name.startsWith(letter))!
  return kind as Kind
}

const CREATE = {
  CREATIVE: 'createCreative',
  SEGMENT: 'createSegment',
  STRATEGY: 'createStrategy',
  SCHEDULE: 'createSchedule',
} as const

const REVISE = {
  CREATIVE: 'reviseCreative',
  SEGMENT: 'reviseSegment',
  STRATEGY: 'reviseStrategy',
  SCHEDULE: 'reviseSchedule',
} as const

const ARCHIVE = {
  CREATIVE: 'archiveCreative',
  SEGMENT: 'archiveSegment',
  STRATEGY: 'archiveStrategy',
  SCHEDULE: 'archiveSchedule',
} as const

const UNARCHIVE = {
  CREATIVE: 'unarchiveCreative',
  SEGMENT: 'unarchiveSegment',
  STRATEGY: 'unarchiveStrategy',
  SCHEDULE: 'unarchiveSchedule',
} as const

/** The content names its own revision, so that the answer of a node shows which revision it serves. */
function contentFor(
  { content: text, uses }: { content: string; uses: Uses },
  id: (name: string) => string,
): Record<string, unknown> {
  switch (kindOf(text)) {
    case 'CREATIVE':
      return { name: text, title: text }
    case 'SCHEDULE': {
      const creatives = uses.creatives.map((creative) => ({ creative: id(creative) }))
      return { name: text, creatives, strategy: uses.strategy && id(uses.strategy) }
    }
    default: {
      // It matches users with its own name as a tag, and users whom one of its segments matches.
      const own = { dimension: 'tags', operator: 'IN', values: [text] }
      return { name: text, constraint: { any: [own, ...uses.segments.map((segment) => ({ segment: id(segment) }))] } }
    }
  }
}
