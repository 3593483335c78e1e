// Checks a manifest of persisted operations, as Apollo's tools write it, before an app registers it. Each operation must be one that a
// lane answers: it fits the schema of that lane, and stays within the limits on queries. The error lists the mistakes of all
// operations, each with its path and the name of the operation.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { buildSubgraphSchema } from '@apollo/subgraph'
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql'
import { z } from 'zod'
import type { AppOperation } from '../../common/apps/operations.ts'
import { sha256 } from '../../common/base/content-hash.ts'
import { AlkaidError, badInput } from '../../common/base/errors.ts'
import { parseInput } from '../../common/command/input.ts'
import { countFields, type QueryLimits, requireWithinLimits } from '../../common/graphql/query-limits.ts'
import { requireReadable } from '../../common/graphql/query-text.ts'
import { scalars } from '../../common/graphql/scalars.ts'
import { readTypeDefs } from '../../common/graphql/subgraph.ts'
import { selectingVariables } from '../../common/lane/compiled-variables.ts'
import { rootFieldsOf } from '../../common/lane/persisted-operations.ts'
import { cutText, quoteText } from '../../engine/text.ts'
import { LANE_FIELDS } from '../lanes.ts'

/** An operation that passed. */
export type CheckedOperation = Pick<AppOperation, 'id' | 'name' | 'type' | 'body' | 'lane'>

export type ManifestChecker = {
  /**
   * The operations of a manifest, in its order.
   * @param path where the manifest is, for the errors: `input.manifest`.
   * @throws AlkaidError BAD_USER_INPUT with at most 50 mistakes, or LIMIT_EXCEEDED for a manifest that is too large.
   */
  check(manifest: unknown, path: string): Promise<CheckedOperation[]>
}

export const MAX_OPERATIONS = 500
/** UTF-8 bytes of all bodies. As JSON, a body takes at most twice as much, so the list stays below the 2 MB of a document. */
export const MAX_BYTES = 500_000
/** Every node compiles each operation. This many fields take it about 10 ms. */
const MAX_COMPILED_FIELDS = 20_000
/** Each variable in @skip or @include doubles what is compiled. */
const MAX_SELECTING_VARIABLES = 6

const MAX_MISTAKES = 50
const MAX_MISTAKES_EACH = 5

const manifestInput = z.object({
  format: z.literal('apollo-persisted-query-manifest', 'must be "apollo-persisted-query-manifest"'),
  version: z.literal(1, 'must be 1'),
  operations: z.array(
    z.object({
      id: z.string('must be text').transform((id) => id.toLowerCase()), // compared with the hash of the body below
      name: z
        .string('must be text')
        .regex(/^[A-Za-z_]\w{0,199}$/, 'must be a name of GraphQL, of at most 200 characters'),
      type: z.enum(['query', 'mutation'], 'must be "query" or "mutation": no lane answers anything else'),
      body: z.string('must be text'),
    }),
    'must be a list',
  ),
})

type Entry = z.output<typeof manifestInput>['operations'][number]
type Lane = { name: string; fields: readonly string[]; schema: GraphQLSchema }
/** `part`: the field of the operation in the manifest that is wrong. */
type Mistake = { part: keyof Entry; message: string }

/** @param limits on the text and the size of one operation: those of queries of clients. */
export function createManifestChecker(limits: QueryLimits): ManifestChecker {
  let lanes: readonly Lane[] | undefined

  async function check(manifest: unknown, path: string): Promise<CheckedOperation[]> {
    requireFew(manifest)
    const { operations } = parseInput(manifestInput, manifest, path)
    requireSmall(operations)
    lanes ??= readLanes()
    const checked: CheckedOperation[] = []
    const mistakes: { path: string; message: string }[] = []
    const firstOfId = new Map<string, number>()
    for (const [index, entry] of operations.entries()) {
      const first = firstOfId.get(entry.id)
      firstOfId.set(entry.id, first ?? index)
      const result: CheckedOperation | Mistake[] =
        first === undefined
          ? checkEntry(entry, lanes, limits)
          : [{ part: 'id', message: `is the id of operations[${first}], too: list each operation once` }]
      if (!Array.isArray(result)) checked.push(result)
      else {
        for (const { part, message } of result)
          mistakes.push({
            path: `${path}.operations[${index}].${part}`,
            message: `${quoteText(entry.name)} ${message}`,
          })
      }
      if (mistakes.length >= MAX_MISTAKES) break
      await nextTurn() // requests are answered between two operations
    }
    const [mistake, ...more] = mistakes
    if (mistake) throw badInput(mistake.path, mistake.message, more)
    return checked
  }

  return { check }
}

function requireFew(manifest: unknown): void {
  const operations = (manifest as { operations?: unknown } | null | undefined)?.operations
  if (!Array.isArray(operations) || operations.length <= MAX_OPERATIONS) return
  const most = `An app may have at most ${MAX_OPERATIONS} operations of its own, and this manifest has ${operations.length}.`
  throw new AlkaidError('LIMIT_EXCEEDED', `${most} Register only those that apps send to Alkaid.`)
}

function requireSmall(operations: readonly Entry[]): void {
  const bytes = operations.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0)
  if (bytes <= MAX_BYTES) return
  const [most, found] = [MAX_BYTES, bytes].map((number) => number.toLocaleString('en'))
  const message = `The bodies of all operations may have at most ${most} bytes together, and these have ${found}. Register fewer or shorter ones.`
  throw new AlkaidError('LIMIT_EXCEEDED', message)
}

/**
 * The schemas that the lanes run: those of their subgraphs, and not the API schema of the gateway. So an operation that passes fits
 * the schema of the nodes exactly. Fields beside those of the lane are refused before validation.
 */
function readLanes(): Lane[] {
  return Object.entries(LANE_FIELDS).map(([name, fields]) => {
    const typeDefs = readTypeDefs(new URL(`../${name}/schema.graphql`, import.meta.url))
    return { name, fields, schema: buildSubgraphSchema({ typeDefs, resolvers: scalars as never }) }
  })
}

/** The cheap steps come first, and each step relies on the ones before it. */
function checkEntry(entry: Entry, lanes: readonly Lane[], limits: QueryLimits): CheckedOperation | Mistake[] {
  const { id, name, type, body } = entry
  const hash = sha256(body)
  if (hash !== id) {
    const message = `has a body with the SHA-256 ${hash}. Both must agree: generate the manifest anew, and do not edit it`
    return [{ part: 'id', message }]
  }
  const document = readBody(body, limits)
  if ('message' in document) return [{ part: 'body', message: document.message }]
  const operations = document.definitions.filter((part) => part.kind === Kind.OPERATION_DEFINITION)
  const [operation] = operations
  if (!operation || operations.length > 1) {
    return [{ part: 'body', message: `must hold exactly one operation, and holds ${operations.length}` }]
  }
  const mislabelled = labelMistakes(entry, operation)
  if (mislabelled.length > 0) return mislabelled
  const lane = laneOf(document, operation, lanes)
  if ('message' in lane) return [{ part: 'body', message: lane.message }]
  const invalid = validate(lane.schema, document, RULES, { maxErrors: MAX_MISTAKES_EACH, hideSuggestions: true })
  if (invalid.length > 0) return invalid.map((error) => ({ part: 'body', message: describe(error) }))
  const costly = compileMistake(document, operation)
  return costly === undefined ? { id, name, type, body, lane: lane.name } : [{ part: 'body', message: costly }]
}

const RULES = [...specifiedRules, NoSchemaIntrospectionCustomRule]

function readBody(body: string, limits: QueryLimits): DocumentNode | { message: string } {
  try {
    requireReadable(body, limits)
    const document = parse(body)
    requireWithinLimits(document, limits)
    return document
  } catch (error) {
    if (error instanceof GraphQLError) return { message: describe(error) }
    throw error
  }
}

function labelMistakes({ name, type }: Entry, operation: OperationDefinitionNode): Mistake[] {
  const written = operation.name?.value
  const mistakes: Mistake[] = []
  if (written !== name) {
    const found = written === undefined ? 'has none' : `is named ${cutText(written, 200)}`
    mistakes.push({ part: 'name', message: `must be the name of the operation in the body, which ${found}` })
  }
  if (operation.operation !== type) {
    mistakes.push({ part: 'type', message: `must be the type of the operation in the body: ${operation.operation}` })
  }
  return mistakes
}

function laneOf(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  lanes: readonly Lane[],
): Lane | { message: string } {
  const fields = rootFieldsOf(document, operation)
  const lane = fields.length > 0 && lanes.find((one) => fields.every((field) => one.fields.includes(field)))
  if (lane) return lane
  const allowed = lanes.map((one) => one.fields.join(', ')).join(' or only ')
  const found = fields.length === 0 ? 'has none' : `has ${cutText(fields.slice(0, 10).join(', '), 300)}`
  return { message: `may have only ${allowed} at its top, and ${found}: apps can send nothing else` }
}

function compileMistake(document: DocumentNode, operation: OperationDefinitionNode): string | undefined {
  const selecting = selectingVariables(document).length
  if (selecting > MAX_SELECTING_VARIABLES) {
    return `may use at most ${MAX_SELECTING_VARIABLES} variables in @skip and @include, and uses ${selecting}: split it into several operations`
  }
  const fields = countFields(document, operation) * 2 ** selecting
  if (fields <= MAX_COMPILED_FIELDS) return undefined
  const [most, found] = [MAX_COMPILED_FIELDS, fields].map((number) => number.toLocaleString('en'))
  return `has ${found} fields, counted once for each combination of its ${selecting} variables in @skip and @include, and may have ${most}: ask for fewer fields, or use fewer such variables`
}

/** The message with its place in the body: `Cannot query field "colour" on type "DecidedCreative". (line 4, column 7)`. */
function describe(error: GraphQLError): string {
  if (error instanceof AlkaidError) return `is too large: ${error.message}`
  const [place] = error.locations ?? []
  return `is not valid: ${cutText(error.message, 500)}${place ? ` (line ${place.line}, column ${place.column})` : ''}`
}
