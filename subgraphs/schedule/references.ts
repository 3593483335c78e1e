// Checks what a slot or schedule refers to: slots, creatives, strategies. Each must exist in the same app. It must not be
// archived, unless the version before referred to it already. Creatives must fit the format of the slot. A thing of another app
// counts as missing, so that nobody learns what other apps have.

import { badInput } from '../../common/base/errors.ts'
import { formatMistakes, type SlotFormat } from '../../common/formats/format.ts'
import { archivedMistake, newUsesOfArchived, type Use, useOf } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import { segmentsIn } from '../../engine/targeting/segments.ts'
import { creatives } from '../creative/repository.ts'
import { type Strategy, segments, strategies } from '../strategy/repository.ts'
import { type ScheduleContent, type Slot, slots } from './repository.ts'

/** A reference that is not allowed: its path in the input, and why. */
export type Mistake = { path: string; message: string }

type Thing = { _id: string; app: string; archivedAt: Date | null }

/** What the references are checked against. `kept`: ids in the version before; they may be archived. */
export type ReferenceRules = { app: string; format: SlotFormat | null; kept: ReadonlySet<string> }

/** @throws AlkaidError BAD_USER_INPUT with all mistakes, when there is at least one. */
export function refuse([first, ...more]: readonly Mistake[]): void {
  if (first) throw badInput(first.path, first.message, more)
}

/** Finds the slot to book in. The slot is null, with a mistake, when nothing can be booked there. */
export async function slotToBook(
  tx: Tx,
  app: string,
  name: string,
  path: string,
): Promise<{ slot: Slot | null; mistakes: Mistake[] }> {
  const slot = (await slots.namedIn(tx, app, [name])).get(name) ?? null
  const message = referenceMistake('slot', app, name, slot, new Set())
  return message === undefined ? { slot, mistakes: [] } : { slot: null, mistakes: [{ path, message }] }
}

/** The mistakes in the creatives and the strategy of a schedule's content. `path` is the path of the content. */
export async function contentMistakes(
  tx: Tx,
  rules: ReferenceRules,
  { creatives, strategy }: ScheduleContent,
  path: string,
): Promise<Mistake[]> {
  const ids = creatives.map(({ creative }) => creative)
  return [
    ...(await creativeMistakes(tx, rules, ids, (index) => `${path}.creatives[${index}].creative`)),
    ...(await strategyMistakes(tx, rules, strategy, `${path}.strategy`)),
  ]
}

/** The mistakes in a list of creatives, checked at their newest content. `path` gives the path of each. */
export async function creativeMistakes(
  tx: Tx,
  { app, format, kept }: ReferenceRules,
  ids: readonly string[],
  path: (index: number) => string,
): Promise<Mistake[]> {
  if (ids.length === 0) return []
  const found = await creatives.byIds(tx, ids)
  return ids.flatMap((id, index) => {
    const creative = found[index] ?? null
    const mistake = referenceMistake('creative', app, id, creative, kept)
    if (mistake !== undefined || !creative) return [{ path: path(index), message: mistake! }]
    const misfits = formatMistakes(format, creative.content)
    return misfits.map((misfit) => ({ path: path(index), message: `the creative ${JSON.stringify(id)} ${misfit}` }))
  })
}

/** A schedule also uses the segments of its strategy, and the segments inside them. So these are checked as well. */
async function strategyMistakes(
  tx: Tx,
  { app, kept }: ReferenceRules,
  id: string | null,
  path: string,
): Promise<Mistake[]> {
  if (id === null) return []
  const strategy = await strategies.get(tx, id)
  const message = referenceMistake('strategy', app, id, strategy, kept)
  if (message !== undefined) return [{ path, message }]
  if (!strategy || kept.has(id)) return []
  const uses = await segmentsOf(tx, [strategy])
  if (newUsesOfArchived(uses).length === 0) return []
  const usedBefore = await segmentsOf(tx, await strategies.byIds(tx, [...kept]))
  const [archived] = newUsesOfArchived(uses, new Set(usedBefore.map((use) => use.id)))
  return archived
    ? [{ path, message: `the strategy ${JSON.stringify(id)} uses an archived segment: ${archivedMistake(archived)}` }]
    : []
}

async function segmentsOf(tx: Tx, found: readonly (Strategy | null)[]): Promise<Use[]> {
  const ids = found.flatMap((strategy) => segmentsIn(strategy?.content.constraint ?? null))
  return [...(await segments.withNested(tx, ids)).values()].map((segment) => useOf('segment', segment))
}

function referenceMistake(
  what: string,
  app: string,
  id: string,
  found: Thing | null,
  kept: ReadonlySet<string>,
): string | undefined {
  if (found?.app !== app) return `there is no ${what} ${JSON.stringify(id)} in app ${JSON.stringify(app)}`
  const [archived] = newUsesOfArchived([useOf(what, found)], kept)
  return archived && archivedMistake(archived)
}
