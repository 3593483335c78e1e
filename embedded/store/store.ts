// All collections, the clock of commits, and the group commit. A commit takes effect in memory at once, and is durable
// when `settled` resolves. Every reply, also that of a read, waits for this. So no client ever sees data that a crash
// could take back.
import { randomBytes } from 'node:crypto'
import { serialize } from 'bson'
import { decode } from '../decode.ts'
import { fail } from '../errors.ts'
import type { Doc } from '../values.ts'
import { Collection } from './collection.ts'
import { type Change, Disk } from './disk.ts'
import { type IndexDefinition, idIndex } from './index-definition.ts'
import type { DocumentRecord } from './unit-of-work.ts'
import { BlockedError, UnitOfWork } from './unit-of-work.ts'

export class Store {
  /** Resolves with the error of a write to disk that failed. After it there are no more replies. */
  readonly failed: Promise<Error>
  private readonly disk: Disk
  private readonly collections = new Map<string, Collection>()
  /** When each namespace last changed its meaning: a transaction with an older snapshot cannot use it. */
  private readonly catalogChanges = new Map<string, number>()
  /** The open transactions, with their snapshots. */
  private readonly snapshots = new Map<UnitOfWork, number>()
  /** The records that have versions, or a deletion, which only open transactions can see. */
  private readonly unpruned = new Set<DocumentRecord>()
  private clock = 0
  private lastSequence = 0
  private lastCollection = 0
  /** The changes for the next flush. */
  private queue: Change[] = []
  private flushing: Promise<void> | undefined
  private reportFailure!: (error: Error) => void

  constructor(directory: string) {
    this.failed = new Promise((resolve) => {
      this.reportFailure = resolve
    })
    this.disk = new Disk(directory)
    this.load()
  }

  begin(isTransaction: boolean): UnitOfWork {
    const unit = new UnitOfWork(isTransaction ? this.clock : Number.POSITIVE_INFINITY, isTransaction)
    if (isTransaction) this.snapshots.set(unit, this.clock)
    return unit
  }

  /** Makes the writes of the unit visible, and adds them and `also` to the next flush. */
  commit(unit: UnitOfWork, also: readonly Change[] = []): void {
    this.snapshots.delete(unit)
    if (!unit.isReadOnly) {
      const at = ++this.clock
      for (const namespace of unit.created) {
        const collection = this.collections.get(namespace)!
        collection.creator = undefined
        this.catalogChanges.set(namespace, at)
        this.queue.push(definition(collection))
      }
      for (const [record, body] of unit.writes) this.commitRecord(record, body, at)
    }
    this.enqueue(also)
    this.end(unit)
  }

  abort(unit: UnitOfWork): void {
    this.snapshots.delete(unit)
    for (const record of unit.writes.keys()) {
      const { pending } = record
      record.lockedBy = undefined
      record.pending = null
      record.collection.release(record, pending === null ? [] : [pending], this.oldestSnapshot())
    }
    for (const namespace of unit.created) this.collections.delete(namespace)
    this.end(unit)
  }

  /** Adds changes to the next flush. */
  enqueue(changes: readonly Change[]): void {
    this.queue.push(...changes)
    if (this.queue.length === 0 || this.flushing !== undefined) return
    // Commands that arrive in the same turn of the event loop commit before this, and share the flush (group commit).
    this.flushing = new Promise((resolve) => {
      setImmediate(() => {
        this.flush()
        resolve()
      })
    })
  }

  /** Resolves when all commits so far are durable. Never resolves if the disk has failed. */
  async settled(): Promise<void> {
    while (this.flushing !== undefined) await this.flushing
  }

  /** The collection, for reading. Undefined if this unit sees none. */
  collection(namespace: string, unit: UnitOfWork): Collection | undefined {
    this.checkCatalog(namespace, unit)
    const collection = this.collections.get(namespace)
    if (collection === undefined || (collection.creator !== undefined && collection.creator !== unit)) return undefined
    this.use(collection, unit)
    return collection
  }

  /** The collection, for writing. The unit creates it if there is none. */
  collectionForWriting(namespace: string, unit: UnitOfWork): Collection {
    this.checkCatalog(namespace, unit)
    const existing = this.collections.get(namespace)
    if (existing?.creator !== undefined && existing.creator !== unit) unit.blockedBy(existing.creator)
    const collection = existing ?? this.create(namespace, unit)
    this.use(collection, unit)
    return collection
  }

  /** The namespaces of all committed collections, sorted. */
  namespaces(database?: string): string[] {
    return [...this.collections.values()]
      .filter((collection) => collection.creator === undefined)
      .map((collection) => collection.namespace)
      .filter((namespace) => database === undefined || namespace.startsWith(`${database}.`))
      .sort()
  }

  /** The collection, for changing its definition. Throws BlockedError while a transaction uses it. */
  exclusive(namespace: string): Collection | undefined {
    const collection = this.collections.get(namespace)
    const [user] = collection?.users ?? []
    if (user !== undefined) throw new BlockedError(user, collection)
    if (collection?.creator !== undefined) throw new BlockedError(collection.creator)
    return collection
  }

  drop(collection: Collection): void {
    this.collections.delete(collection.namespace)
    this.catalogChanges.set(collection.namespace, ++this.clock)
    this.enqueue([{ kind: 'drop', collection: collection.id }])
  }

  /** Must be called after a change of the indexes. */
  redefine(collection: Collection): void {
    this.enqueue([definition(collection)])
  }

  /** The stored records of the last write or commit of each session; see ../sessions.ts. */
  *storedSessions(): Generator<{ id: string; body: Doc }> {
    for (const { id, body } of this.disk.sessions()) yield { id, body: decode(body) }
  }

  async close(): Promise<void> {
    await this.settled()
    this.disk.close()
  }

  private create(namespace: string, unit: UnitOfWork): Collection {
    const collection = new Collection(++this.lastCollection, namespace, randomBytes(16), this.nextSequence)
    collection.creator = unit
    unit.created.add(namespace)
    this.collections.set(namespace, collection)
    return collection
  }

  private checkCatalog(namespace: string, unit: UnitOfWork): void {
    if ((this.catalogChanges.get(namespace) ?? 0) > unit.snapshot) {
      fail(
        'SnapshotUnavailable',
        `Unable to read from a snapshot due to pending collection catalog changes; please retry the operation. Collection: ${namespace}`,
      )
    }
  }

  private use(collection: Collection, unit: UnitOfWork): void {
    if (!unit.isTransaction || unit.uses.has(collection)) return
    if (collection.waitingDefinitions > 0) {
      fail('LockTimeout', `Unable to acquire a lock on '${collection.namespace}': its definition is being changed`)
    }
    unit.uses.add(collection)
    collection.users.add(unit)
  }

  private commitRecord(record: DocumentRecord, body: Buffer | null, at: number): void {
    record.latest = { committedAt: at, doc: record.pending, older: record.latest }
    record.lockedBy = undefined
    record.pending = null
    this.unpruned.add(record)
    if (body === null) this.queue.push({ kind: 'delete', sequence: record.sequence })
    else this.queue.push({ kind: 'put', sequence: record.sequence, collection: record.collection.id, body })
  }

  private end(unit: UnitOfWork): void {
    const oldest = this.oldestSnapshot()
    if (this.snapshots.size === 0) this.catalogChanges.clear()
    // Only the end of the oldest transaction frees versions of other units. Any other unit only cleans up its own.
    const all = unit.isTransaction && oldest > unit.snapshot
    for (const record of all ? this.unpruned : unit.writes.keys()) {
      record.collection.release(record, record.prune(oldest), oldest)
      if (
        record.latest === undefined ||
        (record.latest.older === undefined && record.latest.doc !== null) ||
        record.isGone(oldest)
      ) {
        this.unpruned.delete(record)
      }
    }
    unit.finish()
  }

  private oldestSnapshot(): number {
    let oldest = Number.POSITIVE_INFINITY
    for (const snapshot of this.snapshots.values()) oldest = Math.min(oldest, snapshot)
    return oldest
  }

  private flush(): void {
    const changes = this.queue
    this.queue = []
    try {
      this.disk.write(changes)
      this.flushing = undefined
    } catch (error) {
      // Memory is ahead of the disk now, so no reply may leave: `flushing` never resolves.
      this.flushing = new Promise(() => {})
      this.reportFailure(error as Error)
    }
  }

  private nextSequence = (): number => ++this.lastSequence

  private load(): void {
    const byId = new Map<number, Collection>()
    const indexes = new Map<Collection, IndexDefinition[]>()
    for (const { id, body } of this.disk.collections()) {
      const stored = decode(body) as unknown as {
        namespace: string
        uuid: { buffer: Uint8Array }
        indexes: IndexDefinition[]
      }
      const collection = new Collection(id, stored.namespace, Buffer.from(stored.uuid.buffer), this.nextSequence)
      byId.set(id, collection)
      indexes.set(collection, stored.indexes)
      this.collections.set(stored.namespace, collection)
      this.lastCollection = id
    }
    for (const { id, collection, body } of this.disk.documents()) {
      byId.get(collection)!.restore(id, decode(body))
      this.lastSequence = id
    }
    for (const [collection, definitions] of indexes) for (const one of definitions) collection.addIndex(one)
  }
}

function definition(collection: Collection): Change {
  const indexes = collection.indexDefinitions.filter((index) => index.name !== idIndex.name)
  const body = { namespace: collection.namespace, uuid: collection.uuid, indexes }
  return { kind: 'define', collection: collection.id, definition: Buffer.from(serialize(body)) }
}
