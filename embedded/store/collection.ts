// A collection in memory: its records in natural order, its indexes, and the rules for writing a document: which unit
// of work may write it now, and which keys must be unique. No method waits, so each one is atomic.
import { keyOf } from '../compare.ts'
import { encodeDocument } from '../encode.ts'
import { type CodeName, CommandError } from '../errors.ts'
import type { Query } from '../query/filter.ts'
import type { KeyTuple } from '../query/sort-keys.ts'
import { type Doc, show, type Value } from '../values.ts'
import { Index } from './collection-index.ts'
import { type IndexDefinition, idIndex } from './index-definition.ts'
import { asksForIdRange, choosePlan, idValues } from './plan.ts'
import type { SharedCollection, UnitOfWork } from './unit-of-work.ts'
import { DocumentRecord } from './unit-of-work.ts'

/** A document that a query found, with its record. */
export interface Found {
  record: DocumentRecord
  doc: Doc
}

export class Collection implements SharedCollection {
  readonly id: number
  readonly namespace: string
  readonly uuid: Buffer
  readonly records = new Map<string, DocumentRecord>()
  readonly indexes = new Map<string, Index>()
  /** The open unit that creates the collection. No other unit sees it yet. */
  creator: UnitOfWork | undefined
  readonly users = new Set<UnitOfWork>()
  waitingDefinitions = 0
  /** All `_id`s in order. It is built when a query first asks for a range of them. */
  private idIndex: Index | undefined
  private readonly nextSequence: () => number

  constructor(id: number, namespace: string, uuid: Buffer, nextSequence: () => number) {
    this.id = id
    this.namespace = namespace
    this.uuid = uuid
    this.nextSequence = nextSequence
  }

  get indexDefinitions(): IndexDefinition[] {
    return [idIndex, ...[...this.indexes.values()].map((index) => index.definition)]
  }

  /** The matching documents that the unit sees, in natural order. */
  *find(unit: UnitOfWork, query: Query): Generator<Found> {
    for (const record of this.candidates(query.source)) {
      const doc = record.visibleTo(unit)
      if (doc !== null && query.matches(doc)) yield { record, doc }
    }
  }

  insert(unit: UnitOfWork, doc: Doc): void {
    const id = doc._id!
    const idKey = keyOf(id)
    let record = this.records.get(idKey)
    if (record?.visibleTo(unit)) throw this.duplicate(idIndex, [id])
    if (record !== undefined) this.checkWritable(unit, record)
    record ??= new DocumentRecord(this, this.nextSequence(), idKey)
    this.put(unit, record, doc, 'BadValue')
  }

  /** Replaces the document that the unit sees in this record. `doc` has the same `_id`. */
  replace(unit: UnitOfWork, record: DocumentRecord, doc: Doc): void {
    this.checkWritable(unit, record)
    this.put(unit, record, doc, 'Location17419')
  }

  delete(unit: UnitOfWork, record: DocumentRecord): void {
    this.checkWritable(unit, record)
    this.writePending(unit, record, null, null)
  }

  /** The first writer wins: throws if another unit has locked the document, or changed it after this snapshot. */
  checkWritable(unit: UnitOfWork, record: DocumentRecord): void {
    if (record.lockedBy !== undefined && record.lockedBy !== unit) unit.blockedBy(record.lockedBy)
    if (record.lockedBy === undefined && record.latest !== undefined && record.latest.committedAt > unit.snapshot)
      unit.conflict()
  }

  /** Drops the index entries of documents that no unit sees any more, and the record itself when it is empty. */
  release(record: DocumentRecord, gone: readonly Doc[], oldestSnapshot: number): void {
    for (const doc of gone) for (const index of this.allIndexes()) index.remove(doc, record)
    if (record.isGone(oldestSnapshot)) this.records.delete(record.idKey)
  }

  /** Adds a document that was read from disk. Indexes are built afterwards. */
  restore(sequence: number, doc: Doc): void {
    const record = new DocumentRecord(this, sequence, keyOf(doc._id!))
    record.latest = { committedAt: 0, doc, older: undefined }
    this.records.set(record.idKey, record)
  }

  /** Builds an index over all documents. Throws DuplicateKey if it must be unique and is not. */
  addIndex(definition: IndexDefinition): void {
    const index = new Index(definition)
    index.load(this.records.values())
    if (definition.unique) {
      for (const [a, b] of index.pairs()) {
        if (a.record === b.record || !isCurrent(index, a.key, a.record) || !isCurrent(index, b.key, b.record)) continue
        throw this.duplicate(definition, a.key as Value[])
      }
    }
    this.indexes.set(definition.name, index)
  }

  private allIndexes(): Index[] {
    return this.idIndex === undefined ? [...this.indexes.values()] : [this.idIndex, ...this.indexes.values()]
  }

  /** It need not check that ids are unique: `records` does that. */
  private buildIdIndex(): Index {
    const index = new Index({ ...idIndex, unique: false })
    index.load(this.records.values())
    return index
  }

  private *candidates(filter: Doc): Generator<DocumentRecord> {
    const ids = idValues(filter)
    if (ids !== undefined) {
      const found = ids.flatMap((id) => this.records.get(keyOf(id)) ?? [])
      return yield* found.length > 1 ? inNaturalOrder(found) : found
    }
    if (asksForIdRange(filter)) this.idIndex ??= this.buildIdIndex()
    const plan = choosePlan(filter, this.allIndexes())
    if (plan === undefined || plan.size > this.records.size) return yield* this.records.values()
    const found = plan.scans.flatMap(({ index, ranges }) => [...index.records(ranges)])
    yield* inNaturalOrder([...new Set(found)])
  }

  private put(unit: UnitOfWork, record: DocumentRecord, doc: Doc, tooLarge: CodeName): void {
    const bytes = encodeDocument(doc, tooLarge)
    // Compute all keys first: some documents have no legal key, and then nothing must have changed.
    const keys = this.allIndexes().map((index) => ({ index, keys: index.keysOf(doc) }))
    for (const { index, keys: own } of keys) {
      if (index.definition.unique) for (const key of own) this.checkUnique(unit, index, key, record)
    }
    this.writePending(unit, record, doc, bytes)
    for (const { index, keys: own } of keys) index.add(own, record)
  }

  private writePending(unit: UnitOfWork, record: DocumentRecord, doc: Doc | null, bytes: Buffer | null): void {
    const before = record.lockedBy === unit ? record.pending : null
    record.lockedBy = unit
    record.pending = doc
    unit.writes.set(record, bytes)
    this.records.set(record.idKey, record)
    if (before !== null) for (const index of this.allIndexes()) index.remove(before, record)
  }

  private checkUnique(unit: UnitOfWork, index: Index, key: KeyTuple, own: DocumentRecord): void {
    for (const record of index.withKey(key)) {
      if (record === own) continue
      const seen = record.visibleTo(unit)
      if (seen !== null && index.hasKey(seen, key)) throw this.duplicate(index.definition, key as Value[])
      const { lockedBy, pending, latest } = record
      if (lockedBy !== undefined && lockedBy !== unit && pending !== null && index.hasKey(pending, key)) {
        unit.blockedBy(lockedBy)
      }
      if (latest !== undefined && latest.committedAt > unit.snapshot && latest.doc && index.hasKey(latest.doc, key)) {
        unit.conflict()
      }
    }
  }

  private duplicate(definition: IndexDefinition, key: readonly Value[]): CommandError {
    const keyValue = Object.fromEntries(
      Object.keys(definition.key).map((path, at) => [path, typeof key[at] === 'symbol' ? null : key[at]!]),
    )
    return new CommandError(
      'DuplicateKey',
      `E11000 duplicate key error collection: ${this.namespace} index: ${definition.name} dup key: ${show(keyValue)}`,
      { keyPattern: definition.key, keyValue },
    )
  }
}

function isCurrent(index: Index, key: KeyTuple, record: DocumentRecord): boolean {
  const doc = record.latest?.doc
  return doc !== null && doc !== undefined && index.hasKey(doc, key)
}

function inNaturalOrder(records: DocumentRecord[]): DocumentRecord[] {
  return records.sort((a, b) => a.sequence - b.sequence)
}
