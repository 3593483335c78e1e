// Turns the text of a query into a document that may be planned or executed. The cheap steps come first: check the size of the
// text, parse it, check the caller (`admit`), count what it asks for, validate it. Documents that passed are cached by their text.

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
import { LRUCache } from 'lru-cache'
import { sha256 } from '../base/content-hash.ts'
import { AlkaidError, InvalidRequest } from '../base/errors.ts'
import { pathText } from '../command/input.ts'
import { type QueryLimits, requireWithinLimits } from './query-limits.ts'
import { requireReadable, type TextLimits } from './query-text.ts'

export type DocumentOptions = {
  schema: GraphQLSchema
  limits: QueryLimits
  /** Whether clients may ask for the schema, and errors suggest similar names. */
  introspection: boolean
}

export type Documents = {
  /**
   * Throws LIMIT_EXCEEDED, BAD_USER_INPUT, InvalidRequest, or the error that `admit` throws.
   * @param admit called with the parsed document, before the expensive steps.
   * @param maxTokens a lower limit than usual.
   */
  read(text: string, admit?: (document: DocumentNode) => void, maxTokens?: number): DocumentNode
  /** For Apollo Server's `documentStore`, so that it does not parse and validate a document again. */
  store: { get(key: string): Promise<DocumentNode | undefined>; set(): Promise<void>; delete(): Promise<boolean> }
}

/** Characters of all cached texts. A parsed document takes up to 100 bytes for each, so the cache takes up to 30 MB. */
const MAX_CACHED = 300_000
const MAX_MISTAKES = 20

export function createDocuments({ schema, limits, introspection }: DocumentOptions): Documents {
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule]
  /** SHA-256 (hex) of the text -> the document. */
  const cache = new LRUCache<string, DocumentNode>({ maxSize: MAX_CACHED })

  function read(text: string, admit?: (document: DocumentNode) => void, maxTokens = limits.tokens): DocumentNode {
    const hash = sha256(text)
    const cached = cache.get(hash)
    if (cached) {
      admit?.(cached)
      return cached
    }
    const document = parseWithin(text, { ...limits, tokens: Math.min(maxTokens, limits.tokens) })
    admit?.(document)
    requireWithinLimits(document, limits)
    if (validate(schema, document, rules, { maxErrors: 1 }).length > 0) throw invalid(text)
    cache.set(hash, document, { size: text.length })
    return document
  }

  /** Parses and validates again, to find all mistakes with their places in the text. Cached documents have no places, to save memory. */
  function invalid(text: string): InvalidRequest {
    const document = parse(text)
    const options = { maxErrors: MAX_MISTAKES, hideSuggestions: !introspection }
    const mistakes = validate(schema, document, rules, options)
    return new InvalidRequest('GRAPHQL_VALIDATION_FAILED', mistakes.map(withPath(document)))
  }

  return {
    read,
    store: {
      // The key is a hash of the schema and the hash of the text. Apollo Server parses a missing document itself.
      get: async (key) => cache.peek(key.slice(-64)),
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

/** Adds to a mistake in a value the path of the value, as our own errors have it. */
function withPath(document: DocumentNode) {
  return (error: GraphQLError): GraphQLError => {
    const path = error.nodes?.[0] && pathTo(document, error.nodes[0])
    if (path) Object.assign(error.extensions, { path })
    return error
  }
}

/** The path of a value in an argument or a default, for example `input.content.data`. Undefined for other nodes. */
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
