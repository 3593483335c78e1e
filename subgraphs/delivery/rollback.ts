// Taking a slot back to an earlier publication, in one transaction: nodes get one new publication, so the slot is never empty in between.
// It pins what that publication had, without what may not be served or used any more. Like `publish`, it guards every approval that
// it relies on, and everything that gets a new use.

import { canonicalJson } from '../../common/base/content-hash.ts'
import { badInput, invalidState } from '../../common/base/errors.ts'
import { parseInput } from '../../common/command/input.ts'
import type { Mutation } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { formatMistakes } from '../../common/formats/format.ts'
import type { Use } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import { type Pin, pinText } from '../../engine/publication/types.ts'
import { reviews } from '../audit/repository.ts'
import { creatives } from '../creative/repository.ts'
import { type Slot, schedules, slots } from '../schedule/repository.ts'
import { segments, strategies } from '../strategy/repository.ts'
import { type ContentsByPin, compose, readApprovedContents } from './composition.ts'
import {
  idsOf,
  type LeftOut,
  type PinnedEntry,
  type PublicationRecord,
  pins,
  publications,
  type SchedulePin,
  type SlotHead,
  type SlotSettings,
  shownPin,
  slotHeads,
} from './repository.ts'
import { mutateAndSend, requireSlot, revisionNumber, slotInput } from './slot-command.ts'

const rollbackInput = slotInput.extend({ to: revisionNumber })

/** Takes a slot back to an earlier publication. Returns the id of its new publication. `mutateAndSend` sends it after the commit. */
export async function rollbackSlot(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(rollbackInput, given)
  const { epoch } = services.store
  return mutateAndSend(services, caller, 'rollbackSlot', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const slot = await requireSlot(mutation, caller, input)
    const head = await slotHeads.get(tx, slot._id)
    const { earlier, now } = await requireEarlier(tx, slot, head, input.to)

    const plan = await planRollback(tx, slot, now, earlier)
    refuseNothingLeft(slot, input.to, plan)
    await guardUses(tx, plan)

    const { stopped: _, entries: __, ...settings } = earlier.pins
    const newSettings: SlotSettings = { ...settings, fallback: plan.fallback }
    await slotHeads.set(tx, slot._id, newSettings)
    const slotAfter = await slots.touch(tx, slot, { pinnedFallback: idsOf(plan.fallback) })
    await changePins(mutation, slot, now, plan.entries)
    const rollback = { to: input.to, leftOut: plan.leftOut }
    const publication = await compose(tx, slot._id, { epoch, actor, at, rollback })

    const { capacity, rotationSeconds, caps, fallback } = now.head
    const logged = [
      { ...slot, pinned: { capacity, rotationSeconds, caps, fallback } },
      { ...slotAfter, pinned: newSettings, rollback },
    ] as const
    await mutation.log(slot.app, { type: 'SLOT', id: slot._id }, ...logged)
    return publication
  })
}

/** What is pinned in the slot now. `pins`: by the id of the schedule, live and paused. */
type Now = { head: SlotHead; pins: ReadonlyMap<string, SchedulePin> }

/** Throws BAD_USER_INPUT when `to` is not the revision of an earlier publication of the slot. */
async function requireEarlier(
  tx: Tx,
  slot: Slot,
  head: SlotHead | null,
  to: number,
): Promise<{ earlier: PublicationRecord; now: Now }> {
  const earlier = head && to < head.revision ? await publications.ofRevision(tx, slot._id, to) : null
  if (!head || !earlier) {
    const latest = head ? `the latest is ${head.revision}` : 'nothing was ever published in it'
    throw badInput('input.to', `is not an earlier publication of the slot ${JSON.stringify(slot.code)}: ${latest}`)
  }
  const pinned = await pins.ofSlot(tx, slot._id)
  return { earlier, now: { head, pins: new Map(pinned.map((pin) => [pin._id, pin])) } }
}

type Plan = {
  entries: PinnedEntry[]
  fallback: Pin[]
  leftOut: LeftOut[]
  /** The reviews of everything that is pinned. The caller guards them against revocation. */
  reviews: string[]
  /** The ids of what was not pinned in its place before. The caller guards them against being archived. */
  newlyUsed: { creatives: string[]; strategies: string[]; segments: string[] }
}

/** Which of the earlier pins are pinned again. It only reads: each collection once. */
async function planRollback(tx: Tx, slot: Slot, now: Now, { pins: earlier }: PublicationRecord): Promise<Plan> {
  const contents = await readApprovedContents(tx, earlier.entries, earlier.fallback)
  const archived = await archivedAmong(tx, earlier.entries, earlier.fallback)
  const plan: Plan = {
    entries: [],
    fallback: [],
    leftOut: [],
    reviews: [],
    newlyUsed: { creatives: [], strategies: [], segments: [] },
  }
  for (const entry of earlier.entries) planEntry(entry)
  const kept = new Set(idsOf(now.head.fallback))
  for (const pin of earlier.fallback) {
    const reason = reasonAgainst(pin, contents.creatives, kept)
    if (reason) plan.leftOut.push({ pin, schedule: null, reason })
    else plan.fallback.push(pin)
  }
  plan.newlyUsed.creatives.push(...idsOf(plan.fallback).filter((id) => !kept.has(id)))
  const pinned = [...plan.entries.flatMap(pinsIn), ...plan.fallback]
  plan.reviews = (await reviews.at(tx, pinned)).flatMap((review) => (review ? [review._id] : []))
  return plan

  function planEntry({ schedule, strategy, segments: used, creatives: booked }: PinnedEntry): void {
    const pinBefore = now.pins.get(schedule.id)
    const inUse = new Set(pinBefore ? [schedule.id, ...idsOf(pinsIn(pinBefore))] : [])
    const leaveOut = (pin: Pin, reason: LeftOut['reason']) => {
      plan.leftOut.push({ pin: { id: pin.id, revision: pin.revision }, schedule: schedule.id, reason })
    }
    const needed: [Pin, ReadonlyMap<string, unknown>][] = [
      [schedule, contents.schedules],
      ...(strategy ? [[strategy, contents.strategies] as [Pin, ReadonlyMap<string, unknown>]] : []),
      ...used.map((pin) => [pin, contents.segments] as [Pin, ReadonlyMap<string, unknown>]),
    ]
    let isLeft = true
    if (slot.archivedAt !== null && !pinBefore) {
      leaveOut(schedule, 'SLOT_ARCHIVED')
      isLeft = false
    }
    for (const [pin, approved] of needed) {
      const reason = reasonAgainst(pin, approved, inUse)
      if (!reason) continue
      leaveOut(pin, reason)
      isLeft = false
    }
    const shown = booked.filter((pin) => {
      const reason = reasonAgainst(pin, contents.creatives, inUse)
      if (reason) leaveOut(pin, reason)
      return !reason
    })
    if (!isLeft || shown.length === 0) return
    plan.entries.push({ schedule, strategy, segments: used, creatives: shown })
    const isNew = (id: string) => !inUse.has(id)
    plan.newlyUsed.creatives.push(...idsOf(shown).filter(isNew))
    plan.newlyUsed.strategies.push(...idsOf(strategy ? [strategy] : []).filter(isNew))
    plan.newlyUsed.segments.push(...idsOf(used).filter(isNew))
  }

  /** @param approved the contents of its kind that are approved now. */
  function reasonAgainst(
    pin: Pin,
    approved: ReadonlyMap<string, unknown>,
    inUse: ReadonlySet<string>,
  ): LeftOut['reason'] | undefined {
    if (!approved.has(pinText(pin))) return 'REVOKED'
    if (archived.has(pin.id) && !inUse.has(pin.id)) return 'ARCHIVED'
    return misfits(contents, slot, pin) ? 'FORMAT' : undefined
  }
}

function misfits({ creatives: contents }: ContentsByPin, { format }: Slot, pin: Pin): boolean {
  const content = contents.get(pinText(pin))
  return content !== undefined && formatMistakes(format, content).length > 0
}

/** The ids of everything among the earlier pins that is archived now. */
async function archivedAmong(tx: Tx, entries: readonly PinnedEntry[], fallback: readonly Pin[]): Promise<Set<string>> {
  const uses: Use[] = [
    ...(await schedules.uses(tx, idsOf(entries.map(({ schedule }) => schedule)))),
    ...(await creatives.uses(tx, idsOf([...entries.flatMap((entry) => entry.creatives), ...fallback]))),
    ...(await strategies.uses(tx, idsOf(entries.flatMap(({ strategy }) => strategy ?? [])))),
    ...(await segments.uses(tx, idsOf(entries.flatMap((entry) => entry.segments)))),
  ]
  return new Set(uses.flatMap(({ id, archivedAt }) => (archivedAt === null ? [] : [id])))
}

/** Throws INVALID_STATE when something was left out and nothing remains: the slot would be empty. */
function refuseNothingLeft({ code }: Slot, to: number, { entries, fallback, leftOut }: Plan): void {
  if (leftOut.length === 0 || entries.length > 0 || fallback.length > 0) return
  throw invalidState(
    `Cannot take the slot ${JSON.stringify(code)} back to publication ${to}: nothing of it may be served any more. ` +
      'Choose another publication, or publish schedules',
    { leftOut },
  )
}

/** Makes this transaction collide with one that takes away what it relies on: a revocation, or an archiving. */
async function guardUses(tx: Tx, { reviews: relied, newlyUsed }: Plan): Promise<void> {
  await reviews.guard(tx, relied)
  await creatives.guard(tx, newlyUsed.creatives)
  await strategies.guard(tx, newlyUsed.strategies)
  await segments.guard(tx, newlyUsed.segments)
}

/** Pins the entries, and withdraws what else is live. What is pinned and live in the same way already is not written. */
async function changePins(
  { tx, actor, at, log }: Mutation,
  { _id: slot, app }: Slot,
  now: Now,
  entries: readonly PinnedEntry[],
): Promise<void> {
  const wanted = new Map(entries.map((entry) => [entry.schedule.id, entry]))
  const isAlreadyLive = ([id, entry]: [string, PinnedEntry]) => {
    const pin = now.pins.get(id)
    return pin?.state === 'LIVE' && comparable(pin) === comparable(entry)
  }
  const pinnedAnew = [...wanted].filter((one) => !isAlreadyLive(one)).map(([id]) => id)
  const withdrawn = [...now.pins.values()].filter(({ _id, state }) => state === 'LIVE' && !wanted.has(_id))
  for (const schedule of await schedules.byIds(tx, [...pinnedAnew, ...idsOf(withdrawn.map((pin) => pin.schedule))])) {
    if (!schedule) continue
    const { _id } = schedule
    const entry = wanted.get(_id)
    const pin = entry ? { _id, ...entry, app, slot, state: 'LIVE' as const, publishedAt: at, publishedBy: actor } : null
    if (pin) await pins.put(tx, pin)
    else await pins.remove(tx, _id)
    const after = await schedules.touch(tx, schedule, shownPin(pin), at)
    const pinBefore = now.pins.get(_id) ?? null
    await log(app, { type: 'SCHEDULE', id: _id }, { ...schedule, pin: pinBefore }, { ...after, pin })
  }
}

function comparable({ schedule, creatives: booked, strategy, segments: used }: PinnedEntry): string {
  return canonicalJson({ schedule, booked, strategy, used: used.map(pinText).sort() })
}

function pinsIn({ schedule, creatives: booked, strategy, segments: used }: PinnedEntry): Pin[] {
  return [schedule, ...booked, ...(strategy ? [strategy] : []), ...used]
}
