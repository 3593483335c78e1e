// A unit of work: one plain write command, or one multi-document transaction. It reads one snapshot, holds the
// documents it has written until it ends, and ends by commit or abort, once.
import { fail } from '../errors.ts'
import type { Collection } from './collection.ts'
import type { DocumentRecord } from './record.ts'

/** Thrown in a plain write that meets a document held by another unit: undo, wait for that one, and run again. */
export class Held extends Error {
  readonly by: Unit
  /** The collection whose definition is to change: no further transaction may begin to use it meanwhile. */
  readonly defining: Collection | undefined

  constructor(by: Unit, defining?: Collection) {
    super('held by another unit of work')
    this.by = by
    this.defining = defining
  }
}

export class Unit {
  /** Versions committed up to here are seen; a plain command sees everything committed. */
  readonly snapshot: number
  readonly isTransaction: boolean
  /** What was written, as it goes to disk; null for a deletion. */
  readonly writes = new Map<DocumentRecord, Buffer | null>()
  readonly created = new Set<Collection>()
  /** Collections a transaction has read or written; their definitions cannot change until it ends. */
  readonly uses = new Set<Collection>()
  private waiters: (() => void)[] = []

  constructor(snapshot: number, isTransaction: boolean) {
    this.snapshot = snapshot
    this.isTransaction = isTransaction
  }

  /** Those that wait go on in the order in which they came. */
  whenEnded(waiter: () => void): void {
    this.waiters.push(waiter)
  }

  get isReadOnly(): boolean {
    return this.writes.size === 0 && this.created.size === 0
  }

  /** Another unit holds what this one wants to write: a transaction loses at once, a plain write waits. */
  blockedBy(holder: Unit): never {
    if (!this.isTransaction) throw new Held(holder)
    return this.conflict()
  }

  conflict(): never {
    return fail(
      'WriteConflict',
      'Caused by :: Write conflict during plan execution and yielding is disabled. Please retry your operation or multi-document transaction.',
    )
  }

  /** Called by the store once everything it held is released. */
  finish(): void {
    for (const collection of this.uses) collection.users.delete(this)
    const { waiters } = this
    this.waiters = []
    for (const waiter of waiters) waiter()
  }
}
