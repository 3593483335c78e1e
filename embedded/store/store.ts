// All collections, the clock of commits, and the group commit. A commit takes effect in memory at once, and is durable
// when `settled` resolves. Every reply, also that of a read, waits for this. So no client ever sees data that a crash
// could take back.
// When the disk refuses a group of commits (it is full, for example), the store takes all of them back, in memory as on
// disk. Then `settled` rejects. The next commit may succeed.
import { randomBytes } from 'node:crypto'
import { serialize } from 'bson'
import { decode } from '../decode.ts'
import { CommandError, fail } from '../errors.ts'
import type { Doc } from '../values.ts'
import { Collection } from './collection.ts'
import { type Change, Disk, isFull } from './disk.ts'
import { type IndexDefinition, idIndex } from './index-definition.ts'
import type { DocumentRecord } from './unit-of-work.ts'
import { BlockedError, UnitOfWork } from './unit-of-work.ts'

export class Store {
  private readonly disk: Disk
  private readonly collections = new Map<string, Collection>()
  /** When each namespace last changed its meaning: a transaction with an older snapshot cannot use it. */
  private readonly catalogChanges = new Map<string, number>()
  /** The open transactions, with their snapshots. */
  private readonly snapshots = new Map<UnitOfWork, number>()
  /** The records that have versions, or a deletion, which only open transactions can see. */
  private readonly unpruned = new Set<DocumentRecord>()
  private clock = 0
  /** Everything that was committed up to this time is on disk. */
  private durable = 0
  /** What was committed after that. */
  private readonly undurable = { records: new Set<DocumentRecord>(), created: new Set<string>() }
  private lastSequence = 0
  private lastCollection = 0
  /** The changes for the next flush. */
  private queue: Change[] = []
  /** Settled by the next flush. */
  private group: PromiseWithResolvers<void> | undefined

  constructor(directory: string) {
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
        this.undurable.created.add(namespace)
        this.queue.push(definition(collection, collection.indexDefinitions))
      }
      for (const [record, body] of unit.writes) this.commitRecord(record, body, at)
    }
    this.enqueue(also)
    this.end(unit)
  }

  abort(unit: UnitOfWork): void {
    if (unit.hasEnded) return
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
    if (this.queue.length === 0 || this.group !== undefined) return
    const group = Promise.withResolvers<void>()
    group.promise.catch(() => {}) // whoever waits for it gets the error
    this.group = group
    // Commands that arrive in the same turn of the event loop commit before this, and share the flush (group commit).
    setImmediate(() => {
      if (this.group === group) this.flush()
    })
  }

  /** Resolves when everything committed so far is durable. Rejects with a CommandError when all of it was taken back. */
  async settled(): Promise<void> {
    while (this.group !== undefined) await this.group.promise
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

  /** Drops all of them or, if the disk refuses that, throws and drops none. */
  drop(collections: readonly Collection[]): void {
    this.writeNow(collections.map(({ id }) => ({ kind: 'drop', collection: id })))
    for (const { namespace } of collections) {
      this.collections.delete(namespace)
      this.catalogChanges.set(namespace, ++this.clock)
    }
    this.durable = this.clock
  }

  /** Stores which indexes the collection has; the caller changes them in memory. Throws if the disk refuses it. */
  redefine(collection: Collection, indexes: readonly IndexDefinition[]): void {
    this.writeNow([definition(collection, indexes)])
  }

  /** The stored records of the last write or commit of each session; see ../sessions.ts. */
  *storedSessions(): Generator<{ id: string; body: Doc }> {
    for (const { id, body } of this.disk.sessions()) yield { id, body: decode(body) }
  }

  async close(): Promise<void> {
    await this.settled().catch(() => {}) // whoever committed it gets the error
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
    this.undurable.records.add(record)
    if (body === null) this.queue.push({ kind: 'delete', sequence: record.sequence })
    else this.queue.push({ kind: 'put', sequence: record.sequence, collection: record.collection.id, body })
  }

  private end(unit: UnitOfWork): void {
    if (this.snapshots.size === 0) this.catalogChanges.clear()
    // Only the end of the oldest transaction frees versions of other units.
    if (unit.isTransaction && this.oldestSnapshot() > unit.snapshot) this.tidy(this.unpruned)
    unit.finish()
  }

  /** Forgets the versions of these records that nobody needs any more. */
  private tidy(records: Iterable<DocumentRecord>): void {
    const oldest = this.oldestSnapshot()
    for (const record of records) {
      record.collection.release(record, record.prune(oldest), oldest)
      if (
        record.latest === undefined ||
        (record.latest.older === undefined && record.latest.doc !== null) ||
        record.isGone(oldest)
      ) {
        this.unpruned.delete(record)
      }
    }
  }

  /** The durable state counts as a snapshot: it must be there when the store takes back what came after it. */
  private oldestSnapshot(): number {
    let oldest = this.durable
    for (const snapshot of this.snapshots.values()) oldest = Math.min(oldest, snapshot)
    return oldest
  }

  /** Writes these changes together with the queue, since they may build on it. Throws if the disk refuses them. */
  private writeNow(changes: readonly Change[]): void {
    this.queue.push(...changes)
    const refusal = this.flush()
    if (refusal !== undefined) throw refusal
  }

  /** Writes the queue or takes it back, and tells those who wait. */
  private flush(): CommandError | undefined {
    const { queue, group, undurable } = this
    this.queue = []
    this.group = undefined
    try {
      this.disk.write(queue)
    } catch (error) {
      this.takeBack()
      const refusal = refusalOf(error as Error)
      group?.reject(refusal)
      return refusal
    }
    this.durable = this.clock
    const written = [...undurable.records]
    undurable.records.clear()
    undurable.created.clear()
    this.tidy(written)
    group?.resolve()
    return undefined
  }

  private takeBack(): void {
    // A transaction that could see what is taken back must begin anew.
    for (const unit of this.snapshots.keys()) {
      if (unit.snapshot <= this.durable) continue
      unit.isLost = true
      this.abort(unit)
    }
    const { records, created } = this.undurable
    const oldest = this.oldestSnapshot()
    for (const record of records) record.collection.release(record, record.takeBack(this.durable), oldest)
    this.tidy(records)
    for (const namespace of created) {
      this.collections.delete(namespace)
      this.catalogChanges.set(namespace, ++this.clock)
    }
    records.clear()
    created.clear()
    this.durable = this.clock // everything that is left is durable
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

function definition(collection: Collection, indexes: readonly IndexDefinition[]): Change {
  const stored = indexes.filter((index) => index.name !== idIndex.name)
  const body = { namespace: collection.namespace, uuid: collection.uuid, indexes: stored }
  return { kind: 'define', collection: collection.id, definition: Buffer.from(serialize(body)) }
}

function refusalOf(error: Error): CommandError {
  return new CommandError(
    isFull(error) ? 'OutOfDiskSpace' : 'FileStreamFailed',
    `Nothing was written: ${error.message}`,
  )
}
