// A slot's own settings on the nodes: capacity, rotation, caps and fallback take effect by `publishSlot`, and never by
// publishing a schedule, save that the first publication of a slot needs some.

import { z } from 'zod'
import { readerOf } from '../../common/access/rights.ts'
import { expectedVersion, idempotencyKey, parseInput, reference } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { formatMistakes } from '../../common/formats/format.ts'
import { archivedAnew, refuseArchived, refuseArchivedAnew } from '../../common/store/archived.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import { type Approved, reviews } from '../audit/repository.ts'
import { type CreativeContent, creatives } from '../creative/repository.ts'
import { type Slot, slots } from '../schedule/repository.ts'
import { refuseUnapproved, wanted } from './approved.ts'
import { mutateSlot } from './command.ts'
import { compose } from './compose.ts'
import { refuseMisfits } from './fitting.ts'
import { idsOf, type SlotHead, type SlotSettings, slotHeads } from './repository.ts'

/** The input of every mutation of delivery on a slot. */
export const slotInput = z.object({ slot: reference, expectedVersion, idempotencyKey })

const NOTHING = { capacity: null, rotationSeconds: null, caps: [], fallback: [] }

/** Answers the id of the slot's new publication, which is on its way to the nodes. */
export async function publishSlot(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(slotInput, given)
  const { epoch } = services.store
  return mutateSlot(services, caller, 'publishSlot', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const slot = await slots.requireNamed(tx, input.slot, 'input.slot', readerOf(caller.principal))
    mutation.authorize(slot.app)
    checkVersion('slot', slot, input.expectedVersion)
    const before = await slotHeads.get(tx, slot._id)
    refuseUnpublished(slot, before, 'be published')
    const kept = new Set(idsOf(before?.fallback ?? []))
    const uses = await creatives.uses(tx, slot.fallback)
    refuseArchivedAnew(`Cannot publish the slot ${JSON.stringify(slot._id)}`, uses, kept)
    const approved = await reviews.newestApproved(tx, slot.fallback)
    refuseUnapproved(
      slot.fallback.map((creative) => wanted('creative', creative)),
      approved,
    )
    refuseMisfits(slot, await contentsOf(tx, approved))
    const settings = await pinSettings(tx, slot, approved, kept)
    if (before) await slotHeads.set(tx, slot._id, settings)
    else await slotHeads.insert(tx, newHead(slot, settings, epoch))
    const after = await slots.touch(tx, slot, { pinnedFallback: idsOf(settings.fallback) })
    const made = await compose(tx, slot._id, { epoch, actor, at })
    const { capacity, rotationSeconds, caps, fallback } = before ?? NOTHING
    const subject = { type: 'SLOT', id: slot._id } as const
    const pinned = { capacity, rotationSeconds, caps, fallback }
    await mutation.log(slot.app, subject, { ...slot, pinned: before && pinned }, { ...after, pinned: settings })
    return made
  })
}

/** An archived slot in which nothing was ever published stays so. `action` as people read it: `be published`. */
export function refuseUnpublished(slot: Slot, head: SlotHead | null, action: string): void {
  if (!head) refuseArchived('slot', slot, `${action}, for nothing was ever published in it`)
}

/**
 * Makes the head of a slot in which nothing was published yet, with its settings as they are and what is approved and
 * fits of its fallback: a booking must not wait for a fallback, and nothing else may go out.
 */
export async function ensureHead(tx: Tx, slot: Slot, epoch: number): Promise<void> {
  if (await slotHeads.get(tx, slot._id)) return
  const settings = await pinSettings(tx, slot, await fittingFallback(tx, slot), new Set())
  await slotHeads.insert(tx, newHead(slot, settings, epoch))
  if (settings.fallback.length > 0) await slots.setPinned(tx, slot._id, idsOf(settings.fallback))
}

/** The head of a slot; where nothing was published in it yet, the one that `ensureHead` would make. Writes nothing. */
export async function headOrNew(tx: Tx, slot: Slot, epoch: number): Promise<SlotHead> {
  const head = await slotHeads.get(tx, slot._id)
  return head ?? newHead(slot, settingsWith(slot, await fittingFallback(tx, slot)), epoch)
}

/** What is approved of the slot's fallback, fits, and is not archived. */
async function fittingFallback(tx: Tx, slot: Slot): Promise<Map<string, Approved>> {
  const archived = new Set(archivedAnew(await creatives.uses(tx, slot.fallback)).map(({ id }) => id))
  const approved = await reviews.newestApproved(
    tx,
    slot.fallback.filter((id) => !archived.has(id)),
  )
  for (const [id, content] of await contentsOf(tx, approved)) {
    if (formatMistakes(slot.format, content).length > 0) approved.delete(id)
  }
  return approved
}

/** id -> what was approved of it. */
async function contentsOf(tx: Tx, approved: ReadonlyMap<string, Approved>): Promise<Map<string, CreativeContent>> {
  if (approved.size === 0) return new Map()
  const revisions = await creatives.atPins(tx, [...approved.values()])
  return new Map(revisions.flatMap((revision) => (revision ? [[revision.id, revision.content]] : [])))
}

/**
 * The settings with the fallback at its approved revisions; each approval is guarded against being revoked, and each creative
 * that was not in it before (`kept`) against being archived.
 */
async function pinSettings(
  tx: Tx,
  slot: Slot,
  approved: ReadonlyMap<string, Approved>,
  kept: ReadonlySet<string>,
): Promise<SlotSettings> {
  const chosen = slot.fallback.flatMap((id) => approved.get(id) ?? [])
  await reviews.guard(
    tx,
    chosen.map(({ review }) => review),
  )
  await creatives.guard(
    tx,
    idsOf(chosen).filter((id) => !kept.has(id)),
  )
  return settingsWith(slot, approved)
}

function settingsWith(slot: Slot, approved: ReadonlyMap<string, Approved>): SlotSettings {
  const { capacity, rotationSeconds, caps } = slot
  const chosen = slot.fallback.flatMap((id) => approved.get(id) ?? [])
  return { capacity, rotationSeconds, caps, fallback: chosen.map(({ id, revision }) => ({ id, revision })) }
}

function newHead({ _id, app, code }: Slot, settings: SlotSettings, epoch: number): SlotHead {
  return { _id, app, code, stopped: false, ...settings, epoch, revision: 0, latest: '' }
}
