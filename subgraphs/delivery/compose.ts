// Composes what a slot serves from its pins. Every command that changes a slot goes through here: it reads the reviews
// inside its transaction, leaves out what is not approved now, and advances the slot's head, so that it collides with
// every other one. Others' pins stay as they are.

import { contentHash } from '../../common/base/content-hash.ts'
import { AlkaidError } from '../../common/base/errors.ts'
import { newId } from '../../common/base/ids.ts'
import type { Tx } from '../../common/store/rows.ts'
import type { Publication, PublishedEntry } from '../../engine/publication/types.ts'
import { buildEntry, publishedCreative } from './entries.ts'
import { overWarning } from './over.ts'
import { type PinnedEntry, type PublicationRow, pins, publications, type SlotHead, slotHeads } from './repository.ts'
import { readServable } from './servable.ts'

/** `bytes` of the document as JSON. */
const PUBLICATION_LIMITS = { entries: 1_000, bytes: 2 * 1024 * 1024 } as const

export type ComposedBy = {
  epoch: number
  actor: string
  at: Date
  /** The id of the schedule that is put on the nodes by it, if one is: whoever does that is warned when it is over. */
  schedule?: string
}

/** Writes the next publication of a slot, and answers it. LIMIT_EXCEEDED when it would be too large. */
export async function compose(tx: Tx, slot: string, by: ComposedBy): Promise<PublicationRow> {
  const id = newId('publication', by.at.getTime())
  const head = await slotHeads.advance(tx, slot, { epoch: by.epoch, latest: id })
  const body = await composeBody(tx, head)
  const entry = body.entries.find(({ schedule }) => schedule.id === by.schedule)
  const warning = entry && overWarning(entry, by.at.getTime())
  const { capacity, rotationSeconds, caps, stopped } = head
  const fallback = body.fallback.map(({ id, revision }) => ({ id, revision }))
  const publication: PublicationRow = {
    _id: id,
    app: head.app,
    slot,
    code: head.code,
    epoch: head.epoch,
    revision: head.revision,
    body,
    pins: { capacity, rotationSeconds, caps, stopped, fallback, entries: body.entries.map(pinsOf) },
    hash: contentHash(body),
    warnings: warning ? [warning] : [],
    publishedBy: by.actor,
    publishedAt: by.at,
  }
  await publications.insert(tx, publication)
  return publication
}

/**
 * What a slot with this head serves, and writes nothing. LIMIT_EXCEEDED when it would be too large.
 *
 * @param drafts stand in for what is pinned of the same schedules.
 */
export async function composeBody(
  tx: Tx,
  head: SlotHead,
  drafts: readonly PublishedEntry[] = [],
): Promise<Publication> {
  const { capacity, rotationSeconds, caps } = head
  const replaced = new Set(drafts.map(({ schedule }) => schedule.id))
  const live = (await pins.live(tx, head._id)).filter(({ _id }) => !replaced.has(_id))
  const servable = await readServable(tx, live, head.fallback)
  const body: Publication = {
    kind: 'slot',
    app: head.app,
    epoch: head.epoch,
    revision: head.revision,
    slot: { id: head._id, code: head.code, capacity, rotationSeconds, caps },
    stopped: head.stopped,
    fallback: head.fallback.flatMap((pin) => publishedCreative(servable, pin) ?? []),
    entries: [...live.flatMap((pin) => buildEntry(servable, pin) ?? []), ...drafts],
  }
  checkSize(body)
  return body
}

function checkSize(body: Publication): void {
  const { entries, slot } = body
  const what = `The publication of slot ${JSON.stringify(slot.code)}`
  const remedy = 'withdraw schedules that have ended, or book in another slot'
  if (entries.length > PUBLICATION_LIMITS.entries) {
    const message = `${what} would have ${entries.length} schedules, but holds at most ${PUBLICATION_LIMITS.entries}`
    throw new AlkaidError('LIMIT_EXCEEDED', `${message}: ${remedy}`)
  }
  const bytes = Buffer.byteLength(JSON.stringify(body))
  if (bytes > PUBLICATION_LIMITS.bytes) {
    const message = `${what} would have ${bytes} bytes, but holds at most ${PUBLICATION_LIMITS.bytes}`
    throw new AlkaidError('LIMIT_EXCEEDED', `${message}: ${remedy}, or make the creatives' data smaller`)
  }
}

function pinsOf({ schedule, strategy, segments, creatives }: Publication['entries'][number]): PinnedEntry {
  const shown = creatives.map(({ id, revision, weight }) => ({ id, revision, weight }))
  return { schedule, strategy, segments, creatives: shown }
}
