// Whether a database that is at rest hangs together: heads with their revisions, reviews and changes, pins with what was
// approved, publications with the pins, and the channel with the publications. It looks at the collections themselves
// and knows nothing of how they came about.

import { contentHash } from '../../common/base/content-hash.ts'
import type { Change } from '../../common/store/changes.ts'
import type { Head, ReviewState, Revision } from '../../common/store/revisioned.ts'
import type { Store } from '../../common/store/store.ts'
import type { Pin } from '../../engine/publication/types.ts'
import { cycleIn } from '../../engine/targeting/segments.ts'
import type { Review, Submission } from '../../subgraphs/audit/repository.ts'
import type { PublicationRow, SchedulePin, SlotHead } from '../../subgraphs/delivery/repository.ts'
import type { Pinned, Schedule, ScheduleContent, Slot } from '../../subgraphs/schedule/repository.ts'
import type { SegmentContent } from '../../subgraphs/strategy/repository.ts'

type AnyHead = Head<{ name: string }>
type AnyRevision = Revision<unknown>
type Row = { _id: string }

const KINDS = { schedules: 'schedule', creatives: 'creative', strategies: 'strategy', segments: 'segment' } as const

/** review state of a head -> where the review of its newest revision may stand; null: there is none. */
const STANDS: Record<ReviewState, (Review['state'] | null)[]> = {
  DRAFT: [null, 'RECALLED'],
  IN_REVIEW: ['OPEN'],
  APPROVED: ['APPROVED'],
  REJECTED: ['REJECTED', 'REVOKED'],
}

/** Everything that does not hang together; none when all does. No command may be under way. */
export async function inconsistencies(store: Store): Promise<string[]> {
  const found: string[] = []
  const expect = (holds: boolean, what: () => string) => void (holds || found.push(what()))
  const read = <D extends Row>(collection: string) => store.collection<D>(collection).find({})
  const reviews = await read<Review>('reviews')
  const reviewOf = new Map(reviews.map((review) => [textOf({ ...review, id: review.subject.id }), review]))
  const changes = Map.groupBy(await read<Change>('changes'), ({ subject }) => subject.id)
  const heads = new Map<string, AnyHead>()
  const revisions = new Map<string, AnyRevision>()

  for (const [collection, kind] of Object.entries(KINDS)) {
    for (const head of await read<AnyHead>(collection)) heads.set(head._id, head)
    for (const revision of await read<AnyRevision>(`${kind}Revisions`)) revisions.set(revision._id, revision)
  }
  for (const head of heads.values()) checkHead(head)
  for (const review of reviews) checkReview(review)
  await checkSubmissions()
  await checkSlots()
  checkSegments()
  return found

  function checkHead(head: AnyHead): void {
    const { _id: id, revision, version, hash, content, reviewState, archivedAt } = head
    const own = [...revisions.values()].filter((other) => other.id === id).map((other) => other.revision)
    expect(isCount(own, revision), () => `${id} has the revisions ${own}, not 1 to ${revision}`)
    const newest = revisions.get(textOf(head))
    expect(newest?.hash === hash && hash === contentHash(content), () => `${id} is not its newest revision`)
    const review = reviewOf.get(textOf({ id, revision }))
    expect(STANDS[reviewState].includes(review?.state ?? null), () => `${id} is ${reviewState}, but ${review?.state}`)
    expect(!archivedAt || reviewState !== 'IN_REVIEW', () => `${id} is archived and in review`)
    checkChanges(id, version)
  }

  /** Each version came of one change, and each change saw the one before. */
  function checkChanges(id: string, version: number): void {
    const versions = (changes.get(id) ?? []).flatMap(({ before, after }) => {
      const [was, is] = [before, after].map((side) => (side as { version?: number } | null)?.version ?? 0)
      return was === is ? [] : [is!]
    })
    expect(isCount(versions, version), () => `${id} is at version ${version}, but changed to ${versions}`)
  }

  function checkReview({ _id, subject, revision, hash, state, submittedBy, decidedBy, recompose }: Review): void {
    const reviewed = revisions.get(`${subject.id}@${revision}`)
    expect(reviewed?.hash === hash, () => `${_id} is of another content than ${subject.id}@${revision}`)
    expect(contentHash(reviewed?.content) === hash, () => `${subject.id}@${revision} was changed`)
    const decided = state === 'APPROVED' || state === 'REJECTED' || state === 'REVOKED'
    expect(decided === (decidedBy !== null), () => `${_id} is ${state} by ${decidedBy}`)
    expect(!submittedBy.includes(decidedBy ?? ''), () => `${decidedBy} submitted and decided ${_id}`)
    expect(!recompose, () => `${_id} is not off its slots`)
  }

  async function checkSubmissions(): Promise<void> {
    const submissions = new Map((await read<Submission>('submissions')).map((one) => [one._id, one]))
    for (const { _id, submissions: needed, state, subject, revision } of reviews) {
      // What was decided or has a newer revision is not taken out of a submission that is recalled.
      if (state !== 'OPEN' || heads.get(subject.id)!.revision > revision) continue
      expect(needed.length > 0, () => `${_id} is OPEN, but no submission needs it`)
      for (const id of needed) {
        const submission = submissions.get(id)
        const needs = submission?.recalledAt === null && submission.reviews.includes(_id)
        expect(needs, () => `${_id} is needed by ${id}, which does not say so`)
      }
    }
  }

  async function checkSlots(): Promise<void> {
    const pins = await read<SchedulePin>('pins')
    const bySlot = Map.groupBy(pins, ({ slot }) => slot)
    const pinOf = new Map(pins.map((pin) => [pin._id, pin]))
    for (const head of heads.values()) {
      if (!head._id.startsWith('sch_')) continue
      const { deliveryState, pinned } = head as unknown as Schedule
      const pin = pinOf.get(head._id)
      const [says, has] = [pinned, pin ? idsOfPin(pin) : null].map((one) => one && pinnedText(one))
      expect(says === has, () => `${head._id} says that it has pinned ${says}, but its pin is ${has}`)
      const expected = pin ? [pin.state] : ['NONE', 'WITHDRAWN']
      expect(expected.includes(deliveryState), () => `${head._id} is ${deliveryState}, its pin ${pin?.state}`)
    }
    for (const pin of pins) checkPin(pin)
    const slots = await read<Slot>('slots')
    for (const slot of slots) checkChanges(slot._id, slot.version)
    const slotHeads = new Map((await read<SlotHead>('slotHeads')).map((head) => [head._id, head]))
    for (const { _id, pinnedFallback } of slots) {
      const fallback = (slotHeads.get(_id)?.fallback ?? []).map(({ id }) => id)
      expect(
        `${fallback}` === `${pinnedFallback}`,
        () => `${_id} says that its fallback is ${pinnedFallback}, not ${fallback}`,
      )
    }
    const publications = Map.groupBy(await read<PublicationRow>('publications'), ({ slot }) => slot)
    for (const head of slotHeads.values()) {
      const live = (bySlot.get(head._id) ?? []).filter(({ state }) => state === 'LIVE')
      checkPublications(head, publications.get(head._id) ?? [], live)
    }
  }

  function checkPin({ _id, schedule, creatives, strategy, segments }: SchedulePin): void {
    const content = revisions.get(textOf(schedule))!.content as ScheduleContent
    const booked = content.creatives.map(({ creative }) => creative)
    const pinned = creatives.map(({ id }) => id)
    expect(`${booked}` === `${pinned}`, () => `${_id} books ${booked}, but pins ${pinned}`)
    expect((strategy?.id ?? null) === content.strategy, () => `${_id} does not pin its strategy`)
    for (const pin of [schedule, ...(strategy ? [strategy] : []), ...segments]) {
      const state = reviewOf.get(textOf(pin))?.state
      expect(state === 'APPROVED', () => `${_id} pins ${textOf(pin)}, which is ${state}`)
    }
    for (const pin of creatives) {
      const state = reviewOf.get(textOf(pin))?.state
      expect(state === 'APPROVED' || state === 'REVOKED', () => `${_id} pins ${textOf(pin)}, which is ${state}`)
    }
  }

  function checkPublications(head: SlotHead, made: readonly PublicationRow[], live: readonly SchedulePin[]): void {
    const { _id, revision, latest, stopped, capacity } = head
    const own = made.map((publication) => publication.revision)
    expect(isCount(own, revision), () => `${_id} has the publications ${own}, not 1 to ${revision}`)
    const last = made.find((publication) => publication._id === latest)
    expect(last?.revision === revision, () => `The latest publication of ${_id} is ${last?.revision}, not ${revision}`)
    const body = last!.body!
    expect(contentHash(body) === last!.hash, () => `The publication ${latest} is not what its hash is of`)
    expect(body.stopped === stopped && body.slot.capacity === capacity, () => `${latest} is not as its slot`)
    const isApproved = (pin: Pin) => reviewOf.get(textOf(pin))?.state === 'APPROVED'
    const shown = live.map(({ schedule, creatives }) => [schedule, creatives.filter(isApproved)] as const)
    const expected = shown
      .filter(([, creatives]) => creatives.length > 0)
      .map(([of, pins]) => [of, ...pins].map(textOf))
    const served = body.entries.map(({ schedule, creatives }) => [schedule, ...creatives].map(textOf))
    const [a, b] = [expected, served].map((entries) => entries.map(String).sort().join(' | '))
    expect(a === b, () => `${_id} serves ${b}, but has pinned ${a}`)
    const fallback = head.fallback.filter(isApproved).map(textOf)
    expect(`${fallback}` === `${body.fallback.map(textOf)}`, () => `${_id} does not serve its fallback ${fallback}`)
  }

  function checkSegments(): void {
    const segments = [...heads.values()].filter(({ _id }) => _id.startsWith('seg_'))
    const constraintOf = (id: string) => (heads.get(id)?.content as SegmentContent | undefined)?.constraint
    const ids = segments.map(({ _id }) => _id)
    const cycle = cycleIn(ids, constraintOf)
    expect(!cycle, () => `Segments name each other: ${cycle}`)
  }
}

function textOf(thing: { id?: string; _id?: string; revision: number }): string {
  return `${thing.id ?? thing._id}@${thing.revision}`
}

function idsOfPin({ schedule, creatives, strategy, segments }: SchedulePin): Pinned {
  const ids = (pins: readonly Pin[]) => pins.map(({ id }) => id)
  return {
    revision: schedule.revision,
    creatives: ids(creatives),
    strategy: strategy?.id ?? null,
    segments: ids(segments),
  }
}

function pinnedText({ revision, creatives, strategy, segments }: Pinned): string {
  return `${revision}: ${creatives} ${strategy} ${segments}`
}

/** Whether these are 1, 2, ... to `last`, each once, in whatever order. */
function isCount(numbers: readonly number[], last: number): boolean {
  return numbers.length === last && numbers.toSorted((a, b) => a - b).every((number, index) => number === index + 1)
}
