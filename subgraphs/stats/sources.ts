// What an import names: each slot, schedule and creative must be there and belong together. All the sources of a
// batch are read at once.

import { badInput } from '../../common/errors.ts'
import type { Db } from '../../common/store/rows.ts'
import { type Schedule, type Slot, schedules, slots } from '../schedule/repository.ts'

/** `schedule` null or left out: the slot's fallback. */
export type EventSourceInput = { slot: string; schedule?: string | null | undefined; creative: string }

/** `path` is where the source stands in the input. */
export type NamedSource = { path: string; source: EventSourceInput }

type Mistake = { path: string; message: string }
type Found = {
  slots: ReadonlyMap<string, Slot>
  schedules: ReadonlyMap<string, Schedule>
  /** schedule -> the creatives of all its revisions. */
  creatives: ReadonlyMap<string, ReadonlySet<string>>
}

/** Throws BAD_USER_INPUT with the path and id of everything that is named wrongly. */
export async function checkSources(db: Db, app: string, named: readonly NamedSource[]): Promise<void> {
  if (named.length === 0) return
  const found = await findNamed(db, app, named)
  const mistakes = named.flatMap(({ path, source }) => mistakeIn(source, path, app, found) ?? [])
  const [first, ...more] = mistakes
  if (first) throw badInput(first.path, first.message, more)
}

async function findNamed(db: Db, app: string, named: readonly NamedSource[]): Promise<Found> {
  const slotIds = [...new Set(named.map(({ source }) => source.slot))]
  const scheduleIds = [...new Set(named.flatMap(({ source }) => source.schedule ?? []))]
  const [foundSlots, foundSchedules, revisions] = await Promise.all([
    slots.byIds(db, slotIds),
    schedules.byIds(db, scheduleIds),
    schedules.revisionsOf(db, scheduleIds),
  ])
  const creatives = new Map<string, Set<string>>()
  for (const { id, content } of revisions) {
    const ofSchedule = creatives.get(id) ?? new Set()
    creatives.set(id, ofSchedule)
    for (const { creative } of content.creatives) ofSchedule.add(creative)
  }
  return { slots: byId(foundSlots, app), schedules: byId(foundSchedules, app), creatives }
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
  if (found.creatives.get(schedule._id)?.has(source.creative)) return undefined
  return {
    path: `${path}.creative`,
    message: `the creative ${creativeId} is in no revision of schedule ${scheduleId}`,
  }
}
