// One index of a collection, in memory. It has an entry for every key of every version that some unit of work may still
// see. So a lookup yields candidates: the caller checks the document that it sees against the whole filter.
import { compare, type Key, typeRank } from '../compare.ts'
import { compileFilter, type Filter } from '../query/filter.ts'
import { compareKeys, documentKeys, type KeyTuple } from '../query/sort-keys.ts'
import type { Doc } from '../values.ts'
import type { IndexDefinition } from './index-definition.ts'
import { SortedList } from './sorted-list.ts'
import type { DocumentRecord } from './unit-of-work.ts'

interface Entry {
  key: KeyTuple
  record: DocumentRecord
}

/** What a filter demands of one field of a key: one of some values, or a range within one type. */
export type Bound = { values: Key[] } | { low?: Key; lowOpen?: boolean; high?: Key; highOpen?: boolean }

/** Positions in the sorted list of entries. They are valid until the next change of the index. */
export interface EntryRange {
  from: number
  to: number
}

export class Index {
  readonly definition: IndexDefinition
  readonly paths: string[]
  /** Some document has had several keys here. Then different keys of a document can meet different conditions. */
  multikey = false
  private readonly ascending: number[]
  private readonly includes: Filter | undefined
  private readonly entries: SortedList<Entry>

  constructor(definition: IndexDefinition) {
    this.definition = definition
    this.paths = Object.keys(definition.key)
    // Entries are always in ascending order. The declared direction changes no answer.
    this.ascending = this.paths.map(() => 1)
    this.includes = definition.partialFilterExpression && compileFilter(definition.partialFilterExpression)
    this.entries = new SortedList<Entry>(
      (a, b) => compareKeys(a.key, b.key, this.ascending) || a.record.sequence - b.record.sequence,
    )
  }

  /** The keys of the document in this index: none if a sparse or partial index leaves it out. */
  keysOf(doc: Doc): KeyTuple[] {
    if (this.includes !== undefined && !this.includes(doc)) return []
    const { keys, allMissing } = documentKeys(doc, this.paths)
    return this.definition.sparse && allMissing ? [] : keys
  }

  hasKey(doc: Doc, key: KeyTuple): boolean {
    return this.keysOf(doc).some((other) => compareKeys(other, key, this.ascending) === 0)
  }

  load(records: Iterable<DocumentRecord>): void {
    const entries: Entry[] = []
    for (const record of records) {
      for (const doc of record.documents()) {
        const keys = this.keysOf(doc)
        if (keys.length > 1) this.multikey = true
        for (const key of keys) entries.push({ key, record })
      }
    }
    this.entries.load(entries)
  }

  add(keys: readonly KeyTuple[], record: DocumentRecord): void {
    if (keys.length > 1) this.multikey = true
    for (const key of keys) this.entries.add({ key, record })
  }

  /** Drops the entries of a document that no unit sees any more. Entries that another version shares stay. */
  remove(doc: Doc, record: DocumentRecord): void {
    for (const key of this.keysOf(doc)) {
      let shared = false
      for (const other of record.documents()) if (this.hasKey(other, key)) shared = true
      if (!shared) this.entries.remove({ key, record })
    }
  }

  /** The records that have, or had, exactly this key. */
  *withKey(key: KeyTuple): Generator<DocumentRecord> {
    const range = this.range((other) => compareKeys(other, key, this.ascending))
    for (const entry of this.entries.range(range.from, range.to)) yield entry.record
  }

  /** Neighbouring entries with equal keys, for the check before a unique index is built. */
  *pairs(): Generator<[Entry, Entry]> {
    let last: Entry | undefined
    for (const entry of this.entries.range(0, this.entries.length)) {
      if (last !== undefined && compareKeys(last.key, entry.key, this.ascending) === 0) yield [last, entry]
      last = entry
    }
  }

  /** The entries that can satisfy the bounds, of which there is one for each leading field of the key. */
  lookup(bounds: readonly Bound[]): EntryRange[] {
    let prefixes: Key[][] = [[]]
    for (const bound of bounds) {
      if (!('values' in bound)) {
        return prefixes.map((prefix) => this.boundedRange(prefix, bound))
      }
      prefixes = prefixes.flatMap((prefix) => bound.values.map((value) => [...prefix, value]))
    }
    return prefixes.map((prefix) => this.range((key) => comparePrefix(key, prefix)))
  }

  *records(ranges: readonly EntryRange[]): Generator<DocumentRecord> {
    for (const { from, to } of ranges) for (const entry of this.entries.range(from, to)) yield entry.record
  }

  private boundedRange(
    prefix: Key[],
    bound: { low?: Key; lowOpen?: boolean; high?: Key; highOpen?: boolean },
  ): EntryRange {
    const at = prefix.length
    const rank = typeRank((bound.low ?? bound.high)!)
    const { low, high } = bound
    return this.range((key) => {
      const byPrefix = comparePrefix(key, prefix)
      if (byPrefix !== 0) return byPrefix
      const byType = typeRank(key[at]!) - rank
      if (byType !== 0) return byType
      if (low !== undefined) {
        const difference = compare(key[at]!, low)
        if (bound.lowOpen ? difference <= 0 : difference < 0) return -1
      }
      if (high === undefined) return 0
      const difference = compare(key[at]!, high)
      return (bound.highOpen ? difference >= 0 : difference > 0) ? 1 : 0
    })
  }

  /** The entries for which `place` gives 0. It is negative for entries before them, and positive after them. */
  private range(place: (key: KeyTuple) => number): EntryRange {
    return {
      from: this.entries.position((entry) => place(entry.key) < 0),
      to: this.entries.position((entry) => place(entry.key) <= 0),
    }
  }
}

function comparePrefix(key: KeyTuple, prefix: readonly Key[]): number {
  for (let at = 0; at < prefix.length; at++) {
    const difference = compare(key[at]!, prefix[at]!)
    if (difference !== 0) return difference
  }
  return 0
}
