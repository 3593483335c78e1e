// The paths of updates. They may hold `$`, `$[]` and `$[<identifier>]`, which stand for elements of arrays. For
// `$[<identifier>]`, `arrayFilters` says which elements.
import { compareStrings } from '../compare.ts'
import { CommandError, fail } from '../errors.ts'
import { childOf, splitPath } from '../paths.ts'
import { compileInnerFilter, type Filter } from '../query/filter.ts'
import { type Doc, isArrayIndex, isDoc, type Maybe, show, type Value } from '../values.ts'

export type Path = readonly string[]

/** Throws if an update cannot have this path. */
export function parsePath(path: string): Path {
  const parts = splitPath(path)
  for (const [at, part] of parts.entries()) {
    if (part === '')
      fail('EmptyFieldName', `The update path '${path}' contains an empty field name, which is not allowed.`)
    if (isDynamic(part)) {
      if (at === 0) fail('BadValue', `Cannot have ${part} element in the first position in path '${path}'`)
    } else if (part.startsWith('$')) {
      fail(
        'DollarPrefixedFieldName',
        `The dollar ($) prefixed field '${part}' in '${path}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith.`,
      )
    }
  }
  if (parts.filter((part) => part === '$').length > 1) {
    fail('BadValue', `Too many positional (i.e. '$') elements found in path '${path}'`)
  }
  return parts
}

export function isDynamic(part: string): boolean {
  return part === '$' || isWildcard(part)
}

function isWildcard(part: string): boolean {
  return part.startsWith('$[') && part.endsWith(']')
}

/** The identifier in `$[<identifier>]`. Empty for `$[]`, undefined for other parts. */
export function identifierIn(part: string): string | undefined {
  return isWildcard(part) ? part.slice(2, -1) : undefined
}

/** Compares numeric names by number and others by text. A path comes before those that continue it. */
export function comparePaths(a: Path, b: Path): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    const [left, right] = [a[at]!, b[at]!]
    if (left === right) continue
    return isArrayIndex(left) && isArrayIndex(right) ? Number(left) - Number(right) : compareStrings(left, right)
  }
  return a.length - b.length
}

/** The common beginning of two conflicting paths: one continues the other, or only one has `$[]` at a place. */
export function conflict(a: Path, b: Path): Path | undefined {
  let at = 0
  while (at < a.length && at < b.length && a[at] === b[at]) at++
  if (at === a.length || at === b.length) return a.slice(0, at)
  return isWildcard(a[at]!) !== isWildcard(b[at]!) ? a.slice(0, at) : undefined
}

/** The plain paths that a path stands for in this document. `position` gives the index for `$`. */
export function resolve(path: Path, doc: Doc, filters: ArrayFilters, position: () => number): Path[] {
  let paths: { path: string[]; value: Maybe }[] = [{ path: [], value: doc }]
  for (const part of path) {
    paths = paths.flatMap(({ path: before, value }) => {
      if (!isWildcard(part)) {
        const name = part === '$' ? String(position()) : part
        return [{ path: [...before, name], value: childOf(value, name) }]
      }
      const array = arrayAt(value, before)
      return array.flatMap((element, at) =>
        filters.accepts(identifierIn(part)!, element) ? [{ path: [...before, String(at)], value: element }] : [],
      )
    })
  }
  return paths.map((resolved) => resolved.path)
}

function arrayAt(value: Maybe, path: Path) {
  if (value === undefined) {
    fail('BadValue', `The path '${path.join('.')}' must exist in the document in order to apply array updates.`)
  }
  if (Array.isArray(value)) return value
  return fail('BadValue', `Cannot apply array updates to non-array element ${path.at(-1)}: ${show(value)}`)
}

/** The conditions in `arrayFilters` that elements must meet, by identifier. */
export class ArrayFilters {
  private readonly filters = new Map<string, Filter>()

  constructor(spec: Maybe) {
    if (spec === undefined) return
    if (!Array.isArray(spec)) fail('TypeMismatch', "BSON field 'arrayFilters' is the wrong type, expected type 'array'")
    for (const filter of spec as Value[]) {
      if (!isDoc(filter)) throw new CommandError('TypeMismatch', "each entry of 'arrayFilters' must be an object")
      const identifier = identifierOf(filter)
      if (this.filters.has(identifier)) {
        fail('FailedToParse', `Found multiple array filters with the same top-level field name ${identifier}`)
      }
      this.filters.set(identifier, compileInnerFilter(filter))
    }
  }

  /** Throws if an identifier has no filter, or if a filter is not used. */
  check(identifiers: ReadonlySet<string>): void {
    for (const identifier of identifiers) {
      if (identifier !== '' && !this.filters.has(identifier)) {
        fail('BadValue', `No array filter found for identifier '${identifier}'`)
      }
    }
    for (const identifier of this.filters.keys()) {
      if (!identifiers.has(identifier)) {
        fail('FailedToParse', `The array filter for identifier '${identifier}' was not used in the update`)
      }
    }
  }

  /** `$[]`, with the empty identifier, accepts every element. */
  accepts(identifier: string, element: Value): boolean {
    return identifier === '' || this.filters.get(identifier)!({ [identifier]: element })
  }
}

/** The name that all paths of the filter begin with. */
function identifierOf(filter: Doc): string {
  const names = new Set(topLevelNames(filter))
  const [name, ...others] = names
  if (name === undefined) {
    return fail('FailedToParse', 'Cannot use an expression without a top-level field name in arrayFilters')
  }
  if (others.length > 0) {
    fail(
      'FailedToParse',
      `Error parsing array filter :: caused by :: Expected a single top-level field name, found '${name}' and '${others[0]}'`,
    )
  }
  if (!/^[a-z][a-zA-Z0-9]*$/.test(name)) {
    fail(
      'BadValue',
      `Error parsing array filter :: caused by :: The top-level field name must be an alphanumeric string beginning with a lowercase letter, found '${name}'`,
    )
  }
  return name
}

function topLevelNames(filter: Doc): string[] {
  return Object.entries(filter).flatMap(([name, operand]) => {
    if (!name.startsWith('$')) return [name.split('.')[0]!]
    return Array.isArray(operand)
      ? operand.flatMap((branch) => (isDoc(branch) ? topLevelNames(branch) : [show(branch)]))
      : []
  })
}
