// A slot's own settings on the nodes: capacity, rotation, caps and fallback. They change only by `publishSlot`, never by
// publishing a schedule. One exception: the first publication of a slot takes the settings as they are, because it needs some.

import { parseInput } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { formatMistakes } from '../../common/formats/format.ts'
import { newUsesOfArchived, refuseArchived, refuseNewUseOfArchived } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import { type Approved, reviews } from '../audit/repository.ts'
import { type CreativeContent, creatives } from '../creative/repository.ts'
import { type Slot, slots } from '../schedule/repository.ts'
import { compose } from './composition.ts'
import { checkApprovals, checkFormats, labelled } from './publish-checks.ts'
import { idsOf, type SlotHead, type SlotSettings, slotHeads } from './repository.ts'
import { mutateAndSend, requireSlot, slotInput } from './slot-command.ts'

const EMPTY_SETTINGS = { capacity: null, rotationSeconds: null, maxStaleSeconds: null, caps: [], fallback: [] }

/** Publishes a slot's settings and returns the id of its new publication. `mutateAndSend` sends it after the commit. */
export async function publishSlot(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(slotInput, given)
  const { epoch } = services.store
  return mutateAndSend(services, caller, 'publishSlot', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const slot = await requireSlot(mutation, caller, input)
    const before = await slotHeads.get(tx, slot._id)
    refuseUnpublished(slot, before, 'be published')

    const keptIds = new Set(idsOf(before?.fallback ?? []))
    const uses = await creatives.uses(tx, slot.fallback)
    refuseNewUseOfArchived(`Cannot publish the slot ${JSON.stringify(slot._id)}`, uses, keptIds)
    const approved = await reviews.newestApproved(tx, slot.fallback)
    checkApprovals(
      slot.fallback.map((id) => labelled('creative', id)),
      approved,
    )
    checkFormats(slot, await contentsOf(tx, approved))

    const settings = await pinSettings(tx, slot, approved, keptIds)
    if (before) await slotHeads.set(tx, slot._id, settings)
    else await slotHeads.insert(tx, newHead(slot, settings, epoch))
    const slotAfter = await slots.touch(tx, slot, { pinnedFallback: idsOf(settings.fallback) })
    const publication = await compose(tx, slot._id, { epoch, actor, at })

    const { capacity, rotationSeconds, maxStaleSeconds = null, caps, fallback } = before ?? EMPTY_SETTINGS
    const settingsBefore = { capacity, rotationSeconds, maxStaleSeconds, caps, fallback }
    const subject = { type: 'SLOT', id: slot._id } as const
    const logged = [
      { ...slot, pinned: before && settingsBefore },
      { ...slotAfter, pinned: settings },
    ] as const
    await mutation.log(slot.app, subject, ...logged)
    return publication
  })
}

/** An archived slot can be used only if something was published in it before. `action` ends the sentence: `be published`. */
export function refuseUnpublished(slot: Slot, head: SlotHead | null, action: string): void {
  if (!head) refuseArchived('slot', slot, `${action}, for nothing was ever published in it`)
}

/**
 * Makes the head of a slot in which nothing was published yet. Its fallback has only the creatives that are approved, fit
 * the format and are not archived. The others are left out: a booking must not wait for a fallback.
 */
export async function ensureHead(tx: Tx, slot: Slot, epoch: number): Promise<void> {
  if (await slotHeads.get(tx, slot._id)) return
  const settings = await pinSettings(tx, slot, await usableFallback(tx, slot), new Set())
  await slotHeads.insert(tx, newHead(slot, settings, epoch))
  if (settings.fallback.length > 0) await slots.setPinned(tx, slot._id, idsOf(settings.fallback))
}

/** The head of a slot, or the one that `ensureHead` would make. It only reads. */
export async function headOrNew(tx: Tx, slot: Slot, epoch: number): Promise<SlotHead> {
  const head = await slotHeads.get(tx, slot._id)
  return head ?? newHead(slot, settingsWith(slot, await usableFallback(tx, slot)), epoch)
}

/** id -> approved revision of each fallback creative that is not archived and fits the format. */
async function usableFallback(tx: Tx, slot: Slot): Promise<Map<string, Approved>> {
  const archivedIds = new Set(newUsesOfArchived(await creatives.uses(tx, slot.fallback)).map(({ id }) => id))
  const approved = await reviews.newestApproved(
    tx,
    slot.fallback.filter((id) => !archivedIds.has(id)),
  )
  for (const [id, content] of await contentsOf(tx, approved)) {
    if (formatMistakes(slot.format, content).length > 0) approved.delete(id)
  }
  return approved
}

/** id -> content of the approved revision. */
async function contentsOf(tx: Tx, approved: ReadonlyMap<string, Approved>): Promise<Map<string, CreativeContent>> {
  if (approved.size === 0) return new Map()
  const revisions = await creatives.atPins(tx, [...approved.values()])
  return new Map(revisions.flatMap((revision) => (revision ? [[revision.id, revision.content]] : [])))
}

/**
 * The settings with the fallback at its approved revisions. Guards each approval against revocation, and each creative that
 * is new in the fallback (not in `keptIds`) against being archived.
 */
async function pinSettings(
  tx: Tx,
  slot: Slot,
  approved: ReadonlyMap<string, Approved>,
  keptIds: ReadonlySet<string>,
): Promise<SlotSettings> {
  const pinned = slot.fallback.flatMap((id) => approved.get(id) ?? [])
  await reviews.guard(
    tx,
    pinned.map(({ review }) => review),
  )
  await creatives.guard(
    tx,
    idsOf(pinned).filter((id) => !keptIds.has(id)),
  )
  return settingsWith(slot, approved)
}

function settingsWith(slot: Slot, approved: ReadonlyMap<string, Approved>): SlotSettings {
  const { capacity, rotationSeconds, maxStaleSeconds = null, caps } = slot
  const pinned = slot.fallback.flatMap((id) => approved.get(id) ?? [])
  return {
    capacity,
    rotationSeconds,
    maxStaleSeconds,
    caps,
    fallback: pinned.map(({ id, revision }) => ({ id, revision })),
  }
}

function newHead({ _id, app, code }: Slot, settings: SlotSettings, epoch: number): SlotHead {
  return { _id, app, code, stopped: false, ...settings, epoch, revision: 0, latest: '' }
}
