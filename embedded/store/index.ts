// One index of a collection in memory. It holds an entry for every key of every version that somebody may still see,
// so what it yields are candidates: the caller looks at the document that it sees and asks the whole filter of it.
import { compare, type Key, typeRank } from '../compare.ts'
import { compileFilter, type Filter } from '../query/filter.ts'
import { documentKeys, type KeyTuple } from '../query/keys.ts'
import { compareKeys } from '../query/sort.ts'
import type { Doc } from '../values.ts'
import type { IndexDefinition } from './index-definition.ts'
import type { DocumentRecord } from './record.ts'
import { SortedList } from './sorted-list.ts'

interface Entry {
  key: KeyTuple
  record: DocumentRecord
}

/** What a filter demands of one field of a key: some of these values, or a range within one type. */
export type Bound = { values: Key[] } | { low?: Key; lowOpen?: boolean; high?: Key; highOpen?: boolean }

/** Positions in the list; from `plan`, valid until the next change. */
export interface Span {
  from: number
  to: number
}

export class Index {
  readonly definition: IndexDefinition
  readonly paths: string[]
  /** Some document has had several keys here, so conditions on one document may be met by different keys. */
  multikey = false
  private readonly ascending: number[]
  private readonly includes: Filter | undefined
  private readonly entries: SortedList<Entry>

  constructor(definition: IndexDefinition) {
    this.definition = definition
    this.paths = Object.keys(definition.key)
    // Entries are kept ascending whatever was declared: the declared direction changes no answer.
    this.ascending = this.paths.map(() => 1)
    this.includes = definition.partialFilterExpression && compileFilter(definition.partialFilterExpression)
    this.entries = new SortedList<Entry>(
      (a, b) => compareKeys(a.key, b.key, this.ascending) || a.record.sequence - b.record.sequence,
    )
  }

  /** The keys this document has here: none if a sparse or partial index leaves it out. */
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

  /** Drops the entries of a document that nobody sees any more, save those that another version shares. */
  remove(doc: Doc, record: DocumentRecord): void {
    for (const key of this.keysOf(doc)) {
      let shared = false
      for (const other of record.documents()) if (this.hasKey(other, key)) shared = true
      if (!shared) this.entries.remove({ key, record })
    }
  }

  /** The records that have, or had, exactly this key. */
  *withKey(key: KeyTuple): Generator<DocumentRecord> {
    const span = this.span((other) => compareKeys(other, key, this.ascending))
    for (const entry of this.entries.range(span.from, span.to)) yield entry.record
  }

  /** Neighbouring entries with equal keys, for the check before a unique index is built. */
  *pairs(): Generator<[Entry, Entry]> {
    let last: Entry | undefined
    for (const entry of this.entries.range(0, this.entries.length)) {
      if (last !== undefined && compareKeys(last.key, entry.key, this.ascending) === 0) yield [last, entry]
      last = entry
    }
  }

  /** Where the candidates for these bounds (one for each leading field) stand; undefined if there is no telling. */
  plan(bounds: readonly Bound[]): Span[] {
    let prefixes: Key[][] = [[]]
    for (const bound of bounds) {
      if (!('values' in bound)) {
        return prefixes.map((prefix) => this.rangeSpan(prefix, bound))
      }
      prefixes = prefixes.flatMap((prefix) => bound.values.map((value) => [...prefix, value]))
    }
    return prefixes.map((prefix) => this.span((key) => comparePrefix(key, prefix)))
  }

  *records(spans: readonly Span[]): Generator<DocumentRecord> {
    for (const { from, to } of spans) for (const entry of this.entries.range(from, to)) yield entry.record
  }

  private rangeSpan(prefix: Key[], bound: { low?: Key; lowOpen?: boolean; high?: Key; highOpen?: boolean }): Span {
    const at = prefix.length
    const rank = typeRank((bound.low ?? bound.high)!)
    const { low, high } = bound
    return this.span((key) => {
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

  /** The entries for which `place` gives 0; negative says before them, positive after. */
  private span(place: (key: KeyTuple) => number): Span {
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
