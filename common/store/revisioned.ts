// Things with revisions: schedules, creatives, strategies and segments. A thing has a head with the newest content, and one
// document for each revision, whose content never changes. The repositories of the subgraphs are made from this.

import type { Filter, UpdateFilter } from 'mongodb'
import { type Pin, pinText } from '../../engine/publication/types.ts'
import { contentHash } from '../base/content-hash.ts'
import { AlkaidError, notFound } from '../base/errors.ts'
import { type IdKind, newId } from '../base/ids.ts'
import { type Use, useOf } from './archived.ts'
import { type Db, findByIds, type IndexDefinition, type Tx } from './collection.ts'

export type ReviewState = 'DRAFT' | 'IN_REVIEW' | 'APPROVED' | 'REJECTED'

/** The thing as it is now. `More`: fields beside the content, which are never reviewed. */
export type Head<Content, More = unknown> = {
  _id: string
  app: string
  /** The optimistic lock: +1 per mutation of the thing itself. */
  version: number
  /** +1 per change of content. */
  revision: number
  reviewState: ReviewState
  content: Content
  hash: string
  /** Set when it was archived: it is hidden then, and cannot get a new use. */
  archivedAt: Date | null
  /** +1 by every transaction that relies on the state of the thing. So it conflicts with a transaction that changes that state. */
  guard: number
  createdAt: Date
  createdBy: string
  updatedAt: Date
} & More

export type Revision<Content> = {
  /** `<id>@<revision>` */
  _id: string
  id: string
  app: string
  revision: number
  content: Content
  hash: string
  author: string
  /** The authors of the content that this is a copy of. Left out when it is not a copy. */
  copiedFrom?: string[]
  at: Date
}

export type Names = { kind: IdKind; what: string; heads: string; revisions: string }

export function revisionedRepository<Content, More = unknown>(names: Names) {
  type H = Head<Content, More>
  type R = Revision<Content>
  const heads = (db: Db) => db.collection<H>(names.heads)
  const revisions = (db: Db) => db.collection<R>(names.revisions)
  const by = (filter: object) => filter as Filter<H>
  const change = (update: object) => update as UpdateFilter<H>

  async function require(db: Db, id: string): Promise<H> {
    const head = await heads(db).findOne(by({ _id: id }))
    if (!head) throw notFound(names.what, id)
    return head
  }

  async function addRevision(tx: Tx, head: H, author: string, copiedFrom?: string[]): Promise<void> {
    const { _id: id, app, revision, content, hash, updatedAt: at } = head
    const written = { _id: pinText({ id, revision }), id, app, revision, content, hash, author, copiedFrom, at }
    await revisions(tx).insertOne(written as unknown as R)
  }

  // The type is needed: TypeScript would infer a union of keys that is not a valid index.
  const indexes: IndexDefinition[] = [
    { collection: names.heads, key: { app: 1, _id: -1 } },
    { collection: names.heads, key: { app: 1, reviewState: 1 } },
    { collection: names.revisions, key: { id: 1, revision: -1 } },
  ]

  return {
    names,
    indexes,

    require,

    get: (db: Db, id: string): Promise<H | null> => heads(db).findOne(by({ _id: id })),

    /** Heads in the order of the ids. Null where there is none. */
    byIds: (db: Db, ids: readonly string[]): Promise<(H | null)[]> => findByIds(heads(db), ids),

    /** The newest revision of each, in the order of the ids. Null where there is none. */
    async newestRevisions(db: Db, ids: readonly string[]): Promise<(number | null)[]> {
      return (await findByIds(heads(db), ids, { revision: 1 })).map((head) => head?.revision ?? null)
    },

    /** Newest first: ids sort by time. `before`: the last id of the page before. */
    page(db: Db, app: string, filter: object, page: { limit: number; before?: string | undefined }): Promise<H[]> {
      const older = page.before === undefined ? {} : { _id: { $lt: page.before } }
      return heads(db).find(by({ app, ...filter, ...older }), { sort: { _id: -1 }, limit: page.limit })
    },

    /** The number of heads of an app that pass the filter. */
    count: (db: Db, app: string, filter: object): Promise<number> => heads(db).count(by({ app, ...filter })),

    /** The things with these ids, for the rule in archived.ts. */
    async uses(db: Db, ids: readonly string[]): Promise<Use[]> {
      if (ids.length === 0) return []
      const projection = { archivedAt: 1 }
      const found = await heads(db).find(by({ _id: { $in: [...new Set(ids)] } }), { projection })
      return found.map((head) => useOf(names.what, head))
    },

    /** Makes this transaction conflict with every other that changes or guards one of these things. */
    async guard(tx: Tx, ids: readonly string[]): Promise<void> {
      if (ids.length === 0) return
      const update = change({ $inc: { guard: 1 } })
      await heads(tx).updateMany(by({ _id: { $in: [...new Set(ids)] } }), update)
    },

    /** Exact revisions in the order of the pins. Null where there is none. */
    atPins(db: Db, pins: readonly Pin[]): Promise<(R | null)[]> {
      return findByIds(revisions(db), pins.map(pinText))
    },

    /** The numbers of the revisions of one thing, newest first. */
    async revisionNumbers(db: Db, id: string, page: { limit: number; before?: number | undefined }): Promise<number[]> {
      const older = page.before === undefined ? {} : { revision: { $lt: page.before } }
      const filter = { id, ...older } as unknown as Filter<R>
      const options = { sort: { revision: -1 }, limit: page.limit, projection: { revision: 1 } } as const
      return (await revisions(db).find(filter, options)).map(({ revision }) => revision)
    },

    /**
     * The authors of the revisions from `after` + 1 to `upTo`, and of the content that they are copies of. MongoDB groups them, so
     * the answer is small however many revisions there are.
     */
    async authors(db: Db, id: string, after: number, upTo: number): Promise<Set<string>> {
      const found = await revisions(db).aggregate<{ _id: { author: string; copiedFrom?: string[] } }>([
        { $match: { id, revision: { $gt: after, $lte: upTo } } },
        { $group: { _id: { author: '$author', copiedFrom: '$copiedFrom' } } },
      ])
      return new Set(found.flatMap(({ _id: { author, copiedFrom } }) => [author, ...(copiedFrom ?? [])]))
    },

    /** Writes the thing with its first revision, a draft. `copiedFrom`: the authors of the content when it is a copy. */
    async create(
      tx: Tx,
      first: { app: string; content: Content; actor: string; at: Date; more: More; copiedFrom?: readonly string[] },
    ): Promise<H> {
      const { app, content, actor, at, more, copiedFrom } = first
      const head = {
        _id: newId(names.kind, at.getTime()),
        app,
        version: 1,
        revision: 1,
        reviewState: 'DRAFT',
        content,
        hash: contentHash(content),
        archivedAt: null,
        guard: 0,
        createdAt: at,
        createdBy: actor,
        updatedAt: at,
        ...more,
      } as H
      await heads(tx).insertOne(head as never)
      await addRevision(tx, head, actor, copiedFrom && [...copiedFrom])
      return head
    },

    /** Writes a new revision, a draft. An open review of the revision before is superseded. */
    async revise(tx: Tx, head: H, next: { content: Content; actor: string; at: Date }): Promise<H> {
      const { content, actor, at } = next
      const after = (await heads(tx).findOneAndUpdate(
        by({ _id: head._id, version: head.version }),
        change({
          $set: { content, hash: contentHash(content), reviewState: 'DRAFT', updatedAt: at },
          $inc: { version: 1, revision: 1 },
        }),
      )) as H
      await addRevision(tx, after, actor)
      return after
    },

    /** Sets fields of the head and raises its version by 1. The content does not change. */
    async touch(tx: Tx, head: H, set: Partial<H>, at: Date): Promise<H> {
      const filter = by({ _id: head._id, version: head.version })
      return (await heads(tx).findOneAndUpdate(
        filter,
        change({ $set: { ...set, updatedAt: at }, $inc: { version: 1 } }),
      )) as H
    },

    /**
     * Sets the review state of one exact revision. It changes the head only if that revision is the newest, and resolves to whether
     * it is. A newer draft has its own review state.
     */
    async transition(tx: Tx, pin: Pin, reviewState: ReviewState): Promise<boolean> {
      const matched = await heads(tx).updateOne(
        by({ _id: pin.id, revision: pin.revision }),
        change({ $set: { reviewState } }),
      )
      return matched === 1
    },

    /** Sets fields beside the content without raising the version. */
    async setMore(tx: Tx, id: string, more: Partial<More>): Promise<void> {
      await heads(tx).updateOne(by({ _id: id }), change({ $set: more }))
    },
  }
}

/**
 * Whether saving this content would change nothing; it makes no revision then. A rejected thing is an exception: saving it again
 * asks the reviewers once more. The mistake may have been elsewhere, for example in a creative that it uses.
 */
export function isUnchanged(head: Head<unknown>, content: unknown): boolean {
  return head.reviewState !== 'REJECTED' && head.hash === contentHash(content)
}

export function checkVersion(what: string, thing: { _id: string; version: number }, expectedVersion: number): void {
  if (thing.version === expectedVersion) return
  throw new AlkaidError(
    'CONFLICT',
    `The ${what} ${JSON.stringify(thing._id)} has changed: its version is ${thing.version}, not ${expectedVersion}`,
    { currentVersion: thing.version },
  )
}
