// Writes the values of an answer as JSON, with the same bytes as graphql-js and `JSON.stringify`. Some values need more than writing: an
// error, a promise, a null in a non-null field. For these, the writers throw `UNFORESEEN`, and graphql-js writes the whole answer.

import { type GraphQLEnumType, type GraphQLLeafType, GraphQLString } from 'graphql'
import { AnswerTag, type PreparedPart, preparePart } from './answer-tag.ts'

/** Writes one value, and adds it to the tag of the answer. Throws `UNFORESEEN`. */
export type Write = (value: unknown, tag: AnswerTag) => string

export const UNFORESEEN = new Error('graphql-js has to write this value')

/** A field of an object. `prefix`: the JSON before its value, for example `,"title":`. `read` gets the value, `write` writes it. */
export type ObjectField = { prefix: string; read: (parent: Record<string, unknown>) => unknown; write: Write }

export function writeObject(fields: readonly ObjectField[]): Write {
  return (value, tag) => {
    const parent = checked(value) as Record<string, unknown>
    if (typeof parent !== 'object') throw UNFORESEEN
    if (fields.length === 0) return '{}'
    let json = ''
    for (let at = 0; at < fields.length; at += 1) {
      const { prefix, read, write } = fields[at]!
      json += prefix + write(read(parent), tag)
    }
    return `${json}}`
  }
}

/** For objects that never change. The JSON of an object is kept as long as the object itself. */
export function writeOnce(write: Write): Write {
  const written = new WeakMap<object, PreparedPart>()
  return (value, tag) => {
    if (typeof value !== 'object' || value === null) throw UNFORESEEN
    let part = written.get(value)
    if (!part) {
      part = preparePart(write(value, new AnswerTag()))
      written.set(value, part)
    }
    tag.add(part)
    return part.json
  }
}

export function writeList(writeItem: Write): Write {
  return (value, tag) => {
    if (!Array.isArray(value)) throw UNFORESEEN
    tag.addCount(value.length)
    if (value.length === 0) return '[]'
    let json = `[${writeItem(value[0], tag)}`
    for (let at = 1; at < value.length; at += 1) json += `,${writeItem(value[at], tag)}`
    return `${json}]`
  }
}

export function writeString(value: unknown, tag: AnswerTag): string {
  if (typeof value !== 'string') return writeLeaf(GraphQLString, value, tag)
  if (tag.addText(value)) return `"${value}"`
  const json = JSON.stringify(value)
  tag.countBytesOf(json)
  return json
}

/** For an enum: it has few values, so each is written once. A value that is not of the enum is left to graphql-js. */
export function writeEnum(type: GraphQLEnumType): Write {
  const written = new Map<unknown, PreparedPart>()
  for (const { name, value } of type.getValues()) written.set(value, preparePart(JSON.stringify(name)))
  return (value, tag) => {
    const part = written.get(value)
    if (!part) return writeLeaf(type, value, tag)
    tag.add(part)
    return part.json
  }
}

export function writeLeaf(type: GraphQLLeafType, value: unknown, tag: AnswerTag): string {
  const json = JSON.stringify(serialized(type, value))
  if (json === undefined) throw UNFORESEEN
  if (!tag.addText(json)) tag.countBytesOf(json)
  return json
}

function serialized(type: GraphQLLeafType, value: unknown): unknown {
  const given = checked(value)
  let result: unknown
  try {
    result = type.serialize(given)
  } catch {
    throw UNFORESEEN // graphql-js adds the path to the error
  }
  if (result === null || result === undefined) throw UNFORESEEN
  return result
}

/** Leaves three kinds of values to graphql-js: it calls functions, waits for promises, and adds the path to errors. */
function checked(value: unknown): unknown {
  if (typeof value === 'function' || value instanceof Error || isPromise(value)) throw UNFORESEEN
  return value
}

export function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
