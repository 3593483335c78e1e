// Checks what an import names. Each slot, schedule and creative must exist, and they must belong together. All sources of a
// batch are read at once, by id. A schedule source that was right once is not read again, because it stays right.

import { badInput } from '../../common/base/errors.ts'
import type { Db } from '../../common/store/collection.ts'
import { type Schedule, type Slot, schedules, slots } from '../schedule/repository.ts'

/** `slot` is an id or a code. `schedule` null or left out: the slot's fallback. */
export type EventSourceInput = { slot: string; schedule?: string | null | undefined; creative: string }

/** `path` says where the source is in the input, as in `input.events[3].source`. */
export type SourceAtPath = { path: string; source: EventSourceInput }

/** Source -> the id of its slot. */
export type SlotIds = ReadonlyMap<EventSourceInput, string>

type Mistake = { path: string; message: string }
type Found = {
  /** By the name in the source: id or code. */
  slots: ReadonlyMap<string, Slot>
  schedules: ReadonlyMap<string, Schedule>
  /** Whether the schedule has the creative, or had it in an earlier revision. */
  has(schedule: Schedule, creative: string): boolean
}

const MAX_REMEMBERED = 10_000

/** @throws AlkaidError BAD_USER_INPUT, with the path and the name of each source that is wrong. */
export function createSourceChecker(db: Db): (app: string, sources: readonly SourceAtPath[]) => Promise<SlotIds> {
  // Source -> slot id. A schedule never changes its slot, and its revisions never change, so this stays right.
  // A slot's fallback does change: sources without a schedule are read each time.
  const checkedBefore = new Map<string, string>()
  const keyOf = (app: string, { slot, schedule, creative }: EventSourceInput) =>
    JSON.stringify([app, slot, schedule, creative])

  return async (app, sources) => {
    const slotIds = new Map<EventSourceInput, string>()
    const unchecked = sources.filter(({ source }) => {
      const slot = checkedBefore.get(keyOf(app, source))
      if (slot !== undefined) slotIds.set(source, slot)
      return slot === undefined
    })
    if (unchecked.length === 0) return slotIds
    const found = await findSources(db, app, unchecked)
    const mistakes = unchecked.flatMap(({ path, source }) => mistakeIn(source, path, app, found) ?? [])
    const [first, ...more] = mistakes
    if (first) throw badInput(first.path, first.message, more)
    for (const { source } of unchecked) {
      const slot = found.slots.get(source.slot)!._id
      slotIds.set(source, slot)
      if (!source.schedule) continue
      if (checkedBefore.size >= MAX_REMEMBERED) checkedBefore.clear()
      checkedBefore.set(keyOf(app, source), slot)
    }
    return slotIds
  }
}

async function findSources(db: Db, app: string, sources: readonly SourceAtPath[]): Promise<Found> {
  const slotNames = [...new Set(sources.map(({ source }) => source.slot))]
  const scheduleIds = [...new Set(sources.flatMap(({ source }) => source.schedule ?? []))]
  const [foundSlots, foundSchedules] = await Promise.all([
    slots.namedIn(db, app, slotNames),
    schedules.byIds(db, scheduleIds),
  ])
  const ofApp = byIdInApp(foundSchedules, app)
  const isInHead = (schedule: Schedule, wanted: string) =>
    schedule.content.creatives.some(({ creative }) => creative === wanted)
  const notInHead = sources.flatMap(({ source: { schedule, creative } }) => {
    const head = ofApp.get(schedule ?? '')
    return head && !isInHead(head, creative) ? [{ schedule: head._id, creative }] : []
  })
  const hadBefore = await schedules.everHad(db, notInHead)
  return {
    slots: foundSlots,
    schedules: ofApp,
    has: (schedule, creative) => isInHead(schedule, creative) || hadBefore(schedule._id, creative),
  }
}

/** Leaves out what belongs to another app: the caller is told that it does not exist. */
function byIdInApp<T extends { _id: string; app: string }>(things: readonly (T | null)[], app: string): Map<string, T> {
  return new Map(things.flatMap((thing) => (thing?.app === app ? [[thing._id, thing]] : [])))
}

function mistakeIn(source: EventSourceInput, path: string, app: string, found: Found): Mistake | undefined {
  const [slotName, creativeId] = [JSON.stringify(source.slot), JSON.stringify(source.creative)]
  const slot = found.slots.get(source.slot)
  if (!slot) return { path: `${path}.slot`, message: `there is no slot ${slotName} in app ${JSON.stringify(app)}` }
  if (source.schedule === null || source.schedule === undefined) {
    if (slot.fallback.includes(source.creative)) return undefined
    return {
      path: `${path}.creative`,
      message: `the creative ${creativeId} is not in the fallback of slot ${slotName}`,
    }
  }
  const scheduleId = JSON.stringify(source.schedule)
  const schedule = found.schedules.get(source.schedule)
  if (schedule?.slot !== slot._id) {
    return { path: `${path}.schedule`, message: `there is no schedule ${scheduleId} in slot ${slotName}` }
  }
  if (found.has(schedule, source.creative)) return undefined
  return {
    path: `${path}.creative`,
    message: `the creative ${creativeId} is in no revision of schedule ${scheduleId}`,
  }
}
