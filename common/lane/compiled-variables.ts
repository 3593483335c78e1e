// Compiles a function that reads the variables of one operation. Valid variables give the same result as in graphql-js. For invalid
// variables it returns undefined. Then graphql-js reads them and writes the error, so each mistake has only one message.

import {
  type DocumentNode,
  type GraphQLInputType,
  type GraphQLLeafType,
  type GraphQLSchema,
  GraphQLString,
  isInputObjectType,
  isInputType,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  typeFromAST,
  valueFromAST,
  visit,
} from 'graphql'

export type Variables = Readonly<Record<string, unknown>>
/** Undefined: graphql-js must read these variables, because they are invalid or unusual. */
export type ReadVariables = (given: Variables) => Variables | undefined

/** Thrown for a value that does not fit its type, or that only graphql-js can read. It never leaves this module. */
const MISFIT = new Error('A variable does not fit')

/** Reads one value that is not null. Throws `MISFIT`. */
type ReadValue = (given: unknown) => unknown

/** @throws Error for a type that is not in the schema. So validate the document first. */
export function compileVariables(schema: GraphQLSchema, operation: OperationDefinitionNode): ReadVariables {
  const readers = new Map<GraphQLInputType, ReadValue>()
  const definitions = (operation.variableDefinitions ?? []).map(({ variable, type: typeNode, defaultValue }) => {
    const type = typeFromAST(schema, typeNode)
    if (!isInputType(type)) throw new Error(`The variable $${variable.name.value} has no type in the schema`)
    const hasDefault = defaultValue !== undefined
    const fallback = defaultValue && valueFromAST(defaultValue, type)
    return {
      name: variable.name.value,
      hasDefault,
      fallback,
      isRequired: isNonNullType(type),
      read: readerOf(type, readers),
    }
  })

  function read(given: Variables): Variables {
    const values: Record<string, unknown> = {}
    for (const { name, hasDefault, fallback, isRequired, read } of definitions) {
      const value = Object.hasOwn(given, name) ? given[name] : undefined
      if (value === undefined && !Object.hasOwn(given, name)) {
        if (hasDefault) values[name] = fallback
        else if (isRequired) throw MISFIT
        continue
      }
      values[name] = read(value)
    }
    return values
  }

  return (given) => {
    try {
      return read(given)
    } catch (error) {
      if (error === MISFIT) return undefined
      throw error
    }
  }
}

/** The names of all variables in `@skip` and `@include`. They decide which fields are selected. */
export function selectingVariables(document: DocumentNode): string[] {
  const names = new Set<string>()
  visit(document, {
    Directive({ name, arguments: args = [] }) {
      if (name.value !== 'skip' && name.value !== 'include') return
      for (const { value } of args) if (value.kind === Kind.VARIABLE) names.add(value.name.value)
    },
  })
  return [...names].sort()
}

/** A type may contain itself. So the map has a reader for the type before the reader is complete. */
function readerOf(type: GraphQLInputType, readers: Map<GraphQLInputType, ReadValue>): ReadValue {
  const known = readers.get(type)
  if (known) return known
  let compiled: ReadValue | undefined
  const reader: ReadValue = (given) => compiled!(given)
  readers.set(type, reader)
  compiled = compileReader(type, readers)
  readers.set(type, compiled)
  return compiled
}

function compileReader(type: GraphQLInputType, readers: Map<GraphQLInputType, ReadValue>): ReadValue {
  if (isNonNullType(type)) {
    const read = readerOf(type.ofType as GraphQLInputType, readers)
    return (given) => {
      if (given === null || given === undefined) throw MISFIT
      return read(given)
    }
  }
  const read = compileNotNull(type, readers)
  return (given) => (given === null || given === undefined ? null : read(given))
}

function compileNotNull(type: GraphQLInputType, readers: Map<GraphQLInputType, ReadValue>): ReadValue {
  if (isListType(type)) {
    const readItem = readerOf(type.ofType as GraphQLInputType, readers)
    // The specification says: one value instead of a list is a list of one item.
    return (given) => (Array.isArray(given) ? readItems(given, readItem) : [readItem(given)])
  }
  if (isInputObjectType(type)) {
    if (type.isOneOf) return misfit
    const fields = Object.values(type.getFields()).map(({ name, type: fieldType, defaultValue }) => ({
      name,
      /** Every object has a property of this name, such as `constructor`. */
      isInherited: name in Object.prototype,
      defaultValue,
      isRequired: isNonNullType(fieldType),
      read: readerOf(fieldType, readers),
    }))
    return (given) => {
      if (typeof given !== 'object' || Array.isArray(given)) throw MISFIT
      const input = given as Record<string, unknown>
      // Mostly all values are read as they are. Then the given object is the result, and no copy is made.
      let copy: Record<string, unknown> | undefined
      let found = 0
      for (const { name, isInherited, defaultValue, isRequired, read } of fields) {
        const value = isInherited && !Object.hasOwn(input, name) ? undefined : input[name]
        if (value !== undefined) {
          const result = read(value)
          if (result !== value) copy = { ...(copy ?? input), [name]: result }
          found += 1
        } else if (defaultValue !== undefined) copy = { ...(copy ?? input), [name]: defaultValue }
        else if (isRequired) throw MISFIT
      }
      if (countOf(input) !== found) throw MISFIT // further keys are no fields of the type, or undefined
      return copy ?? input
    }
  }
  if (type === GraphQLString) return (given) => (typeof given === 'string' ? given : misfit())
  return (given) => {
    let value: unknown
    try {
      value = (type as GraphQLLeafType).parseValue(given)
    } catch {
      throw MISFIT // graphql-js calls it again and writes the message
    }
    return value === undefined ? misfit() : value
  }
}

/** Returns the same list when every item is read as it is. */
function readItems(items: readonly unknown[], readItem: ReadValue): readonly unknown[] {
  for (let at = 0; at < items.length; at += 1) {
    if (readItem(items[at]) !== items[at]) return items.map(readItem)
  }
  return items
}

/** The number of keys. `Object.keys` would make a list of them. */
function countOf(input: object): number {
  let count = 0
  for (const _ in input) count += 1
  return count
}

function misfit(): never {
  throw MISFIT
}
