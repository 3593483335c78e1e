// What a slot or schedule names: it must exist in the same app, must not be archived unless it was named before, and a
// creative must fit the slot's format. What is another app's is as if it did not exist.

import { badInput } from '../../common/base/errors.ts'
import { formatMistakes, type SlotFormat } from '../../common/formats/format.ts'
import { archivedAnew, archivedMistake, type Use, useOf } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import { segmentsIn } from '../../engine/targeting/segments.ts'
import { creatives } from '../creative/repository.ts'
import { type Strategy, segments, strategies } from '../strategy/repository.ts'
import { type ScheduleContent, type Slot, slots } from './repository.ts'

/** Where something is named that cannot be, and why. */
export type Mistake = { path: string; message: string }

type Thing = { _id: string; app: string; archivedAt: Date | null }

/** What the ids are held against. `kept`: ids that were named before, which may be archived by now. */
export type NamedIn = { app: string; format: SlotFormat | null; kept: ReadonlySet<string> }

/** BAD_USER_INPUT that says every mistake, when there is one. */
export function refuse([first, ...more]: readonly Mistake[]): void {
  if (first) throw badInput(first.path, first.message, more)
}

/** The slot to book in; null with its mistake when nothing can be booked there. */
export async function slotToBook(
  tx: Tx,
  app: string,
  name: string,
  path: string,
): Promise<{ slot: Slot | null; mistakes: Mistake[] }> {
  const slot = (await slots.namedIn(tx, app, [name])).get(name) ?? null
  const message = namingMistake('slot', app, name, slot, new Set())
  return message === undefined ? { slot, mistakes: [] } : { slot: null, mistakes: [{ path, message }] }
}

/** What is wrong with the creatives and the strategy that a schedule's content names. `path`: where the content is. */
export async function contentMistakes(
  tx: Tx,
  named: NamedIn,
  { creatives, strategy }: ScheduleContent,
  path: string,
): Promise<Mistake[]> {
  const ids = creatives.map(({ creative }) => creative)
  return [
    ...(await creativeMistakes(tx, named, ids, (index) => `${path}.creatives[${index}].creative`)),
    ...(await strategyMistakes(tx, named, strategy, `${path}.strategy`)),
  ]
}

/** What is wrong with creatives, at their newest content. `path` says where each is named. */
export async function creativeMistakes(
  tx: Tx,
  { app, format, kept }: NamedIn,
  ids: readonly string[],
  path: (index: number) => string,
): Promise<Mistake[]> {
  if (ids.length === 0) return []
  const found = await creatives.byIds(tx, ids)
  return ids.flatMap((id, index) => {
    const creative = found[index] ?? null
    const naming = namingMistake('creative', app, id, creative, kept)
    if (naming !== undefined || !creative) return [{ path: path(index), message: naming! }]
    const misfits = formatMistakes(format, creative.content)
    return misfits.map((misfit) => ({ path: path(index), message: `the creative ${JSON.stringify(id)} ${misfit}` }))
  })
}

/** A strategy brings its segments, and those that they name: they are used where it is. */
async function strategyMistakes(tx: Tx, { app, kept }: NamedIn, id: string | null, path: string): Promise<Mistake[]> {
  if (id === null) return []
  const strategy = await strategies.get(tx, id)
  const message = namingMistake('strategy', app, id, strategy, kept)
  if (message !== undefined) return [{ path, message }]
  if (!strategy || kept.has(id)) return []
  const uses = await segmentsOf(tx, [strategy])
  if (archivedAnew(uses).length === 0) return []
  const usedBefore = await segmentsOf(tx, await strategies.byIds(tx, [...kept]))
  const [archived] = archivedAnew(uses, new Set(usedBefore.map((use) => use.id)))
  return archived ? [{ path, message: `the strategy ${JSON.stringify(id)} names ${archivedMistake(archived)}` }] : []
}

async function segmentsOf(tx: Tx, named: readonly (Strategy | null)[]): Promise<Use[]> {
  const ids = named.flatMap((strategy) => segmentsIn(strategy?.content.constraint ?? null))
  return [...(await segments.reached(tx, ids)).values()].map((segment) => useOf('segment', segment))
}

function namingMistake(
  what: string,
  app: string,
  id: string,
  found: Thing | null,
  kept: ReadonlySet<string>,
): string | undefined {
  if (found?.app !== app) return `there is no ${what} ${JSON.stringify(id)} in app ${JSON.stringify(app)}`
  const [archived] = archivedAnew([useOf(what, found)], kept)
  return archived && archivedMistake(archived)
}
