// `arrayFilters`: the conditions that elements must meet for `$[<identifier>]`.
import { CommandError, fail } from '../errors.ts'
import { compileInnerFilter, type Filter } from '../query/filter.ts'
import { type Doc, isDoc, type Maybe, show, type Value } from '../values.ts'

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

  /** Throws if a filter is missing, or not used by any of the identifiers. */
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

  /** `$[]`, the empty identifier, accepts all. */
  accepts(identifier: string, element: Value): boolean {
    return identifier === '' || this.filters.get(identifier)!({ [identifier]: element })
  }
}

/** The one name that all paths of the filter begin with. */
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
