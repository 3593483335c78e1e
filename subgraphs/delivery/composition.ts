// Composing a publication: from the pins of a slot to the document that nodes serve. Every command that changes a slot
// composes it here, inside its transaction. It reads the reviews, leaves out what is not approved now, and advances the
// slot's head, so that two commands on one slot collide. The pins of other schedules stay as they are.

import { contentHash } from '../../common/base/content-hash.ts'
import { AlkaidError } from '../../common/base/errors.ts'
import { newId } from '../../common/base/ids.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import { type CompiledWindows, compileWindows } from '../../engine/decision/windows.ts'
import {
  type Pin,
  type Publication,
  type PublishedCreative,
  type PublishedEntry,
  type PublishedRollout,
  type PublishedTimes,
  pinText,
} from '../../engine/publication/types.ts'
import { checkInlined } from '../../engine/targeting/segments.ts'
import type { Constraint, InlinedConstraint, Rollout } from '../../engine/targeting/types.ts'
import { reviews } from '../audit/repository.ts'
import { type CreativeContent, creatives } from '../creative/repository.ts'
import { type ScheduleContent, schedules } from '../schedule/repository.ts'
import { type SegmentContent, type StrategyContent, segments, strategies } from '../strategy/repository.ts'
import {
  type PinnedEntry,
  type PublicationRow,
  pins,
  publications,
  type Rollback,
  type SlotHead,
  slotHeads,
} from './repository.ts'

/** `bytes`: of the document as JSON. */
const PUBLICATION_LIMITS = { entries: 1_000, bytes: 2 * 1024 * 1024 } as const

export type ComposedBy = {
  epoch: number
  actor: string
  at: Date
  /** The id of the schedule that the command puts on the nodes, if it does. A warning tells when it will not be shown. */
  schedule?: string
  /** Set when a rollback makes it. */
  rollback?: Rollback
}

/** Contents of exact revisions, by `<id>@<revision>`. Entries are built from what is in it; what is missing is left out. */
export type ContentsByPin = {
  schedules: ReadonlyMap<string, ScheduleContent>
  creatives: ReadonlyMap<string, CreativeContent>
  strategies: ReadonlyMap<string, StrategyContent>
  segments: ReadonlyMap<string, SegmentContent>
}

/** Writes the next publication of a slot and returns it. Throws LIMIT_EXCEEDED when it is too large. */
export async function compose(tx: Tx, slot: string, by: ComposedBy): Promise<PublicationRow> {
  const id = newId('publication', by.at.getTime())
  const head = await slotHeads.advance(tx, slot, { epoch: by.epoch, latest: id })
  const body = await composeBody(tx, head)
  const published = body.entries.find(({ schedule }) => schedule.id === by.schedule)
  const warning = published && neverShownWarning(published, by.at.getTime())
  const { app, code, epoch, revision, capacity, rotationSeconds, maxStaleSeconds = null, caps, stopped } = head
  const fallback = body.fallback.map(({ id, revision }) => ({ id, revision }))
  const publication: PublicationRow = {
    _id: id,
    app,
    slot,
    code,
    epoch,
    revision,
    body,
    pins: {
      ...{ capacity, rotationSeconds, maxStaleSeconds, caps, stopped, fallback },
      entries: body.entries.map(pinsOf),
    },
    hash: contentHash(body),
    warnings: warning ? [warning] : [],
    ...(by.rollback && { rollback: by.rollback }),
    publishedBy: by.actor,
    publishedAt: by.at,
  }
  await publications.insert(tx, publication)
  return publication
}

/**
 * The document that a slot with this head serves. It only reads. Throws LIMIT_EXCEEDED when the document is too large.
 *
 * @param drafts replace what is pinned of the same schedules; for previews.
 */
export async function composeBody(
  tx: Tx,
  head: SlotHead,
  drafts: readonly PublishedEntry[] = [],
): Promise<Publication> {
  const { app, epoch, revision, code, capacity, rotationSeconds, maxStaleSeconds = null, caps, stopped } = head
  const draftIds = new Set(drafts.map(({ schedule }) => schedule.id))
  const live = (await pins.live(tx, head._id)).filter(({ _id }) => !draftIds.has(_id))
  const contents = await readApprovedContents(tx, live, head.fallback)
  const body: Publication = {
    kind: 'slot',
    app,
    epoch,
    revision,
    slot: { id: head._id, code, capacity, rotationSeconds, caps, maxStaleSeconds },
    stopped,
    fallback: head.fallback.flatMap((pin) => buildCreative(contents, pin) ?? []),
    entries: [...live.flatMap((pin) => buildEntry(contents, pin) ?? []), ...drafts],
  }
  checkSize(body)
  return body
}

/**
 * The contents of all pins that are approved now. A revision counts as approved when its review says so and its content still has the hash that
 * was approved. Costs one read of the reviews and one of each kind of revision.
 */
export async function readApprovedContents(
  tx: Tx,
  entries: readonly PinnedEntry[],
  fallback: readonly Pin[],
): Promise<ContentsByPin> {
  const pinned = {
    schedules: entries.map(({ schedule }) => schedule),
    creatives: distinct([...entries.flatMap(({ creatives }) => creatives), ...fallback]),
    strategies: distinct(entries.flatMap(({ strategy }) => strategy ?? [])),
    segments: distinct(entries.flatMap(({ segments }) => segments)),
  }
  const all = [...pinned.schedules, ...pinned.creatives, ...pinned.strategies, ...pinned.segments]
  const approvedHashes = new Map<string, string>()
  for (const review of await reviews.at(tx, all)) {
    if (review?.state === 'APPROVED') approvedHashes.set(review.of, review.hash)
  }

  async function read<C>(repository: Revisions<C>, pins: readonly Pin[]): Promise<Map<string, C>> {
    const approved = pins.filter((pin) => approvedHashes.has(pinText(pin)))
    const contents = new Map<string, C>()
    if (approved.length === 0) return contents
    for (const revision of await repository.atPins(tx, approved)) {
      if (!revision || contentHash(revision.content) !== approvedHashes.get(revision._id)) continue
      contents.set(revision._id, revision.content)
    }
    return contents
  }

  return {
    schedules: await read(schedules, pinned.schedules),
    creatives: await read(creatives, pinned.creatives),
    strategies: await read(strategies, pinned.strategies),
    segments: await read(segments, pinned.segments),
  }
}

type Revisions<C> = { atPins(db: Tx, pins: readonly Pin[]): Promise<(Revision<C> | null)[]> }

function distinct(pins: readonly Pin[]): Pin[] {
  return [...new Map(pins.map((pin) => [pinText(pin), pin])).values()]
}

/** The entry of one schedule; undefined when its schedule, strategy, a segment or all of its creatives are missing. */
export function buildEntry(contents: ContentsByPin, pin: PinnedEntry): PublishedEntry | undefined {
  const { schedule, strategy, segments } = pin
  const content = contents.schedules.get(pinText(schedule))
  const audience = strategy && contents.strategies.get(pinText(strategy))
  if (!content || audience === undefined) return undefined
  const constraint = audience?.constraint ? inlineSegments(contents, audience.constraint, segments) : null
  if (constraint === undefined) return undefined
  const creatives = pin.creatives.flatMap((creativePin) => {
    const creative = buildCreative(contents, creativePin)
    return creative ? [{ ...creative, weight: creativePin.weight }] : []
  })
  if (creatives.length === 0) return undefined
  return {
    schedule,
    strategy,
    startsAt: content.startsAt?.getTime() ?? null,
    endsAt: content.endsAt?.getTime() ?? null,
    priority: content.priority,
    weight: content.weight,
    segments,
    constraint,
    times: timesOf(content),
    exclusive: content.exclusive,
    caps: audience?.caps ?? [],
    rollout: audience?.rollout ? buildRollout(audience.rollout, strategy!.id) : null,
    creatives,
  }
}

function buildCreative(contents: ContentsByPin, { id, revision }: Pin): PublishedCreative | undefined {
  const content = contents.creatives.get(pinText({ id, revision }))
  if (!content) return undefined
  const { title, text, image, link, data } = content
  return { id, revision, title, text, image, link, data }
}

/**
 * The constraint with its segments in place; undefined when a segment is missing. It never throws: one bad entry must
 * not keep a revocation from taking content off the slot.
 */
function inlineSegments(
  contents: ContentsByPin,
  constraint: Constraint,
  segmentPins: readonly Pin[],
): InlinedConstraint | undefined {
  const byId = new Map(segmentPins.map((pin) => [pin.id, contents.segments.get(pinText(pin))?.constraint]))
  const inlined = checkInlined(constraint, (id) => byId.get(id))
  return inlined.ok ? inlined.constraint : undefined
}

/** Null when the schedule is open during its whole window. */
function timesOf({ zone, dayParts, excludedDates, recurrence }: ScheduleContent): PublishedTimes | null {
  if (dayParts.length === 0 && excludedDates.length === 0 && recurrence === null) return null
  return { zone, dayParts, excludedDates, recurrence }
}

/** Example: 12.5 % is 1,250 of 10,000 buckets. Without a group the strategy's id is the group. */
function buildRollout({ percentage, stickiness, group }: Rollout, strategy: string): PublishedRollout {
  return { buckets: Math.round(percentage * 100), stickiness, group: group ?? strategy }
}

function pinsOf({ schedule, strategy, segments, creatives }: PublishedEntry): PinnedEntry {
  return {
    schedule,
    strategy,
    segments,
    creatives: creatives.map(({ id, revision, weight }) => ({ id, revision, weight })),
  }
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

/** The most window changes to look at. A step without a near change is 400 days, so 40 steps are more than forty years. */
const MAX_WINDOW_CHANGES = 40

/** A warning for the caller when a schedule published at `now` (ms since the Unix epoch) will never be shown. */
function neverShownWarning(entry: PublishedEntry, now: number): string | undefined {
  const what = `The schedule ${JSON.stringify(entry.schedule.id)}`
  const remedy = 'it will not be shown. Revise its times and publish it again, or withdraw it'
  if (entry.endsAt !== null && entry.endsAt <= now) {
    return `${what} is over since ${new Date(entry.endsAt).toISOString()}: ${remedy}`
  }
  if (opensAfter(compileWindows(entry), now)) return undefined
  return `${what} has times that never open again within its window: ${remedy}`
}

function opensAfter(windows: CompiledWindows, now: number): boolean {
  let at = Math.max(now, windows.startsAt)
  for (let changes = 0; changes < MAX_WINDOW_CHANGES && at < windows.endsAt; changes += 1) {
    if (windows.isOpen(at)) return true
    at = windows.nextChange(at)
  }
  return false
}
