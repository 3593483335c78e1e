// The lists that delivery answers: the publications of an app, the schedules of a slot that are not served, and the places where a
// revision is pinned.

import { authorize } from '../../common/access/rights.ts'
import { refuseUnknownApp } from '../../common/apps/apps.ts'
import { parseInput, period as periodInput } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { type Connection, type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { Store } from '../../common/store/store.ts'
import { type Pin, pinText } from '../../engine/publication/types.ts'
import type { SubjectKind } from '../audit/repository.ts'
import { type Schedule, type Slot, schedules, slots } from '../schedule/repository.ts'
import {
  type PinnedIn,
  type PublicationRecord,
  publications,
  schedulesThatPin,
  slotHeads,
  slotsThatFallBackTo,
} from './repository.ts'

export type PublicationArguments = PageArguments & { app: string; slot?: string | null; period?: unknown }

/** The publications of an app or of one of its slots, newest first. Throws FORBIDDEN without a role in the app. */
export async function listPublications(
  { store }: Services,
  caller: Caller,
  { app, slot, period, ...page }: PublicationArguments,
): Promise<Connection<PublicationRecord>> {
  authorize(caller.principal, app, 'read')
  const { first, limit, after } = readPage(page)
  const { from, to } = parseInput(periodInput, period ?? {}, 'period')
  const filter = {
    app,
    slot: slot ? slots.keyIn(app, slot) : undefined,
    from: from ?? undefined,
    to: to ?? undefined,
  }
  const found = await publications.page(store, filter, { limit, before: after })
  await refuseUnknownApp(store, app, found, after)
  // An empty list is right for a slot without publications, but not for a slot that does not exist.
  if (slot && found.length === 0) await slots.requireIn(store, app, slot, 'slot')
  return toConnection(
    found,
    first,
    ({ _id }) => _id,
    () => publications.count(store, filter),
  )
}

export type NotServedReason = 'PAUSED' | 'REVOKED' | 'PENDING' | 'ARCHIVED' | 'WITHDRAWN' | 'UNPUBLISHED'
export type NotServed = { schedule: { id: string }; reason: NotServedReason }

/**
 * The explanation that is asked about. A node's explanation comes with the revision of its publication, a preview with its
 * schedules. `slot` is the code.
 */
export type Explained = {
  app: string
  slot: string
  revision?: number | null
  schedules?: readonly { schedule: { id: string } }[]
}

/** The schedules that are booked in a slot and not in the explanation, newest first. Throws FORBIDDEN without a role in the app. */
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
    const { served, latest } = await servedSchedules(tx, slot, explained)
    const notServed = { $and: [{ slot: slot._id }, { _id: { $nin: served } }] }
    const before = page.before ?? undefined
    const found = await schedules.page(tx, slot.app, notServed, { limit: first, before })
    return found.map((schedule) => ({ schedule: { id: schedule._id }, reason: reasonOf(schedule, latest) }))
  })
}

/** The ids of the schedules in the explanation, and of those in the slot's latest publication. One read of publications. */
async function servedSchedules(
  tx: Tx,
  slot: Slot,
  explained: Explained,
): Promise<{ served: string[]; latest: Set<string> }> {
  const head = await slotHeads.get(tx, slot._id)
  const revisions = [explained.revision, head?.revision].filter((revision) => typeof revision === 'number')
  const found = await publications.ofRevisions(tx, slot._id, revisions)
  const schedulesIn = (revision: number | null | undefined) =>
    found.find((one) => one.revision === revision)?.pins.entries.map(({ schedule }) => schedule.id) ?? []
  const served = explained.schedules?.map(({ schedule }) => schedule.id) ?? schedulesIn(explained.revision)
  return { served, latest: new Set(schedulesIn(head?.revision)) }
}

function reasonOf({ _id, deliveryState, archivedAt }: Schedule, latest: ReadonlySet<string>): NotServedReason {
  if (deliveryState === 'PAUSED') return 'PAUSED'
  if (deliveryState === 'LIVE') return latest.has(_id) ? 'PENDING' : 'REVOKED'
  if (archivedAt !== null) return 'ARCHIVED'
  return deliveryState === 'WITHDRAWN' ? 'WITHDRAWN' : 'UNPUBLISHED'
}

/** A revision of some kind of thing; at most `first` schedules and `first` slots are listed. */
export type PinnedByKey = { kind: SubjectKind; pin: Pin; first: number }
export type PinnedBy = { schedules: PinnedIn | undefined; slots: PinnedIn | undefined }

/** The key of the DataLoader. Example: `CREATIVE cre_1@3 20`. */
export function pinnedByKeyText({ kind, pin, first }: PinnedByKey): string {
  return `${kind} ${pinText(pin)} ${first}`
}

/** The schedules and slots in which each revision is pinned. One read of each collection for equal `kind` and `first`. */
export async function readPinnedBy(store: Store, keys: readonly PinnedByKey[]): Promise<PinnedBy[]> {
  const found = new Map<string, PinnedBy>()
  for (const group of Map.groupBy(keys, ({ kind, first }) => `${kind} ${first}`).values()) {
    const { kind, first } = group[0]!
    const pins = group.map(({ pin }) => pin)
    const [schedules, slots] = await Promise.all([
      schedulesThatPin(store, kind, pins, first),
      kind === 'CREATIVE' ? slotsThatFallBackTo(store, pins, first) : new Map<string, PinnedIn>(),
    ])
    for (const key of group) {
      const pin = pinText(key.pin)
      found.set(pinnedByKeyText(key), { schedules: schedules.get(pin), slots: slots.get(pin) })
    }
  }
  return keys.map((key) => found.get(pinnedByKeyText(key))!)
}
