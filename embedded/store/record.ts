// One document through time: its committed versions, newest first, and what one open unit of work is about to make of
// it. Documents themselves are never changed; a change is a new document.
import type { Doc } from '../values.ts'
import type { Collection } from './collection.ts'
import type { Unit } from './unit.ts'

/** A committed state; `doc` is null where the document was deleted. */
export interface Version {
  at: number
  doc: Doc | null
  older: Version | undefined
}

export class DocumentRecord {
  readonly collection: Collection
  /** Its row on disk, and its place in natural order. */
  readonly sequence: number
  readonly idKey: string
  latest: Version | undefined
  holder: Unit | undefined
  pending: Doc | null = null

  constructor(collection: Collection, sequence: number, idKey: string) {
    this.collection = collection
    this.sequence = sequence
    this.idKey = idKey
  }

  /** The document as this unit sees it: its own write, else the newest version that its snapshot includes. */
  seenBy(unit: Unit): Doc | null {
    if (this.holder === unit) return this.pending
    let version = this.latest
    while (version !== undefined && version.at > unit.snapshot) version = version.older
    return version?.doc ?? null
  }

  /** Every document that somebody may still see here. */
  *documents(): Generator<Doc> {
    if (this.holder !== undefined && this.pending !== null) yield this.pending
    for (let version = this.latest; version !== undefined; version = version.older) {
      if (version.doc !== null) yield version.doc
    }
  }

  /** Forgets the versions that no snapshot from `oldest` on can see; returns their documents. */
  prune(oldest: number): Doc[] {
    let keep = this.latest
    while (keep !== undefined && keep.at > oldest) keep = keep.older
    const gone: Doc[] = []
    if (keep === undefined) return gone
    for (let version = keep.older; version !== undefined; version = version.older) {
      if (version.doc !== null) gone.push(version.doc)
    }
    keep.older = undefined
    return gone
  }

  /** Whether nothing is left of it: no open write, and at most the mark of a deletion that everybody sees. */
  isGone(oldest: number): boolean {
    if (this.holder !== undefined) return false
    return this.latest === undefined || (this.latest.doc === null && this.latest.at <= oldest)
  }
}
