// The rules of delivery in the model: what each command pins, keeps and removes.

import type { ErrorCode } from '../../common/base/errors.ts'
import {
  type Effect,
  isApproved,
  type Kind,
  type Model,
  namesIn,
  namesPinned,
  newest,
  newestApproved,
  type Pin,
  reviewOf,
  revisionOf,
  revisionText,
  servable,
  type Thing,
  textsIn,
  thingOf,
} from './model.ts'

/**
 * Pins the newest approved revision of the schedule and of everything that it uses. An archived thing is pinned only where it is pinned
 * already. An archived slot takes nothing new.
 */
export function publish(model: Model, schedule: Thing): ErrorCode | Effect {
  if (schedule.archived) return 'INVALID_STATE'
  if (model.slots.get(schedule.slot!)!.archived && !schedule.pin) return 'INVALID_STATE'
  const own = newestApproved(model, schedule.name)
  if (own === null) return 'INVALID_STATE'
  const pinned = [own]
  for (const text of pinned) {
    for (const name of namesIn(revisionOf(model, text).uses)) {
      const approved = newestApproved(model, name)
      if (approved === null) return 'INVALID_STATE'
      if (!pinned.includes(approved)) pinned.push(approved)
    }
  }
  const inUse = namesPinned(schedule)
  if (pinned.some((text) => thingOf(model, text).archived && !inUse.includes(thingOf(model, text).name))) {
    return 'INVALID_STATE'
  }
  const of = (kind: Kind) => pinned.filter((text) => thingOf(model, text).kind === kind)
  const pin: Pin = {
    schedule: own,
    creatives: of('CREATIVE'),
    strategy: of('STRATEGY')[0] ?? null,
    segments: of('SEGMENT'),
  }
  return () => {
    schedule.pin = pin
    schedule.delivery = 'LIVE'
    schedule.version += 1
    compose(model, schedule.slot!)
  }
}

export function deliver(model: Model, schedule: Thing, does: 'pause' | 'resume' | 'withdraw'): ErrorCode | Effect {
  const { pin, delivery } = schedule
  const from = { pause: ['LIVE'], resume: ['PAUSED'], withdraw: ['LIVE', 'PAUSED'] }[does]
  if (!from.includes(delivery)) return 'INVALID_STATE'
  if (does === 'resume' && !servable(model, pin!)) return 'INVALID_STATE'
  return () => {
    schedule.delivery = ({ pause: 'PAUSED', resume: 'LIVE', withdraw: 'WITHDRAWN' } as const)[does]
    if (does === 'withdraw') schedule.pin = null
    schedule.version += 1
    compose(model, schedule.slot!)
  }
}

export function changeSlot(model: Model, name: string, does: 'publishSlot' | 'stop' | 'restart'): ErrorCode | Effect {
  const slot = model.slots.get(name)!
  const approved = slot.fallback.map((creative) => newestApproved(model, creative))
  if (does === 'publishSlot' && approved.includes(null)) return 'INVALID_STATE'
  if (slot.archived && slot.revision === 0) return 'INVALID_STATE'
  const kept = slot.pinnedFallback.map((text) => text.split('@')[0])
  const isAnew = (creative: string) => model.things.get(creative)!.archived && !kept.includes(creative)
  if (does === 'publishSlot' && slot.fallback.some(isAnew)) return 'INVALID_STATE'
  if (does === 'stop' && slot.stopped) return 'INVALID_STATE'
  if (does === 'restart' && !slot.stopped) return 'INVALID_STATE'
  return () => {
    slot.version += 1
    compose(model, name)
    if (does === 'publishSlot') slot.pinnedFallback = approved as string[]
    else slot.stopped = does === 'stop'
  }
}

/**
 * Pins what an earlier publication served, without what is not approved now, and what is archived and not pinned there now. Other live
 * schedules are withdrawn.
 */
export function rollback(model: Model, name: string, to: number): ErrorCode | Effect {
  const slot = model.slots.get(name)!
  const past = slot.past.get(to)
  if (!past || to >= slot.revision) return 'BAD_USER_INPUT'
  const isUsable = (text: string, inUse: readonly string[]) =>
    isApproved(model, text) && (!thingOf(model, text).archived || inUse.includes(thingOf(model, text).name))
  const kept = new Map<Thing, Pin>()
  for (const pin of past.entries) {
    const schedule = thingOf(model, pin.schedule)
    const inUse = namesPinned(schedule)
    const needed = [pin.schedule, ...(pin.strategy ? [pin.strategy] : []), ...pin.segments]
    const creatives = pin.creatives.filter((text) => isUsable(text, inUse))
    const isAllowed = !slot.archived || schedule.pin !== null
    if (isAllowed && creatives.length > 0 && needed.every((text) => isUsable(text, inUse))) {
      kept.set(schedule, { ...pin, creatives })
    }
  }
  const fallbackNow = slot.pinnedFallback.map((text) => thingOf(model, text).name)
  const fallback = past.fallback.filter((text) => isUsable(text, fallbackNow))
  const wasEmpty = past.entries.length === 0 && past.fallback.length === 0
  if (!wasEmpty && kept.size === 0 && fallback.length === 0) return 'INVALID_STATE'
  return () => {
    for (const schedule of model.things.values()) {
      if (schedule.slot !== name) continue
      const pin = kept.get(schedule) ?? null
      if (!pin && schedule.delivery !== 'LIVE') continue
      if (pin && schedule.delivery === 'LIVE' && isSame(pin, schedule.pin!)) continue
      schedule.pin = pin
      schedule.delivery = pin ? 'LIVE' : 'WITHDRAWN'
      schedule.version += 1
    }
    slot.version += 1
    compose(model, name)
    slot.pinnedFallback = fallback
  }
}

function isSame(one: Pin, other: Pin): boolean {
  return textsIn(one).sort().join() === textsIn(other).sort().join()
}

/** Composes every slot that pins the revision. Withdraws the schedules that are this revision, or use it as strategy or segment. */
export function revoke(model: Model, text: string): ErrorCode | Effect {
  if (!isApproved(model, text)) return 'INVALID_STATE'
  return () => takeAway(model, thingOf(model, text), [text])
}

/** Revokes every approval of the thing. Each slot is composed once. */
export function takeDown(model: Model, thing: Thing): ErrorCode | Effect {
  const approved = thing.revisions
    .map((_, index) => revisionText(thing.name, index + 1))
    .filter((text) => isApproved(model, text))
  if (approved.length === 0) return 'INVALID_STATE'
  return () => takeAway(model, thing, approved)
}

function takeAway(model: Model, thing: Thing, texts: readonly string[]): void {
  for (const text of texts) {
    const review = reviewOf(model, text)
    review.state = 'REVOKED'
    review.version += 1
    if (newest(thing) === text) thing.state = 'REJECTED'
  }
  const holds = (pinned: readonly string[]) => texts.some((text) => pinned.includes(text))
  const schedules = [...model.things.values()].filter(({ pin }) => pin && holds(textsIn(pin)))
  const slots = [...model.slots].filter(([, { pinnedFallback }]) => holds(pinnedFallback))
  const touched = new Set([...schedules.map(({ slot }) => slot!), ...slots.map(([name]) => name)])
  for (const slot of touched) compose(model, slot)
  for (const schedule of thing.kind === 'CREATIVE' ? [] : schedules) {
    schedule.pin = null
    schedule.delivery = 'WITHDRAWN'
  }
}

/** The next publication of the slot. The first one takes the creatives of the fallback that are approved and not archived. */
function compose(model: Model, name: string): void {
  const slot = model.slots.get(name)!
  if (slot.revision === 0) {
    const usable = slot.fallback.filter((creative) => !model.things.get(creative)!.archived)
    slot.pinnedFallback = usable.flatMap((creative) => newestApproved(model, creative) ?? [])
  }
  slot.revision += 1
}
