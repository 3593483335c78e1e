// Where an exact revision is pinned: by which schedules, and as the fallback of which slots.

import type { Store } from '../../common/store/store.ts'
import type { Pin } from '../../engine/publication/types.ts'
import { pinText } from '../../engine/publication/types.ts'
import type { SubjectKind } from '../audit/repository.ts'
import { type PinnedIn, schedulesThatPin, slotsThatFallBackTo } from './repository.ts'

/** A revision of a thing of some kind, and how many schedules and slots are asked for. */
export type PinnedByKey = { kind: SubjectKind; pin: Pin; first: number }
export type PinnedBy = { schedules: PinnedIn | undefined; slots: PinnedIn | undefined }

export function pinnedByKeyText({ kind, pin, first }: PinnedByKey): string {
  return `${kind} ${pinText(pin)} ${first}`
}

/** One read of each collection for all revisions of a kind of which as many places are asked for. */
export async function readPinnedBy(store: Store, keys: readonly PinnedByKey[]): Promise<PinnedBy[]> {
  const found = new Map<string, PinnedBy>()
  for (const alike of Map.groupBy(keys, ({ kind, first }) => `${kind} ${first}`).values()) {
    const { kind, first } = alike[0]!
    const pins = alike.map(({ pin }) => pin)
    const [schedules, slots] = await Promise.all([
      schedulesThatPin(store, kind, pins, first),
      kind === 'CREATIVE' ? slotsThatFallBackTo(store, pins, first) : new Map<string, PinnedIn>(),
    ])
    for (const key of alike) {
      const pin = pinText(key.pin)
      found.set(pinnedByKeyText(key), { schedules: schedules.get(pin), slots: slots.get(pin) })
    }
  }
  return keys.map((key) => found.get(pinnedByKeyText(key))!)
}
