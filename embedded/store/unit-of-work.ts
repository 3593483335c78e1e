// Multi-version concurrency control. A unit of work is one plain command or one transaction. It reads one snapshot, and
// it locks each document it writes until it commits or aborts, once. A document is never changed in place: a change is
// a new document, and older versions stay while some snapshot can see them.
import { fail } from '../errors.ts'
import type { Doc } from '../values.ts'

/** The part of a collection that units of work and records refer to. Collection, which knows them, is the whole. */
export interface SharedCollection {
  readonly id: number
  /** The open transactions that have read or written it. Its definition cannot change before they end. */
  readonly users: Set<UnitOfWork>
  /** How many commands wait to change its definition. Meanwhile no further transaction may begin to use it. */
  waitingDefinitions: number
  release(record: DocumentRecord, gone: readonly Doc[], oldestSnapshot: number): void
}

/**
 * A plain command needs something that another unit of work has locked. The command has to be undone, to wait until
 * that unit ends, and to run again.
 */
export class BlockedError extends Error {
  readonly by: UnitOfWork
  /** The collection, if the command is to change its definition. */
  readonly redefining: SharedCollection | undefined

  constructor(by: UnitOfWork, redefining?: SharedCollection) {
    super('blocked by another unit of work')
    this.by = by
    this.redefining = redefining
  }
}

export class UnitOfWork {
  /** Versions committed up to this time are visible. It is infinite for a plain command, which sees all of them. */
  readonly snapshot: number
  readonly isTransaction: boolean
  /** Each document that was written, as it goes to disk; null for a deletion. */
  readonly writes = new Map<DocumentRecord, Buffer | null>()
  /** The namespaces of the collections that this unit creates. */
  readonly created = new Set<string>()
  /** The collections that a transaction has read or written. */
  readonly uses = new Set<SharedCollection>()
  /** It is aborted, because it could see what the disk then refused. */
  isLost = false
  hasEnded = false
  private endListeners: (() => void)[] = []

  constructor(snapshot: number, isTransaction: boolean) {
    this.snapshot = snapshot
    this.isTransaction = isTransaction
  }

  get isReadOnly(): boolean {
    return this.writes.size === 0 && this.created.size === 0
  }

  /** Another unit has locked what this one wants to write: a transaction loses at once, a plain command waits. */
  blockedBy(owner: UnitOfWork): never {
    if (!this.isTransaction) throw new BlockedError(owner)
    return this.conflict()
  }

  conflict(): never {
    return fail(
      'WriteConflict',
      'Caused by :: Write conflict during plan execution and yielding is disabled. Please retry your operation or multi-document transaction.',
    )
  }

  /** Calls the listeners at the end of this unit, in the order in which they were added. */
  whenEnded(listener: () => void): void {
    this.endListeners.push(listener)
  }

  /** The store calls this after it has released all locks of this unit. */
  finish(): void {
    this.hasEnded = true
    for (const collection of this.uses) collection.users.delete(this)
    const listeners = this.endListeners
    this.endListeners = []
    for (const listener of listeners) listener()
  }
}

/** A committed state of a document; `doc` is null where it was deleted. */
export interface Version {
  committedAt: number
  doc: Doc | null
  older: Version | undefined
}

/** One document through time: its committed versions, newest first, and what an open unit of work makes of it. */
export class DocumentRecord {
  readonly collection: SharedCollection
  /** The number of its row on disk, and its place in natural order. */
  readonly sequence: number
  readonly idKey: string
  latest: Version | undefined
  lockedBy: UnitOfWork | undefined
  /** The uncommitted document of `lockedBy`; null for a deletion. */
  pending: Doc | null = null

  constructor(collection: SharedCollection, sequence: number, idKey: string) {
    this.collection = collection
    this.sequence = sequence
    this.idKey = idKey
  }

  /** The document that the unit sees: its own write, else the newest version in its snapshot. Null if there is none. */
  visibleTo(unit: UnitOfWork): Doc | null {
    if (this.lockedBy === unit) return this.pending
    let version = this.latest
    while (version !== undefined && version.committedAt > unit.snapshot) version = version.older
    return version?.doc ?? null
  }

  /** Every document that some unit may still see here. */
  *documents(): Generator<Doc> {
    if (this.lockedBy !== undefined && this.pending !== null) yield this.pending
    for (let version = this.latest; version !== undefined; version = version.older) {
      if (version.doc !== null) yield version.doc
    }
  }

  /** Forgets the versions that no snapshot from `oldest` on can see, and returns their documents. */
  prune(oldest: number): Doc[] {
    let newestVisible = this.latest
    while (newestVisible !== undefined && newestVisible.committedAt > oldest) newestVisible = newestVisible.older
    const gone: Doc[] = []
    if (newestVisible === undefined) return gone
    for (let version = newestVisible.older; version !== undefined; version = version.older) {
      if (version.doc !== null) gone.push(version.doc)
    }
    newestVisible.older = undefined
    return gone
  }

  /** Forgets the versions that were committed after this time, and returns their documents. */
  takeBack(durable: number): Doc[] {
    const gone: Doc[] = []
    for (; this.latest !== undefined && this.latest.committedAt > durable; this.latest = this.latest.older) {
      if (this.latest.doc !== null) gone.push(this.latest.doc)
    }
    return gone
  }

  /** Whether the record can be dropped: nobody writes it, and every snapshot sees that its document is deleted. */
  isGone(oldest: number): boolean {
    if (this.lockedBy !== undefined) return false
    return this.latest === undefined || (this.latest.doc === null && this.latest.committedAt <= oldest)
  }
}
