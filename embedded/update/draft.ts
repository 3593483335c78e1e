// A copy of a document that an update changes. The original never changes: a nested document or array is copied before
// its first change. Parts that stay the same are shared with the original.
import { fail } from '../errors.ts'
import { childOf } from '../paths.ts'
import { type Doc, isArrayIndex, isDoc, type Maybe, show, type Value } from '../values.ts'

/** With how many nulls MongoDB fills an array at most, to reach an index beyond its end. */
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
    for (const part of parts) value = childOf(value, part)
    return value
  }

  /**
   * Sets the value at a path, and creates missing documents on the way. Throws PathNotViable if a scalar is in the way,
   * or an array and the next part of the path is not an index.
   */
  set(parts: readonly string[], value: Value): void {
    let container: Doc | Value[] = this.root
    for (let at = 0; at < parts.length - 1; at++) container = this.enter(container, parts, at)
    this.put(container, parts[parts.length - 1]!, value, parts)
  }

  /** Removes a field. An element of an array becomes null. Does nothing if the path does not exist. */
  unset(parts: readonly string[]): void {
    if (this.get(parts) === undefined) return
    let container: Doc | Value[] = this.root
    for (let at = 0; at < parts.length - 1; at++) container = this.enter(container, parts, at)
    const last = parts[parts.length - 1]!
    if (Array.isArray(container)) container[Number(last)] = null
    else delete container[last]
  }

  /** The document or array under `parts[at]`: copied if it is still shared, created if it is missing. */
  private enter(container: Doc | Value[], parts: readonly string[], at: number): Doc | Value[] {
    const part = parts[at]!
    const inner = childOf(container, part)
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
    if (!isArrayIndex(part)) {
      const name = parts[parts.indexOf(part) - 1] ?? ''
      fail('PathNotViable', `Cannot create field '${part}' in element ${show({ [name]: container })}`)
    }
    const index = Number(part)
    if (index - container.length > maxPadding) fail('CannotBackfillArray', 'can only fill an array with 1500000 nulls')
    while (container.length < index) container.push(null)
    container[index] = value
  }
}
