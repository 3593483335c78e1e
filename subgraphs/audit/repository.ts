// The collections of reviews and submissions. Nothing else touches them. Delivery reads here what is approved, guards the reviews
// of what it pins, and notes which slots a revocation has composed.

import type { Filter } from 'mongodb'
import { notFound } from '../../common/base/errors.ts'
import type { Db, IndexDefinition, Tx } from '../../common/store/collection.ts'
import { findByIds } from '../../common/store/collection.ts'
import { type Period, periodFilter, textFilter } from '../../common/store/filters.ts'
import { type Pin, pinText } from '../../engine/publication/types.ts'

/** The kinds of things that are reviewed. */
export const SUBJECT_KINDS = ['SCHEDULE', 'CREATIVE', 'STRATEGY', 'SEGMENT'] as const
export type SubjectKind = (typeof SUBJECT_KINDS)[number]

/**
 * The state of a review; `ReviewDecision` in the graph. SUPERSEDED is stored once a newer review is opened. Before that it is
 * derived: the subject has a newer revision (`statusOf`).
 */
export type ReviewStatus = 'OPEN' | 'APPROVED' | 'REJECTED' | 'SUPERSEDED' | 'RECALLED' | 'REVOKED'

/** The review of one exact revision. Each revision has at most one. */
export type Review = {
  _id: string
  app: string
  /** The optimistic lock: +1 with each decision, recall and reopening. */
  version: number
  subject: { type: SubjectKind; id: string }
  revision: number
  /** Subject and revision as one text, `<id>@<revision>`. Exact revisions are looked up by it. */
  of: string
  /** The subject's name in that revision. */
  name: string
  /** Of a schedule: the id of the slot in which it is booked. */
  slot: string | null
  /** SHA-256 (hex) of the revision's content. An approval binds exactly this content. */
  hash: string
  state: ReviewStatus
  /** +1 with each command that relies on the approval, so that it collides with a revocation. */
  guard: number
  /** The submissions that need it, oldest first. Recalled submissions are removed. */
  submissions: string[]
  /** Everybody who submitted it, the first one first. */
  submittedBy: string[]
  submittedAt: Date
  decidedBy: string | null
  decidedAt: Date | null
  comment: string | null
  revokedBy: string | null
  revokedAt: Date | null
  revokeReason: string | null
  /** The takedown that revoked it. Left out when `revokeApproval` did, or nobody. */
  takedown?: string
  /** Present while slots may still serve the revoked revision. */
  recompose?: true
  /** The slots that were composed without it, and their publications. */
  recomposed: { slot: string; publication: string }[]
}

export type Submission = {
  _id: string
  /** The optimistic lock: +1 with a recall, and with each decision on it or on one of its reviews. */
  version: number
  app: string
  subject: { type: SubjectKind; id: string }
  reviews: string[]
  submittedBy: string
  submittedAt: Date
  note: string | null
  recalledBy: string | null
  recalledAt: Date | null
}

/** An approved, not revoked revision. */
export type Approved = Pin & { review: string; hash: string }

/** What a reviewer says of a revision. */
export type Verdict = { state: 'APPROVED' | 'REJECTED'; decidedBy: string; decidedAt: Date; comment: string | null }
export type RevokedApproval = { revokedBy: string; revokedAt: Date; revokeReason: string; takedown?: string }

/** Narrows the queue. A field that is left out or null does not narrow. */
export type ReviewFilter = {
  types?: readonly string[] | null
  /** The id of a slot: schedules booked in it. */
  slot?: string | null
  /** Part of the subject's name. Upper and lower case are the same. */
  text?: string | null
  /** When the review was first submitted. */
  period?: Period | null
}

/** Which approved revisions: the newest ones, or those just before a revision. */
export type ApprovedPage = { limit: number; before?: number | undefined }

/** An open review, with the newest approved revision before its own. */
export type QueuedReview = Review & { approvedBefore: Approved | null }

const rows = (db: Db) => db.collection<Review>('reviews')
const submissionRows = (db: Db) => db.collection<Submission>('submissions')

/** Adds `approved`: the review of the newest approved, not revoked revision before this one of the same subject. */
const LOOKUP_APPROVED_BEFORE = {
  $lookup: {
    from: 'reviews',
    localField: 'subject.id',
    foreignField: 'subject.id',
    let: { revision: '$revision' },
    pipeline: [
      { $match: { state: 'APPROVED', $expr: { $lt: ['$revision', '$$revision'] } } },
      { $sort: { revision: -1 } },
      { $limit: 1 },
    ],
    as: 'approved',
  },
}

export const reviews = {
  indexes: [
    { collection: 'reviews', key: { of: 1 }, options: { unique: true } },
    { collection: 'reviews', key: { 'subject.id': 1, state: 1, revision: -1 } },
    { collection: 'reviews', key: { app: 1, state: 1, _id: 1 } },
    { collection: 'reviews', key: { recompose: 1 }, options: { sparse: true } },
  ] as IndexDefinition[],

  async require(db: Db, id: string): Promise<Review> {
    const review = await rows(db).findOne({ _id: id })
    if (!review) throw notFound('review', id)
    return review
  },

  /** In the order of the ids; null where there is none. */
  byIds: (db: Db, ids: readonly string[]): Promise<(Review | null)[]> => findByIds(rows(db), ids),

  /** The reviews that a submission opened, and those that were open already and that it needs. */
  async ofSubmission(db: Db, submission: Submission): Promise<Review[]> {
    const found = await reviews.byIds(db, submission.reviews)
    return found.filter((review) => review !== null)
  },

  /** The reviews of exact revisions, in the order of the pins; null where there is none. */
  async at(db: Db, pins: readonly Pin[]): Promise<(Review | null)[]> {
    const wanted = pins.map(pinText)
    if (wanted.length === 0) return []
    const found = await rows(db).find({ of: { $in: [...new Set(wanted)] } })
    const byPin = new Map(found.map((review) => [review.of, review]))
    return wanted.map((of) => byPin.get(of) ?? null)
  },

  /** id of a subject -> the reviews of its approved, not revoked revisions, newest first; in one read. */
  async approvedOf(db: Db, ids: readonly string[], page: ApprovedPage): Promise<Map<string, Review[]>> {
    return (await reviews.atAndApprovedOf(db, [], ids, page)).approved
  },

  /** The results of `at` and `approvedOf`, in one read. */
  async atAndApprovedOf(
    db: Db,
    pins: readonly Pin[],
    ids: readonly string[],
    { limit, before }: ApprovedPage,
  ): Promise<{ at: (Review | null)[]; approved: Map<string, Review[]> }> {
    const [wanted, subjects] = [pins.map(pinText), [...new Set(ids)]]
    if (subjects.length === 0) return { at: await reviews.at(db, pins), approved: new Map() }
    const isWanted = { of: { $in: [...new Set(wanted)] } }
    const isApproved = { state: 'APPROVED', ...(before === undefined ? {} : { revision: { $lt: before } }) }
    const ofSubject = { from: 'reviews', localField: '_id', foreignField: 'subject.id' }
    const newest = [{ $match: isApproved }, { $sort: { revision: -1 } }, { $limit: limit }]
    const found = await rows(db).aggregate<{ _id: string; at?: Review[]; approved: Review[] }>([
      { $match: { $or: [isWanted, { 'subject.id': { $in: subjects }, ...isApproved }] } },
      // This stage reads only the index. The documents are read by the lookups, which have the limit.
      { $group: { _id: '$subject.id' } },
      { $lookup: { ...ofSubject, pipeline: newest, as: 'approved' } },
      ...(wanted.length > 0 ? [{ $lookup: { ...ofSubject, pipeline: [{ $match: isWanted }], as: 'at' } }] : []),
    ])
    const byPin = new Map(found.flatMap(({ at = [] }) => at.map((review) => [review.of, review])))
    const bySubject = new Map(found.map(({ _id, approved }) => [_id, approved]))
    return {
      at: wanted.map((of) => byPin.get(of) ?? null),
      approved: new Map(subjects.map((id) => [id, bySubject.get(id) ?? []])),
    }
  },

  /** id of a subject -> its newest approved, not revoked revision. Subjects without one are left out. */
  async newestApproved(db: Db, ids: readonly string[]): Promise<Map<string, Approved>> {
    const found = await reviews.approvedOf(db, ids, { limit: 1 })
    return new Map([...found].flatMap(([id, [newest]]) => (newest ? [[id, approvedBy(newest)]] : [])))
  },

  /** The approval of exactly this revision; null when it is not approved, or not any more. */
  async approvedAt(db: Db, pin: Pin): Promise<Approved | null> {
    const [review] = await reviews.at(db, [pin])
    return review?.state === 'APPROVED' ? approvedBy(review) : null
  },

  /** The newest approved, not revoked revision before each of these reviewed revisions; null where there is none. */
  async approvedBefore(db: Db, pins: readonly Pin[]): Promise<(Approved | null)[]> {
    const wanted = pins.map(pinText)
    if (wanted.length === 0) return []
    const found = await rows(db).aggregate<{ of: string; approved: Review[] }>([
      { $match: { of: { $in: [...new Set(wanted)] } } },
      { $project: { of: 1, subject: 1, revision: 1 } },
      LOOKUP_APPROVED_BEFORE,
    ])
    const byPin = new Map(found.map(({ of, approved: [newest] }) => [of, newest ? approvedBy(newest) : null]))
    return wanted.map((of) => byPin.get(of) ?? null)
  },

  /** The open reviews of an app, oldest first: only subject, revision and state. Superseded ones can be among them. */
  open(db: Db, app: string, filter: ReviewFilter, page: { limit: number; after?: string | undefined }) {
    const projection = { subject: 1, revision: 1, state: 1 }
    return rows(db).find(openAfter(app, filter, page.after), { sort: { _id: 1 }, limit: page.limit, projection })
  },

  /**
   * The open reviews of an app, oldest first. Superseded ones can be among them. The approved revision before each is read
   * along, because a queue shows the differences.
   */
  async openPage(
    db: Db,
    app: string,
    filter: ReviewFilter,
    page: { limit: number; after?: string | undefined },
  ): Promise<QueuedReview[]> {
    const found = await rows(db).aggregate<Review & { approved: Review[] }>([
      { $match: openAfter(app, filter, page.after) },
      { $sort: { _id: 1 } },
      { $limit: page.limit },
      LOOKUP_APPROVED_BEFORE,
    ])
    return found.map(({ approved, ...review }) => ({
      ...review,
      approvedBefore: approved[0] ? approvedBy(approved[0]) : null,
    }))
  },

  insert: (tx: Tx, opened: readonly Review[]) => rows(tx).insertMany(opened),

  /** Opens recalled reviews again, because their revisions are submitted again. */
  async reopen(tx: Tx, ids: readonly string[], submission: string, submittedBy: string): Promise<void> {
    if (ids.length === 0) return
    await rows(tx).updateMany(
      { _id: { $in: [...ids] } },
      { $set: { state: 'OPEN' }, $inc: { version: 1 }, $push: { submissions: submission }, $addToSet: { submittedBy } },
    )
  },

  /** Supersedes the open reviews of these subjects, before reviews of newer revisions are opened. */
  async supersede(tx: Tx, subjectIds: readonly string[]): Promise<void> {
    await rows(tx).updateMany(
      { 'subject.id': { $in: [...subjectIds] }, state: 'OPEN' },
      { $set: { state: 'SUPERSEDED' } },
    )
  },

  /** One more submission needs these open reviews. */
  async join(tx: Tx, ids: readonly string[], submission: string, submittedBy: string): Promise<void> {
    if (ids.length === 0) return
    await rows(tx).updateMany(
      { _id: { $in: [...ids] } },
      { $push: { submissions: submission }, $addToSet: { submittedBy } },
    )
  },

  async decide(tx: Tx, ids: readonly string[], verdict: Verdict): Promise<void> {
    const matched = await rows(tx).updateMany(
      { _id: { $in: [...ids] }, state: 'OPEN' },
      { $set: verdict, $inc: { version: 1 } },
    )
    if (matched !== ids.length) throw new Error(`Of ${ids.length} reviews to decide only ${matched} were open`)
  },

  /** Removes a recalled submission from its reviews. `kept` stay open for other submissions, `recalled` leave the queue. */
  async leave(
    tx: Tx,
    submission: string,
    given: { kept: readonly string[]; recalled: readonly string[] },
  ): Promise<void> {
    const $pull = { submissions: submission }
    await rows(tx).updateMany({ _id: { $in: [...given.kept] } }, { $pull })
    await rows(tx).updateMany(
      { _id: { $in: [...given.recalled] } },
      { $set: { state: 'RECALLED' }, $inc: { version: 1 }, $pull },
    )
  },

  /**
   * Makes a transaction that relies on these approvals collide with a revocation of one of them. It counts up, because
   * MongoDB sees no conflict in an update that changes nothing.
   */
  async guard(tx: Tx, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    await rows(tx).updateMany({ _id: { $in: [...new Set(ids)] } }, { $inc: { guard: 1 } })
  },

  /** Marks the review as revoked, and its slots as not composed yet. Returns the review after that. */
  async revoke(tx: Tx, id: string, revoked: RevokedApproval): Promise<Review> {
    const update = { $set: { state: 'REVOKED', ...revoked, recompose: true }, $inc: { version: 1, guard: 1 } } as const
    return (await rows(tx).findOneAndUpdate({ _id: id, state: 'APPROVED' }, update))!
  },

  /** Revoked reviews whose slots may still serve them, oldest first. The page begins after the id `after`. */
  toRecompose: (db: Db, limit: number, after = ''): Promise<Review[]> =>
    rows(db).find({ recompose: true, _id: { $gt: after } }, { sort: { _id: 1 }, limit }),

  async addRecomposed(tx: Tx, id: string, slot: string, publication: string): Promise<void> {
    await rows(tx).updateOne({ _id: id }, { $push: { recomposed: { slot, publication } } })
  },

  async endRecomposition(db: Db, id: string): Promise<void> {
    await rows(db).updateOne({ _id: id }, { $unset: { recompose: true } })
  },
}

export const submissions = {
  insert: (tx: Tx, submission: Submission) => submissionRows(tx).insertOne(submission),

  async require(db: Db, id: string): Promise<Submission> {
    const submission = await submissionRows(db).findOne({ _id: id })
    if (!submission) throw notFound('submission', id)
    return submission
  },

  /** In the order of the ids; null where there is none. */
  byIds: (db: Db, ids: readonly string[]): Promise<(Submission | null)[]> => findByIds(submissionRows(db), ids),

  async recall(tx: Tx, id: string, recalled: { recalledBy: string; recalledAt: Date }): Promise<void> {
    await submissionRows(tx).updateOne({ _id: id }, { $set: recalled, $inc: { version: 1 } })
  },

  /** Raises their versions, because one of their reviews was decided. */
  async bump(tx: Tx, ids: readonly string[]): Promise<void> {
    await submissionRows(tx).updateMany({ _id: { $in: [...new Set(ids)] } }, { $inc: { version: 1 } })
  },
}

function approvedBy({ _id: review, subject, revision, hash }: Review): Approved {
  return { id: subject.id, revision, review, hash }
}

function openAfter(app: string, filter: ReviewFilter, after: string | undefined): Filter<Review> {
  return { app, state: 'OPEN', ...narrowed(filter), ...(after === undefined ? {} : { _id: { $gt: after } }) }
}

function narrowed({ types, slot, text, period }: ReviewFilter): object {
  return {
    ...(types ? { 'subject.type': { $in: types } } : {}),
    ...(typeof slot === 'string' ? { slot } : {}),
    ...textFilter(text, ['name']),
    ...periodFilter(period, 'submittedAt'),
  }
}
