// From the text of a request to a document that may be planned or executed, in the order of what each step costs: the
// text is held to its limits, then parsed, then the caller is asked for, then what it asks for is counted, and only then
// is it validated. Documents that passed are kept by their text.

import { createHash } from 'node:crypto'
import {
  type ASTNode,
  BREAK,
  type DocumentNode,
  type GraphQLError,
  type GraphQLSchema,
  Kind,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
  visit,
} from 'graphql'
import { AlkaidError, InvalidRequest } from '../base/errors.ts'
import { pathText } from '../command/input.ts'
import { type QueryLimits, requireWithinLimits } from './query-limits.ts'
import { requireReadable, type TextLimits } from './query-text.ts'

export type DocumentOptions = {
  schema: GraphQLSchema
  limits: QueryLimits
  /** Whether clients may ask for the schema, and are told what they may have meant. */
  introspection: boolean
}

export type Documents = {
  /**
   * Throws LIMIT_EXCEEDED, BAD_USER_INPUT, InvalidRequest, or what `admit` throws.
   * @param admit called with what was parsed, before anything that costs more.
   * @param maxTokens in place of the limit.
   */
  read(text: string, admit?: (document: DocumentNode) => void, maxTokens?: number): DocumentNode
  /** For Apollo Server's `documentStore`: what was read is not parsed and validated again. */
  store: { get(key: string): Promise<DocumentNode | undefined>; set(): Promise<void>; delete(): Promise<boolean> }
}

/** Characters of all texts that are kept. A parsed document takes up to a hundred bytes for each. */
const MAX_KEPT = 300_000
const MAX_MISTAKES = 20

export function createDocuments({ schema, limits, introspection }: DocumentOptions): Documents {
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule]
  /** By the SHA-256 of their text, the one that was used last at the end. */
  const kept = new Map<string, { document: DocumentNode; length: number }>()
  let size = 0

  function keep(hash: string, document: DocumentNode, { length }: string): void {
    kept.set(hash, { document, length })
    size += length
    for (const [oldest, entry] of kept) {
      if (size <= MAX_KEPT) return
      kept.delete(oldest)
      size -= entry.length
    }
  }

  function read(text: string, admit?: (document: DocumentNode) => void, maxTokens = limits.tokens): DocumentNode {
    const hash = createHash('sha256').update(text).digest('hex')
    const found = kept.get(hash)
    if (found) {
      kept.delete(hash)
      kept.set(hash, found)
      admit?.(found.document)
      return found.document
    }
    const document = parseWithin(text, { ...limits, tokens: Math.min(maxTokens, limits.tokens) })
    admit?.(document)
    requireWithinLimits(document, limits)
    if (validate(schema, document, rules, { maxErrors: 1 }).length > 0) throw invalid(text)
    keep(hash, document, text)
    return document
  }

  /** Only now the places in the text matter. Kept with every document, they would take most of its memory. */
  function invalid(text: string): InvalidRequest {
    const document = parse(text)
    const options = { maxErrors: MAX_MISTAKES, hideSuggestions: !introspection }
    const mistakes = validate(schema, document, rules, options)
    return new InvalidRequest('GRAPHQL_VALIDATION_FAILED', mistakes.map(withPath(document)))
  }

  return {
    read,
    store: {
      // Apollo Server puts a hash of the schema before that of the text. What is missing it reads by itself.
      get: async (key) => kept.get(key.slice(-64))?.document,
      set: async () => {},
      delete: async () => false,
    },
  }
}

function parseWithin(text: string, limits: TextLimits): DocumentNode {
  try {
    requireReadable(text, limits)
    return parse(text, { noLocation: true })
  } catch (error) {
    if (error instanceof AlkaidError) throw error
    throw new InvalidRequest('GRAPHQL_PARSE_FAILED', [error as GraphQLError])
  }
}

/** A mistake in a value says where the value is, as rules of ours do. */
function withPath(document: DocumentNode) {
  return (error: GraphQLError): GraphQLError => {
    const path = error.nodes?.[0] && pathTo(document, error.nodes[0])
    if (path) Object.assign(error.extensions, { path })
    return error
  }
}

/** The way to a value in an argument or a default, as `input.content.data`; undefined for what is no value. */
function pathTo(document: DocumentNode, target: ASTNode): string | undefined {
  let found: (string | number)[] = []
  visit(document, {
    enter(node, _key, parent, path, ancestors) {
      if (node !== target) return undefined
      const nodes = [...ancestors, ...(parent ? [parent] : []), node]
      found = nodes.flatMap((part, at): (string | number)[] => {
        if (Array.isArray(part)) return isList(nodes[at - 1]) ? [path[at]! as number] : []
        return nameOf(part as ASTNode)
      })
      return BREAK
    },
  })
  const [first, ...rest] = found
  return first === undefined ? undefined : pathText(String(first), rest)
}

function nameOf(part: ASTNode): string[] {
  if (part.kind === Kind.ARGUMENT || part.kind === Kind.OBJECT_FIELD) return [part.name.value]
  return part.kind === Kind.VARIABLE_DEFINITION ? [part.variable.name.value] : []
}

function isList(part: ASTNode | readonly ASTNode[] | undefined): boolean {
  return part !== undefined && 'kind' in part && part.kind === Kind.LIST
}
