// A document being changed without changing any document: containers are copied the first time they are written to,
// and what is untouched is shared with the old version.
import { fail } from '../errors.ts'
import { isIndex } from '../paths.ts'
import { type Doc, field, isDoc, type Maybe, show, type Value } from '../values.ts'

/** MongoDB's limit on how far an array is filled with nulls to reach an index. */
const maxPadding = 1_500_000

export class Draft {
  root: Doc
  private readonly own = new Set<object>()

  constructor(base: Doc) {
    this.root = { ...base }
    this.own.add(this.root)
  }

  get(parts: readonly string[]): Maybe {
    let value: Maybe = this.root
    for (const part of parts) value = child(value, part)
    return value
  }

  /**
   * Sets the value at a path, making documents on the way. Throws PathNotViable where a scalar, or an array without
   * that index, is in the way.
   */
  set(parts: readonly string[], value: Value): void {
    let container: Doc | Value[] = this.root
    for (let at = 0; at < parts.length - 1; at++) container = this.enter(container, parts, at)
    this.put(container, parts[parts.length - 1]!, value, parts)
  }

  /** Removes a field; an element of an array becomes null. A path that leads nowhere is left alone. */
  unset(parts: readonly string[]): void {
    if (this.get(parts) === undefined) return
    let container: Doc | Value[] = this.root
    for (let at = 0; at < parts.length - 1; at++) container = this.enter(container, parts, at)
    const last = parts[parts.length - 1]!
    if (Array.isArray(container)) container[Number(last)] = null
    else delete container[last]
  }

  /** The container under `parts[at]`, copied if it is still shared, made if it is missing. */
  private enter(container: Doc | Value[], parts: readonly string[], at: number): Doc | Value[] {
    const part = parts[at]!
    const inner = child(container, part)
    if (inner === undefined) {
      const made: Doc = {}
      this.own.add(made)
      this.put(container, part, made, parts)
      return made
    }
    if (!isDoc(inner) && !Array.isArray(inner)) {
      return fail('PathNotViable', `Cannot create field '${parts[at + 1]}' in element ${show({ [part]: inner })}`)
    }
    if (this.own.has(inner)) return inner
    const copy = Array.isArray(inner) ? [...inner] : { ...inner }
    this.own.add(copy)
    this.put(container, part, copy, parts)
    return copy
  }

  private put(container: Doc | Value[], part: string, value: Value, parts: readonly string[]): void {
    if (!Array.isArray(container)) {
      container[part] = value
      return
    }
    if (!isIndex(part)) {
      const name = parts[parts.indexOf(part) - 1] ?? ''
      fail('PathNotViable', `Cannot create field '${part}' in element ${show({ [name]: container })}`)
    }
    const index = Number(part)
    if (index - container.length > maxPadding) fail('CannotBackfillArray', 'can only fill an array with 1500000 nulls')
    while (container.length < index) container.push(null)
    container[index] = value
  }
}

function child(value: Maybe, part: string): Maybe {
  if (Array.isArray(value)) return isIndex(part) ? value[Number(part)] : undefined
  return isDoc(value) ? field(value, part) : undefined
}
