// The rules of reviewing and publishing, written a second time in the simplest way: for each command the code with which it must fail, or
// what it changes in the model.

import type { ErrorCode } from '../../common/base/errors.ts'
import {
  type Effect,
  isNewlyArchived,
  type Kind,
  type Model,
  namesIn,
  type Slot,
  type Thing,
  textsIn,
  type Uses,
} from './model.ts'
import { changeSlot, deliver, publish, revoke, rollback, takeDown } from './model-delivery-rules.ts'
import { decide, recall, submit } from './model-review-rules.ts'

/** A command with all its arguments. `content`: the revision that it makes, as `C1@2`. */
export type Step =
  | { does: 'create'; content: string; kind: Kind; slot: string | null; uses: Uses; by: string }
  | { does: 'revise'; content: string; thing: string; uses: Uses; by: string }
  | { does: 'submit' | 'unarchive'; thing: string; by: string }
  | { does: 'archive'; thing: string; confirmed: boolean; by: string }
  | { does: 'approve' | 'reject' | 'recall'; submission: string; by: string }
  | { does: 'approveOne' | 'rejectOne' | 'revoke'; review: string; by: string }
  | { does: 'publish' | 'pause' | 'resume' | 'withdraw' | 'takeDown'; thing: string; by: string }
  | { does: 'unarchiveSlot' | 'publishSlot' | 'stop' | 'restart'; slot: string; by: string }
  | { does: 'rollbackSlot'; slot: string; to: number; by: string }
  | { does: 'archiveSlot'; slot: string; confirmed: boolean; by: string }
  | { does: 'updateSlot'; slot: string; fallback: string[]; by: string }

/** Succeeds and writes nothing, because the thing is in this state already. */
export const NOTHING = 'nothing'

/** The code of the error, or what the command changes. */
export function ruleFor(model: Model, step: Step): ErrorCode | typeof NOTHING | Effect {
  switch (step.does) {
    case 'create':
      return create(model, step)
    case 'revise':
      return revise(model, model.things.get(step.thing)!, step)
    case 'archive':
      return archive(model.things.get(step.thing)!, step.confirmed || !isLive(model, step.thing))
    case 'unarchive':
      return unarchive(model.things.get(step.thing)!)
    case 'submit':
      return submit(model, model.things.get(step.thing)!, step.by)
    case 'recall':
      return recall(model, step.submission)
    case 'approve':
    case 'reject': {
      const { recalled, reviews } = model.submissions.get(step.submission)!
      return recalled ? 'INVALID_STATE' : decide(model, reviews, step)
    }
    case 'approveOne':
    case 'rejectOne':
      return decide(model, [step.review], step)
    case 'publish':
      return publish(model, model.things.get(step.thing)!)
    case 'pause':
    case 'resume':
    case 'withdraw':
      return deliver(model, model.things.get(step.thing)!, step.does)
    case 'updateSlot':
      return updateSlot(model, step)
    case 'archiveSlot':
      return archive(model.slots.get(step.slot)!, step.confirmed || !isLiveSlot(model, step.slot))
    case 'unarchiveSlot':
      return unarchive(model.slots.get(step.slot)!)
    case 'publishSlot':
    case 'stop':
    case 'restart':
      return changeSlot(model, step.slot, step.does)
    case 'rollbackSlot':
      return rollback(model, step.slot, step.to)
    case 'takeDown':
      return takeDown(model, model.things.get(step.thing)!)
    case 'revoke':
      return revoke(model, step.review)
  }
}

function create(model: Model, step: Extract<Step, { does: 'create' }>): ErrorCode | Effect {
  const { content, kind, slot, uses, by } = step
  if (isNewlyArchived(model, namesIn(uses), [])) return 'BAD_USER_INPUT'
  if (slot !== null && model.slots.get(slot)!.archived) return 'BAD_USER_INPUT'
  return () => {
    const name = content.split('@')[0]!
    const first = { author: by, uses, review: null }
    const state = { state: 'DRAFT', archived: false, delivery: 'NONE', pin: null } as const
    model.things.set(name, { name, kind, version: 1, slot, revisions: [first], ...state })
  }
}

function revise(model: Model, thing: Thing, step: Extract<Step, { does: 'revise' }>): ErrorCode | Effect {
  const { uses, by } = step
  if (thing.archived) return 'INVALID_STATE'
  if (isNewlyArchived(model, namesIn(uses), namesIn(thing.revisions.at(-1)!.uses))) return 'BAD_USER_INPUT'
  return () => {
    thing.revisions.push({ author: by, uses, review: null })
    thing.version += 1
    thing.state = 'DRAFT'
  }
}

/** A live thing stays live. `allowed`: it is not live, or the command confirms that it is. */
function archive(thing: Thing | Slot, allowed: boolean): ErrorCode | Effect {
  if (!allowed || thing.archived || ('state' in thing && thing.state === 'IN_REVIEW')) return 'INVALID_STATE'
  return () => {
    thing.archived = true
    thing.version += 1
  }
}

function unarchive(thing: Thing | Slot): ErrorCode | Effect {
  if (!thing.archived) return 'INVALID_STATE'
  return () => {
    thing.archived = false
    thing.version += 1
  }
}

/** Whether a schedule or a fallback has it pinned. */
function isLive({ things, slots }: Model, name: string): boolean {
  const pins = [...things.values()].flatMap(({ pin }) => (pin ? textsIn(pin) : []))
  const fallbacks = [...slots.values()].flatMap(({ pinnedFallback }) => pinnedFallback)
  return [...pins, ...fallbacks].some((text) => text.startsWith(`${name}@`))
}

/** Whether a schedule is live or paused in it, or its fallback is published. */
function isLiveSlot({ things, slots }: Model, name: string): boolean {
  if (slots.get(name)!.pinnedFallback.length > 0) return true
  return [...things.values()].some(({ slot, pin }) => slot === name && pin !== null)
}

/** It takes effect by publishSlot. */
function updateSlot(model: Model, step: Extract<Step, { does: 'updateSlot' }>): ErrorCode | typeof NOTHING | Effect {
  const slot = model.slots.get(step.slot)!
  if (slot.archived) return 'INVALID_STATE'
  if (isNewlyArchived(model, step.fallback, slot.fallback)) return 'BAD_USER_INPUT'
  if (step.fallback.join() === slot.fallback.join()) return NOTHING
  return () => {
    slot.fallback = step.fallback
    slot.version += 1
  }
}
