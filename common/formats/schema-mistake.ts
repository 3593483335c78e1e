// Checks the JSON Schema of free data that an operator wrote. Ajv needs trusted schemas. So a schema must be small, and its keywords
// known. A `$ref` must not leave the schema or form a circle. The work on one value must be bounded.
//
// How the work is bounded. A schema without circles visits each part of the data at most once for each of its own parts. So this file
// counts the parts of the schema, with every `$ref` written out. Expensive parts count more: `{"multipleOf": 2}` is 51 steps, 1 for the
// schema and 50 for the keyword.

import { RE2JS } from 're2js'
import { show } from '../../engine/targeting/input-errors.ts'
import { cutText, isLonger, lengthOf, quoteText } from '../../engine/text.ts'
import { compileSchema } from './data-schema.ts'
import { INSTEAD, KEYWORDS, type Keyword, ROOT_KEYWORDS, SCHEMA } from './schema-keywords.ts'

export const SCHEMA_LIMITS = {
  /** Characters of the schema as JSON text. */
  characters: 10_000,
  depth: 32,
  /** Values in the schema, with every `$ref` written out. An RE2 instruction counts as 5, `multipleOf` as 50, `uniqueItems` as 100. */
  work: 5_000,
  /** Characters of a pattern. A short pattern can be large: `(abc){1000}` is written out before it is counted. */
  patternCharacters: 500,
  /** The largest `maxItems` beside `uniqueItems`, which compares every item with every other item. */
  uniqueItems: 100,
} as const

const DIALECT = 'https://json-schema.org/draft/2020-12/schema'
const DEFINITIONS = '#/$defs/'
/** `multipleOf` divides decimals, which can have hundreds of digits. */
const MULTIPLE_WORK = 50

type JsonObject = Record<string, unknown>

/** What the walk found in one schema, without its definitions. */
type Tally = { work: number; refs: string[]; mistakes: string[] }

/** What is wrong with a schema. Undefined when nothing is wrong. */
export function schemaMistake(schema: unknown): string | undefined {
  if (typeof schema === 'boolean') return undefined
  if (!isObject(schema)) return 'must be a JSON Schema: an object, true or false'
  if (isDeeper(schema, SCHEMA_LIMITS.depth)) return `must be nested at most ${SCHEMA_LIMITS.depth} deep`
  const length = lengthOf(JSON.stringify(schema))
  if (length > SCHEMA_LIMITS.characters) {
    return `must be at most ${SCHEMA_LIMITS.characters} characters as JSON, but has ${length}`
  }
  return rootMistake(schema) ?? contentMistake(schema) ?? compileMistake(schema)
}

function rootMistake(schema: JsonObject): string | undefined {
  if (Object.hasOwn(schema, '$schema') && schema.$schema !== DIALECT) {
    return `must have no other $schema than ${DIALECT}: other dialects have other keywords`
  }
  for (const [name, keyword] of ROOT_KEYWORDS) {
    if (Object.hasOwn(schema, name) && !keyword.fits(schema[name])) return misfit(`#/${name}`, keyword, schema[name])
  }
  return undefined
}

/** Checks the content. It tallies the root and each definition separately. */
function contentMistake(root: JsonObject): string | undefined {
  const { $defs = {}, $schema: _, ...rest } = root as { $defs?: JsonObject; $schema?: string }
  const definitions = new Map(Object.entries($defs).map(([name, part]) => [name, tallyOf(part, DEFINITIONS + name)]))
  const whole = tallyOf(rest, '#')
  const mistakes = [whole, ...definitions.values()].flatMap((tally) => [
    ...tally.mistakes,
    ...tally.refs.filter((name) => !definitions.has(name)).map((name) => `${DEFINITIONS}${name} does not exist`),
  ])
  if (mistakes[0]) return mistakes[0]
  const work = workOf(whole, definitions, [], new Map())
  if (typeof work === 'string') return work
  if (work <= SCHEMA_LIMITS.work) return undefined
  return `asks for too much work: ${Math.min(work, Number.MAX_SAFE_INTEGER)} steps for each part of the data, at most ${SCHEMA_LIMITS.work} are taken`
}

/** The work of a schema with every `$ref` written out. A text when some names form a circle. */
function workOf(
  { work, refs }: Tally,
  definitions: ReadonlyMap<string, Tally>,
  within: readonly string[],
  known: Map<string, number>,
): number | string {
  let sum = work
  for (const name of refs) {
    if (within.includes(name)) return `must not go in a circle: ${[...within, name].join(' -> ')}`
    const more = known.get(name) ?? workOf(definitions.get(name)!, definitions, [...within, name], known)
    if (typeof more === 'string') return more
    known.set(name, more)
    sum += more
  }
  return sum
}

function tallyOf(schema: unknown, at: string): Tally {
  const tally: Tally = { work: 0, refs: [], mistakes: [] }
  tallySchema(schema, at, tally)
  return tally
}

function tallySchema(schema: unknown, at: string, tally: Tally): void {
  tally.work += 1
  if (!SCHEMA.fits(schema)) tally.mistakes.push(misfit(at, SCHEMA, schema))
  if (!isObject(schema)) return
  if (schema.uniqueItems === true) {
    tally.work += 100
    if (!(Number(schema.maxItems) <= SCHEMA_LIMITS.uniqueItems)) {
      tally.mistakes.push(`${at}: uniqueItems needs a maxItems of at most ${SCHEMA_LIMITS.uniqueItems} beside it`)
    }
  }
  for (const name of Object.keys(schema)) tallyKeyword(name, schema, at, tally)
}

function tallyKeyword(name: string, schema: JsonObject, at: string, tally: Tally): void {
  const here = `${at}/${name}`
  const keyword = KEYWORDS.get(name)
  const value = schema[name]
  if (!keyword) return void tally.mistakes.push(`${at}: ${untaken(name)}`)
  if (!keyword.fits(value)) return void tally.mistakes.push(misfit(here, keyword, value))
  const { beside } = keyword
  if (beside && !beside.some((other) => Object.hasOwn(schema, other))) {
    const others = beside.map((other) => JSON.stringify(other))
    const remedy = `write ${others.join(' or ')} beside it, or leave it out`
    tally.mistakes.push(`${at}: ${JSON.stringify(name)} without ${others.join(' and ')} is ignored: ${remedy}`)
  }
  switch (keyword.holds) {
    case 'schema':
      tallySchema(value, here, tally)
      break
    case 'list':
    case 'map':
      for (const [part, held] of Object.entries(value as object)) {
        if (name === 'patternProperties') tallyPattern(part, here, tally)
        tallySchema(held, `${here}/${part}`, tally)
      }
      break
    case 'value':
      tally.work += name === 'multipleOf' ? MULTIPLE_WORK : valuesIn(value)
      if (name === 'pattern') tallyPattern(value as string, here, tally)
      if (name === '$ref') tallyRef(value as string, here, tally)
  }
}

function misfit(here: string, { expected }: Keyword, value: unknown): string {
  return `${here} must be ${expected}, but is ${show(value)}`
}

/** Why a keyword is not allowed, and what to write instead. */
function untaken(name: string): string {
  const quoted = quoteText(cutText(name, 60))
  if (ROOT_KEYWORDS.has(name)) return `${quoted} stands only at the root`
  const instead = INSTEAD.get(name)
  if (instead) return `${quoted} is not a keyword that is taken: ${instead}`
  return `${quoted} is not a keyword that is taken; those that are: ${[...KEYWORDS.keys()].join(', ')}`
}

/** RE2 steps each instruction once for each character of a text. So an instruction costs more than a keyword. */
function tallyPattern(pattern: string, at: string, tally: Tally): void {
  const { work, patternCharacters } = SCHEMA_LIMITS
  if (isLonger(pattern, patternCharacters)) {
    const length = lengthOf(pattern)
    tally.mistakes.push(`${at}: a pattern must be at most ${patternCharacters} characters, but has ${length}`)
    return
  }
  // The limit is exceeded already, so do not spend more time on counting.
  if (tally.work > work) return
  try {
    tally.work += 5 * RE2JS.compile(pattern).programSize()
  } catch (error) {
    // RE2 throws for a pattern that it does not support, for example backreferences and lookarounds.
    tally.mistakes.push(`${at}: ${JSON.stringify(pattern)} is not a pattern of RE2: ${(error as Error).message}`)
  }
}

function tallyRef(ref: string, at: string, tally: Tally): void {
  const name = ref.slice(DEFINITIONS.length)
  if (ref.startsWith(DEFINITIONS) && /^[\w.-]+$/.test(name)) tally.refs.push(name)
  else tally.mistakes.push(`${at}: must be ${DEFINITIONS}<name> with a name of letters, digits, \`_\`, \`.\` and \`-\``)
}

/** Ajv should accept a schema that passed the checks above. If it does not, its message would not help an operator. */
function compileMistake(schema: JsonObject): string | undefined {
  try {
    compileSchema(schema)
    return undefined
  } catch {
    return 'must be simpler: together its keywords make no schema that can be run here'
  }
}

function valuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce<number>((sum, part) => sum + valuesIn(part), 1)
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some((part) => isDeeper(part, depth - 1))
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
