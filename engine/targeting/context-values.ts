// What a request holds in one dimension. Each way of reading it is computed when a comparison first asks for it, and
// then kept: at most once per request. Values that cannot be read in some way are as if missing from it.

import { isPlain } from '../text.ts'
import { type Decimal, parseDecimal } from './decimal.ts'
import { parseInstant } from './instant.ts'
import { parseVersion, type Version } from './version.ts'

/** How the values of one dimension are read; see `ValueKind`. */
type TermReader = { termsOf(held: ContextValues): readonly string[] }

export class ContextValues {
  /** By the rule for text, as the values of constraints are. */
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

  /** The terms that IN, NOT_IN and EQUALS look for. */
  get terms(): readonly string[] {
    this.#terms ??= this.#kind.termsOf(this)
    return this.#terms
  }

  /** The texts in lower case: what is looked at where letter case does not matter. */
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

/** One text for all letter cases of it: Unicode's lower case, the same in every locale, in NFC as the text itself. */
export function foldCase(text: string): string {
  const lower = text.toLowerCase()
  // A J with a caron is two characters, and a j with one is one.
  return isPlain(lower) ? lower : lower.normalize()
}

function parsed<T>(texts: readonly string[], parse: (text: string) => T | undefined): readonly T[] {
  return texts.map(parse).filter((value) => value !== undefined)
}
