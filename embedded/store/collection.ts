// A collection in memory: its records in natural order and its indexes, and the rules of writing one document: who may
// write it now, and which keys must be unique. All methods run without waiting, so each is atomic.
import { keyOf } from '../compare.ts'
import { type CodeName, CommandError } from '../errors.ts'
import type { KeyTuple } from '../query/keys.ts'
import type { Query } from '../query/query.ts'
import { type Doc, show, type Value } from '../values.ts'
import { encodeDocument } from './encode.ts'
import { Index } from './index.ts'
import { type IndexDefinition, idIndex } from './index-definition.ts'
import { asksForIdRange, choosePlan, idValues } from './plan.ts'
import { DocumentRecord } from './record.ts'
import type { Unit } from './unit.ts'

export interface Found {
  record: DocumentRecord
  doc: Doc
}

export class Collection {
  readonly id: number
  readonly namespace: string
  readonly uuid: Buffer
  readonly records = new Map<string, DocumentRecord>()
  readonly indexes = new Map<string, Index>()
  /** The ids in order, made when a range of them is first asked for. */
  private idOrder: Index | undefined
  /** The open unit that creates it; for everybody else it does not exist yet. */
  creator: Unit | undefined
  readonly users = new Set<Unit>()
  /** How many changes of its definition wait for its users to end. */
  definers = 0
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

  /** The documents that match, in natural order, as the unit sees them. */
  *find(unit: Unit, query: Query): Generator<Found> {
    for (const record of this.candidates(query.source)) {
      const doc = record.seenBy(unit)
      if (doc !== null && query.matches(doc)) yield { record, doc }
    }
  }

  insert(unit: Unit, doc: Doc): void {
    const id = doc._id!
    const idKey = keyOf(id)
    let record = this.records.get(idKey)
    if (record?.seenBy(unit)) throw this.duplicate(idIndex, [id])
    if (record !== undefined) this.claim(unit, record)
    record ??= new DocumentRecord(this, this.nextSequence(), idKey)
    this.put(unit, record, doc, 'BadValue')
  }

  /** Replaces what the unit sees in this record; `doc` has the same `_id`. */
  replace(unit: Unit, record: DocumentRecord, doc: Doc): void {
    this.claim(unit, record)
    this.put(unit, record, doc, 'Location17419')
  }

  delete(unit: Unit, record: DocumentRecord): void {
    this.claim(unit, record)
    this.hold(unit, record, null, null)
  }

  /** The first writer wins: a document held by another unit, or changed after the snapshot, cannot be written. */
  claim(unit: Unit, record: DocumentRecord): void {
    if (record.holder !== undefined && record.holder !== unit) unit.blockedBy(record.holder)
    if (record.holder === undefined && record.latest !== undefined && record.latest.at > unit.snapshot) unit.conflict()
  }

  /** Drops index entries of documents that nobody sees any more, and the record itself once it is empty. */
  release(record: DocumentRecord, gone: readonly Doc[], oldestSnapshot: number): void {
    for (const doc of gone) for (const index of this.allIndexes()) index.remove(doc, record)
    if (record.isGone(oldestSnapshot)) this.records.delete(record.idKey)
  }

  /** Takes a document read from disk; indexes are loaded afterwards. */
  restore(sequence: number, doc: Doc): void {
    const record = new DocumentRecord(this, sequence, keyOf(doc._id!))
    record.latest = { at: 0, doc, older: undefined }
    this.records.set(record.idKey, record)
  }

  /** Builds an index over what is there. Throws DuplicateKey if it is to be unique and is not. */
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
    return this.idOrder === undefined ? [...this.indexes.values()] : [this.idOrder, ...this.indexes.values()]
  }

  /** Uniqueness of ids is the records' own affair. */
  private orderIds(): Index {
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
    if (asksForIdRange(filter)) this.idOrder ??= this.orderIds()
    const plan = choosePlan(filter, this.allIndexes())
    if (plan === undefined || plan.size > this.records.size) return yield* this.records.values()
    const found = plan.stretches.flatMap(({ index, spans }) => [...index.records(spans)])
    yield* inNaturalOrder([...new Set(found)])
  }

  private put(unit: Unit, record: DocumentRecord, doc: Doc, tooLarge: CodeName): void {
    const bytes = encodeDocument(doc, tooLarge)
    // Every key first, since some documents have none that are legal, and then nothing must have happened.
    const keys = this.allIndexes().map((index) => ({ index, keys: index.keysOf(doc) }))
    for (const { index, keys: own } of keys) {
      if (index.definition.unique) for (const key of own) this.checkUnique(unit, index, key, record)
    }
    this.hold(unit, record, doc, bytes)
    for (const { index, keys: own } of keys) index.add(own, record)
  }

  private hold(unit: Unit, record: DocumentRecord, doc: Doc | null, bytes: Buffer | null): void {
    const before = record.holder === unit ? record.pending : null
    record.holder = unit
    record.pending = doc
    unit.writes.set(record, bytes)
    this.records.set(record.idKey, record)
    if (before !== null) for (const index of this.allIndexes()) index.remove(before, record)
  }

  private checkUnique(unit: Unit, index: Index, key: KeyTuple, own: DocumentRecord): void {
    for (const record of index.withKey(key)) {
      if (record === own) continue
      const seen = record.seenBy(unit)
      if (seen !== null && index.hasKey(seen, key)) throw this.duplicate(index.definition, key as Value[])
      const { holder, pending, latest } = record
      if (holder !== undefined && holder !== unit && pending !== null && index.hasKey(pending, key)) {
        unit.blockedBy(holder)
      }
      if (latest !== undefined && latest.at > unit.snapshot && latest.doc && index.hasKey(latest.doc, key)) {
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
