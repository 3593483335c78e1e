// What is booked in a slot and not served in it, and why: the part of an explanation that no node knows.

import { authorize } from '../../common/access/rights.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { readPage } from '../../common/graphql/connection.ts'
import type { Tx } from '../../common/store/collection.ts'
import { type Schedule, type Slot, schedules, slots } from '../schedule/repository.ts'
import { publications, slotHeads } from './repository.ts'

export type NotServedReason = 'PAUSED' | 'REVOKED' | 'PENDING' | 'ARCHIVED' | 'WITHDRAWN' | 'UNPUBLISHED'
export type NotServed = { schedule: { id: string }; reason: NotServedReason }

/**
 * Of which answer: what a node made of a publication is known by its revision, what a preview made by the schedules in it.
 * `slot`: its code.
 */
export type Explained = {
  app: string
  slot: string
  revision?: number | null
  schedules?: readonly { schedule: { id: string } }[]
}

/** Newest first. FORBIDDEN without a role in the app. */
export async function listNotServed(
  { store }: Services,
  caller: Caller,
  explained: Explained,
  page: { first?: number | null; before?: string | null },
): Promise<NotServed[]> {
  authorize(caller.principal, explained.app, 'read')
  const { first } = readPage(page)
  return store.transaction(async (tx) => {
    const slot = await slots.requireIn(tx, explained.app, explained.slot, 'slot')
    const { served, latest } = await servedIn(tx, slot, explained)
    const others = { $and: [{ slot: slot._id }, { _id: { $nin: served } }] }
    const before = page.before ?? undefined
    const found = await schedules.page(tx, slot.app, others, { limit: first, before })
    return found.map((schedule) => ({ schedule: { id: schedule._id }, reason: reasonOf(schedule, latest) }))
  })
}

/** The ids of the schedules of the answer, and of those that the slot's latest publication has. One read of publications. */
async function servedIn(tx: Tx, slot: Slot, explained: Explained): Promise<{ served: string[]; latest: Set<string> }> {
  const head = await slotHeads.get(tx, slot._id)
  const revisions = [explained.revision, head?.revision].filter((revision) => typeof revision === 'number')
  const found = await publications.ofRevisions(tx, slot._id, revisions)
  const idsOf = (revision: number | null | undefined) =>
    found.find((one) => one.revision === revision)?.pins.entries.map(({ schedule }) => schedule.id) ?? []
  const served = explained.schedules?.map(({ schedule }) => schedule.id) ?? idsOf(explained.revision)
  return { served, latest: new Set(idsOf(head?.revision)) }
}

function reasonOf({ _id, deliveryState, archivedAt }: Schedule, latest: ReadonlySet<string>): NotServedReason {
  if (deliveryState === 'PAUSED') return 'PAUSED'
  if (deliveryState === 'LIVE') return latest.has(_id) ? 'PENDING' : 'REVOKED'
  if (archivedAt !== null) return 'ARCHIVED'
  return deliveryState === 'WITHDRAWN' ? 'WITHDRAWN' : 'UNPUBLISHED'
}
