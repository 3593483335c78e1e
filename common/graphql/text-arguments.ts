// Applies the rule for text (engine/text.ts) to every argument, before the resolver sees it. A new String, ID or JSON in the SDL
// follows the rule without further code. The directive `@lines` in the SDL allows line breaks in a text.

import {
  defaultFieldResolver,
  type GraphQLArgument,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
} from 'graphql'
import { isPlain, quoteText, readText, type TextKind } from '../../engine/text.ts'
import { badInput } from '../base/errors.ts'

type Mistake = { path: string; message: string }

/**
 * Reads a value of one type. Returns the same value when nothing changes, else a copy. Adds each mistake with its path inside this
 * value; the readers above put their own part before it. So no path is built when there is no mistake.
 */
type Reader = (value: unknown, mistakes: Mistake[]) => unknown

/** Mistakes in one answer. A list can repeat the same mistake thousands of times. */
const MOST_MISTAKES = 100
/** Not lower than any other limit on JSON, and low enough for recursion. */
const DEEPEST_JSON = 64

/** Wraps the resolvers of a schema. They throw BAD_USER_INPUT with the path and the mistake of each wrong text. */
export function readTextArguments(schema: GraphQLSchema): void {
  const readers = readersOf()
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue
    for (const field of Object.values(type.getFields())) {
      const read = readers.fields(field.args)
      if (!read) continue
      const resolve = field.resolve ?? defaultFieldResolver
      field.resolve = (parent, args, context, info) => {
        const mistakes: Mistake[] = []
        const texts = read(args, mistakes) as typeof args
        const [first, ...more] = mistakes
        if (first) throw badInput(first.path, first.message, more)
        return resolve(parent, texts, context, info)
      }
    }
  }
}

/** Makes readers; undefined for a type without text. Input types can contain themselves, so each reader is made once. */
function readersOf() {
  const ofInputs = new Map<string, Reader | undefined>()

  function typed(type: GraphQLInputType, kind: TextKind): Reader | undefined {
    const nullable = getNullableType(type)
    if (isListType(nullable)) {
      const item = typed(nullable.ofType, kind)
      return item && listReader(item)
    }
    if (nullable.name === 'JSON') return readJson
    if (nullable.name === 'String' || nullable.name === 'ID') return textReader(kind)
    if (!isInputObjectType(nullable)) return undefined
    const { name } = nullable
    if (!ofInputs.has(name)) {
      ofInputs.set(name, (value, mistakes) => ofInputs.get(name)?.(value, mistakes) ?? value)
      ofInputs.set(name, fields(Object.values(nullable.getFields())))
    }
    return ofInputs.get(name)
  }

  function fields(parts: readonly (GraphQLArgument | GraphQLInputField)[]): Reader | undefined {
    const read = parts.flatMap(({ name, type, astNode }) => {
      const lines = astNode?.directives?.some((directive) => directive.name.value === 'lines')
      const reader = typed(type, lines ? 'lines' : 'line')
      return reader ? [[name, reader] as const] : []
    })
    return read.length === 0 ? undefined : objectReader(read)
  }

  return { fields }
}

function textReader(kind: TextKind): Reader {
  return (value, mistakes) => {
    if (typeof value !== 'string' || isPlain(value) || mistakes.length >= MOST_MISTAKES) return value
    const read = readText(value, kind)
    if (read.mistake === undefined) return read.text
    mistakes.push({ path: '', message: read.mistake })
    return value
  }
}

function listReader(item: Reader): Reader {
  return (value, mistakes) => {
    // GraphQL has already made a list of a single value.
    if (!Array.isArray(value)) return value
    return readParts(value, value.keys(), (part) => item(part, mistakes), mistakes)
  }
}

function objectReader(read: readonly (readonly [name: string, reader: Reader])[]): Reader {
  const byName = new Map(read)
  return (value, mistakes) => {
    if (typeof value !== 'object' || value === null) return value
    const given = value as Record<string, unknown>
    return readParts(given, byName.keys(), (part, name) => byName.get(name)!(part, mistakes), mistakes)
  }
}

/** Reads these parts of a value. Returns the same value when no part changes, else a copy. */
function readParts<V extends object, K extends keyof V & (string | number)>(
  value: V,
  keys: Iterable<K>,
  read: (part: unknown, key: K) => unknown,
  mistakes: Mistake[],
): V {
  let copy: V | undefined
  for (const key of keys) {
    const part = value[key]
    if (part === null || part === undefined) continue
    const before = mistakes.length
    const is = read(part, key)
    for (let at = before; at < mistakes.length; at += 1) mistakes[at]!.path = pathOf(key, mistakes[at]!.path)
    if (is === part) continue
    copy ??= (Array.isArray(value) ? [...value] : { ...value }) as V
    copy[key] = is as V[K]
  }
  return copy ?? value
}

function pathOf(key: string | number, rest: string): string {
  const here = typeof key === 'number' ? `[${key}]` : /^[\w-]+$/.test(key) ? key : `[${quoteText(key)}]`
  return rest === '' || rest.startsWith('[') ? here + rest : `${here}.${rest}`
}

/**
 * Reads free JSON: all its texts and keys, at any depth. The order of keys stays. The path of a mistake ends at the argument, and
 * the message says where in the JSON it is.
 */
const readJson: Reader = (value, mistakes) => {
  const inside: Mistake[] = []
  const read = readJsonPart(value, inside, 1)
  for (const { path, message } of inside)
    mistakes.push({ path: '', message: path === '' ? message : `${message} (in ${path})` })
  return read
}

function readJsonPart(value: unknown, mistakes: Mistake[], depth: number): unknown {
  if (typeof value === 'string') return readFree(value, mistakes)
  if (typeof value !== 'object' || value === null || mistakes.length >= MOST_MISTAKES) return value
  if (depth > DEEPEST_JSON) {
    mistakes.push({ path: '', message: `must be nested at most ${DEEPEST_JSON} deep` })
    return value
  }
  const read = (part: unknown) => readJsonPart(part, mistakes, depth + 1)
  if (Array.isArray(value)) return readParts(value, value.keys(), read, mistakes)
  const object = readParts(value as Record<string, unknown>, Object.keys(value), read, mistakes)
  return Object.keys(object).every(isPlain) ? object : withReadKeys(object, mistakes)
}

const readFree = textReader('data')

function withReadKeys(object: Record<string, unknown>, mistakes: Mistake[]): Record<string, unknown> {
  const byKey = new Map<string, unknown>()
  for (const [key, part] of Object.entries(object)) {
    const before = mistakes.length
    const read = readFree(key, mistakes) as string
    for (let at = before; at < mistakes.length; at += 1)
      mistakes[at]!.message = `has a key that ${mistakes[at]!.message}`
    if (byKey.has(read)) mistakes.push({ path: '', message: `has the key ${quoteText(read)} in two spellings` })
    byKey.set(read, part)
  }
  return Object.fromEntries(byKey)
}
