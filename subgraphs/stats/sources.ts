// What an import names: each slot, schedule and creative must be there and belong together. All the sources of a
// batch are read at once, by id; what is known to be right is not read again, since it stays right.

import { badInput } from '../../common/base/errors.ts'
import type { Db } from '../../common/store/collection.ts'
import { type Schedule, type Slot, schedules, slots } from '../schedule/repository.ts'

/** `schedule` null or left out: the slot's fallback. */
export type EventSourceInput = { slot: string; schedule?: string | null | undefined; creative: string }

/** `path` is where the source stands in the input. */
export type NamedSource = { path: string; source: EventSourceInput }

type Mistake = { path: string; message: string }
type Found = {
  /** By whatever they were named. */
  slots: ReadonlyMap<string, Slot>
  schedules: ReadonlyMap<string, Schedule>
  /** Which creatives a schedule has, or had in an earlier revision: those that were asked for. */
  has(schedule: Schedule, creative: string): boolean
}

const MOST_KNOWN = 10_000

/** source -> the id of its slot, whichever name it was named by. */
export type SlotIds = ReadonlyMap<EventSourceInput, string>

/** Throws BAD_USER_INPUT with the path and id of everything that is named wrongly. */
export function sourceChecker(db: Db): (app: string, named: readonly NamedSource[]) => Promise<SlotIds> {
  // A schedule stays in its slot, and its revisions stay as they are. A slot's fallback changes: it is read each time.
  const known = new Map<string, string>()
  const keyOf = (app: string, { slot, schedule, creative }: EventSourceInput) =>
    JSON.stringify([app, slot, schedule, creative])

  return async (app, given) => {
    const slotIds = new Map<EventSourceInput, string>()
    const named = given.filter(({ source }) => {
      const slot = known.get(keyOf(app, source))
      if (slot !== undefined) slotIds.set(source, slot)
      return slot === undefined
    })
    if (named.length === 0) return slotIds
    const found = await findNamed(db, app, named)
    const mistakes = named.flatMap(({ path, source }) => mistakeIn(source, path, app, found) ?? [])
    const [first, ...more] = mistakes
    if (first) throw badInput(first.path, first.message, more)
    for (const { source } of named) {
      const slot = found.slots.get(source.slot)!._id
      slotIds.set(source, slot)
      if (!source.schedule) continue
      if (known.size >= MOST_KNOWN) known.clear()
      known.set(keyOf(app, source), slot)
    }
    return slotIds
  }
}

async function findNamed(db: Db, app: string, named: readonly NamedSource[]): Promise<Found> {
  const slotNames = [...new Set(named.map(({ source }) => source.slot))]
  const scheduleIds = [...new Set(named.flatMap(({ source }) => source.schedule ?? []))]
  const [foundSlots, foundSchedules] = await Promise.all([
    slots.namedIn(db, app, slotNames),
    schedules.byIds(db, scheduleIds),
  ])
  const ofApp = byId(foundSchedules, app)
  const isInHead = (schedule: Schedule, wanted: string) =>
    schedule.content.creatives.some(({ creative }) => creative === wanted)
  const older = named.flatMap(({ source: { schedule, creative } }) => {
    const head = ofApp.get(schedule ?? '')
    return head && !isInHead(head, creative) ? [{ schedule: head._id, creative }] : []
  })
  const hadBefore = await schedules.everHad(db, older)
  return {
    slots: foundSlots,
    schedules: ofApp,
    has: (schedule, creative) => isInHead(schedule, creative) || hadBefore(schedule._id, creative),
  }
}

/** What belongs to another app is not there. */
function byId<T extends { _id: string; app: string }>(things: readonly (T | null)[], app: string): Map<string, T> {
  return new Map(things.flatMap((thing) => (thing?.app === app ? [[thing._id, thing]] : [])))
}

function mistakeIn(source: EventSourceInput, path: string, app: string, found: Found): Mistake | undefined {
  const [slotId, creativeId] = [JSON.stringify(source.slot), JSON.stringify(source.creative)]
  const slot = found.slots.get(source.slot)
  if (!slot) return { path: `${path}.slot`, message: `there is no slot ${slotId} in app ${JSON.stringify(app)}` }
  if (source.schedule === null || source.schedule === undefined) {
    if (slot.fallback.includes(source.creative)) return undefined
    return { path: `${path}.creative`, message: `the creative ${creativeId} is not in the fallback of slot ${slotId}` }
  }
  const scheduleId = JSON.stringify(source.schedule)
  const schedule = found.schedules.get(source.schedule)
  if (schedule?.slot !== slot._id) {
    return { path: `${path}.schedule`, message: `there is no schedule ${scheduleId} in slot ${slotId}` }
  }
  if (found.has(schedule, source.creative)) return undefined
  return {
    path: `${path}.creative`,
    message: `the creative ${creativeId} is in no revision of schedule ${scheduleId}`,
  }
}
