// The values of a request in one dimension. Comparisons read them in several ways: as terms, in lower case, as numbers, versions or
// dates. Each way is computed on first use, so at most once per request. Example: the texts `v8.0` and `beta` have the versions [8],
// because `beta` is not a version.

import { isPlain } from '../text.ts'
import { type Decimal, parseDecimal } from './decimal.ts'
import { parseInstant } from './instant.ts'
import { parseVersion, type Version } from './version.ts'

/** The part of `ValueKind` that is needed here. */
type TermReader = { termsOf(values: ContextValues): readonly string[] }

export class ContextValues {
  /** Normalised by the rule for text (engine/text.ts), like the values of constraints. */
  readonly texts: readonly string[]
  readonly #kind: TermReader
  #terms: readonly string[] | undefined
  #folded: readonly string[] | undefined
  #numbers: readonly Decimal[] | undefined
  #versions: readonly Version[] | undefined
  #instants: readonly number[] | undefined

  constructor(kind: TermReader, texts: readonly string[]) {
    this.#kind = kind
    this.texts = texts
  }

  /** For IN, NOT_IN and EQUALS. */
  get terms(): readonly string[] {
    this.#terms ??= this.#kind.termsOf(this)
    return this.#terms
  }

  /** The texts in lower case, for comparisons that ignore letter case. */
  get folded(): readonly string[] {
    this.#folded ??= this.texts.map(foldCase)
    return this.#folded
  }

  get numbers(): readonly Decimal[] {
    this.#numbers ??= parsed(this.texts, parseDecimal)
    return this.#numbers
  }

  get versions(): readonly Version[] {
    this.#versions ??= parsed(this.texts, parseVersion)
    return this.#versions
  }

  /** In ms since the Unix epoch. */
  get instants(): readonly number[] {
    this.#instants ??= parsed(this.texts, parseInstant)
    return this.#instants
  }
}

/** The Unicode lower case of a text, the same in every locale, in NFC. */
export function foldCase(text: string): string {
  const lower = text.toLowerCase()
  // Lower case can leave NFC: J with a caron is always two characters, but j with a caron has a form with one.
  return isPlain(lower) ? lower : lower.normalize()
}

function parsed<T>(texts: readonly string[], parse: (text: string) => T | undefined): readonly T[] {
  return texts.map(parse).filter((value) => value !== undefined)
}
