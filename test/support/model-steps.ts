// Turns the numbers that fast-check draws into a command on the things of the model.

import {
  isNewlyArchived,
  KINDS,
  type Kind,
  type Model,
  namesIn,
  revisionText,
  type Thing,
  textsIn,
  type Uses,
} from './model.ts'
import { ruleFor, type Step } from './model-rules.ts'

/** The drawn numbers of a command. A number that is too large wraps around. */
export type Draw = {
  /** Take a target on which the command succeeds. Otherwise take any. */
  fitting: boolean
  /** Send a version that is not the current one. */
  stale: boolean
  target: number
  by: number
  uses: readonly number[]
}

/** Command -> all things on which it could run now. */
export const COMMANDS = {
  createCreative: (model, draw) => creations(model, draw, 'CREATIVE', 5),
  createSegment: (model, draw) => creations(model, draw, 'SEGMENT', 4),
  createStrategy: (model, draw) => creations(model, draw, 'STRATEGY', 3),
  createSchedule: (model, draw) => creations(model, draw, 'SCHEDULE', 6),
  revise: (model, draw) => revisions(model, draw, () => true),
  reviseInReview: (model, draw) => revisions(model, draw, ({ state }) => state === 'IN_REVIEW'),
  revisePinned: (model, draw) => revisions(model, draw, ({ name }) => isPinned(model, name)),
  archive: (model, draw) =>
    [...model.things.keys()].map((thing) => ({ does: 'archive', thing, confirmed: isOdd(draw), by: writer(draw) })),
  unarchive: (model, draw) => [...model.things.keys()].map((thing) => ({ does: 'unarchive', thing, by: writer(draw) })),
  archiveUsed: (model, draw) =>
    [...model.things.values()]
      .filter((thing) => isPinned(model, thing.name) && thing.kind !== 'SCHEDULE')
      .map(({ name }) => ({ does: 'archive', thing: name, confirmed: true, by: writer(draw) })),
  submit: (model, draw) => [...model.things.keys()].map((thing) => ({ does: 'submit', thing, by: writer(draw) })),
  recall: (model, draw) => onSubmissions(model, 'recall', writer(draw)),
  approve: (model, draw) => onSubmissions(model, 'approve', decider(draw)),
  reject: (model, draw) => onSubmissions(model, 'reject', decider(draw)),
  approveOne: (model, draw) => onReviews(model, 'approveOne', decider(draw)),
  rejectOne: (model, draw) => onReviews(model, 'rejectOne', decider(draw)),
  publish: (model) => onSchedules(model, 'publish'),
  publishArchived: (model) => onSchedules(model, 'publish').filter(({ thing }) => usesArchived(model, thing)),
  pause: (model) => onSchedules(model, 'pause'),
  resume: (model) => onSchedules(model, 'resume'),
  resumePaused: (model) =>
    onSchedules(model, 'resume').filter(({ thing }) => model.things.get(thing)!.delivery === 'PAUSED'),
  withdraw: (model) => onSchedules(model, 'withdraw'),
  updateSlot: (model, draw) =>
    [...model.slots.keys()].map((slot) => ({
      does: 'updateSlot',
      slot,
      fallback: usesFor(model, draw, 'SCHEDULE').creatives,
      by: writer(draw),
    })),
  archiveSlot: (model, draw) =>
    [...model.slots.keys()].map((slot) => ({ does: 'archiveSlot', slot, confirmed: isOdd(draw), by: PUBLISHER })),
  unarchiveSlot: (model) => onSlots(model, 'unarchiveSlot'),
  publishSlot: (model) => onSlots(model, 'publishSlot'),
  rollbackSlot: (model) => rollbacks(model, 1),
  rollbackFar: (model, { by }) => rollbacks(model, 2 + (by % 9)),
  stop: (model) => onSlots(model, 'stop'),
  restart: (model) => onSlots(model, 'restart'),
  revoke: (model) => onReviews(model, 'revoke', PUBLISHER),
  takeDown: (model) =>
    [...namesOf(model, 'CREATIVE'), ...namesOf(model, 'SCHEDULE')].map((thing) => ({
      does: 'takeDown',
      thing,
      by: PUBLISHER,
    })),
  revokePaused: (model) => onReviews(model, 'revoke', PUBLISHER).filter(({ review }) => isPaused(model, review)),
} as const satisfies Record<string, (model: Model, draw: Draw) => Step[]>

export type CommandName = keyof typeof COMMANDS

/** Undefined when there is nothing on which it could run. */
export function stepFor(model: Model, command: CommandName, draw: Draw): Step | undefined {
  const steps: Step[] = COMMANDS[command](model, draw)
  const among = draw.fitting ? steps.filter((step) => typeof ruleFor(model, step) === 'function') : steps
  return among[draw.target % among.length]
}

/** The version of the thing that a command changes; undefined for a new thing. */
export function versionFor(model: Model, step: Step): number | undefined {
  if (step.does === 'create') return undefined
  if ('thing' in step) return model.things.get(step.thing)!.version
  if ('submission' in step) return model.submissions.get(step.submission)!.version
  if ('slot' in step) return model.slots.get(step.slot)!.version
  const [name, revision] = step.review.split('@')
  return model.things.get(name!)!.revisions[Number(revision) - 1]!.review!.version
}

// Each person has every role, so that only the rule of four eyes makes a difference between them.
const WRITERS = ['admin-1', 'admin-2'] as const
const DECIDERS = ['admin-3', 'admin-3', 'admin-1', 'admin-2'] as const
const PUBLISHER = 'admin-4'

const writer = ({ by }: Draw) => WRITERS[by % WRITERS.length]!
const isOdd = ({ by }: Draw) => by % 2 === 1
const decider = ({ by }: Draw) => DECIDERS[by % DECIDERS.length]!

function creations(model: Model, draw: Draw, kind: Kind, atMost: number): Step[] {
  const count = namesOf(model, kind).length
  if (count >= atMost) return []
  const slots = kind === 'SCHEDULE' ? [...model.slots.keys()] : [null]
  const uses = usesFor(model, draw, kind)
  return slots.map((slot) => ({
    does: 'create',
    content: `${KINDS[kind]}${count + 1}@1`,
    kind,
    slot,
    uses,
    by: writer(draw),
  }))
}

/** Segments use only earlier segments, so that there is no circle. */
function usesFor(model: Model, { uses: drawn }: Draw, kind: Kind, self?: Thing): Uses {
  const [howMany, which, withStrategy, strategyAt] = drawn as [number, number, number, number]
  const some = (names: string[], count: number) =>
    names.length === 0
      ? []
      : [...new Set(Array.from({ length: count }, (_, at) => names[(which + at) % names.length]!))]
  const uses: Uses = { creatives: [], strategy: null, segments: [] }
  const segments = namesOf(model, 'SEGMENT')
  const earlier = self?.kind === 'SEGMENT' ? segments.slice(0, segments.indexOf(self.name)) : segments
  if (kind === 'STRATEGY' || kind === 'SEGMENT') uses.segments = some(earlier, howMany % 3)
  if (kind !== 'SCHEDULE') return uses
  uses.creatives = some(namesOf(model, 'CREATIVE'), 1 + (howMany % 3))
  const strategies = namesOf(model, 'STRATEGY')
  if (withStrategy % 2 === 1 && strategies.length > 0) uses.strategy = strategies[strategyAt % strategies.length]!
  return uses
}

function revisions(model: Model, draw: Draw, among: (thing: Thing) => boolean): Step[] {
  return [...model.things.values()].filter(among).map((thing) => ({
    does: 'revise',
    content: revisionText(thing.name, thing.revisions.length + 1),
    thing: thing.name,
    uses: usesFor(model, draw, thing.kind, thing),
    by: writer(draw),
  }))
}

/** Whether a live or paused schedule pins it. */
function isPinned({ things }: Model, name: string): boolean {
  const pins = [...things.values()].flatMap(({ pin }) => (pin ? textsIn(pin) : []))
  return pins.some((text) => text.startsWith(`${name}@`))
}

/** The thing at its newest revision. */
function usesArchived(model: Model, schedule: string): boolean {
  return isNewlyArchived(model, namesIn(model.things.get(schedule)!.revisions.at(-1)!.uses), [])
}

/** A creative that a paused schedule shows. */
function isPaused({ things }: Model, review: string): boolean {
  return [...things.values()].some(({ delivery, pin }) => delivery === 'PAUSED' && pin?.creatives.includes(review))
}

function onSubmissions(model: Model, does: 'approve' | 'reject' | 'recall', by: string): Step[] {
  return [...model.submissions.keys()].map((submission) => ({ does, submission, by }))
}

function onReviews(model: Model, does: 'approveOne' | 'rejectOne' | 'revoke', by: string) {
  return reviewed(model).map((review) => ({ does, review, by }))
}

function onSchedules(model: Model, does: 'publish' | 'pause' | 'resume' | 'withdraw') {
  return namesOf(model, 'SCHEDULE').map((thing) => ({ does, thing, by: PUBLISHER }))
}

function onSlots(model: Model, does: 'unarchiveSlot' | 'publishSlot' | 'stop' | 'restart'): Step[] {
  return [...model.slots.keys()].map((slot) => ({ does, slot, by: PUBLISHER }))
}

/** To the publication that is so many before the latest. */
function rollbacks(model: Model, back: number): Step[] {
  return [...model.slots].flatMap(([slot, { revision }]) =>
    revision > back ? [{ does: 'rollbackSlot', slot, to: revision - back, by: PUBLISHER }] : [],
  )
}

function namesOf({ things }: Model, kind: Kind): string[] {
  return [...things.values()].filter((thing) => thing.kind === kind).map(({ name }) => name)
}

/** Every revision that has a review, as `C1@2`. */
function reviewed({ things }: Model): string[] {
  return [...things.values()].flatMap(({ name, revisions }) =>
    revisions.flatMap(({ review }, index) => (review ? [revisionText(name, index + 1)] : [])),
  )
}
