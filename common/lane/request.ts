// Reads the request of an app from GET or POST, and finds its operation in the list of persisted operations. Apps send hashes only.
// This file avoids two of Apollo's error codes. After `PersistedQueryNotFound`, Apollo Client would send the text of the query. After
// `PersistedQueryNotSupported`, it would stop sending hashes.

import { remembered } from '../../engine/remembered.ts'
import { sha256 } from '../base/content-hash.ts'
import { AlkaidError, badInput, methodNotAllowed } from '../base/errors.ts'
import { readJson } from '../command/json.ts'
import { decodeParameter, splitSearch } from '../http/request-text.ts'
import type { HttpRequest } from '../http/server.ts'
import type { PersistedOperation, PersistedOperations } from './persisted-operations.ts'

export type LaneRequest = {
  query: string | undefined
  /** SHA-256 of an operation, in lower-case hex. */
  hash: string | undefined
  variables: Record<string, unknown>
}

/** HEAD comes as GET (`HttpRequest`). */
export function requireMethod({ method }: HttpRequest): void {
  if (method !== 'GET' && method !== 'POST') throw methodNotAllowed(method, ['GET', 'HEAD', 'POST'])
}

/** Throws BAD_USER_INPUT when the request is not a GraphQL request. */
export async function readLaneRequest(request: HttpRequest): Promise<LaneRequest> {
  requireMethod(request)
  return request.method === 'GET' ? readSearchRequest(request.search) : readBodyRequest(request)
}

/** The request of a GET. Throws as `readLaneRequest`. */
export function readSearchRequest(search: string): LaneRequest {
  let query: string | undefined
  let variables: unknown
  let extensions: Extensions = NO_EXTENSIONS
  for (const [name, encoded] of splitSearch(search)) {
    if (name === 'extensions') extensions = readExtensions(encoded)
    else {
      const text = decodeParameter(name, encoded)
      if (name === 'variables') variables = jsonIn(name, text)
      else if (name === 'query') query = text
    }
  }
  return toLaneRequest(query, variables, extensions)
}

/** A client sends the same extensions with each request of an operation, so what is in them is remembered by their text. */
const readExtensions = remembered((encoded) => {
  const name = 'extensions'
  return toExtensions(jsonIn(name, decodeParameter(name, encoded)))
})

function jsonIn(name: string, text: string): unknown {
  return text === '' ? undefined : readJson(text, name)
}

/** The request of a POST. Rejects as `readLaneRequest`. */
export async function readBodyRequest(request: HttpRequest): Promise<LaneRequest> {
  return fromBody(readJson(await request.body(), 'body'))
}

function fromBody(body: unknown): LaneRequest {
  if (Array.isArray(body)) throw badInput('body', 'must be one request, not a batch: send each request by itself')
  if (!isObject(body)) throw badInput('body', 'must be a JSON object')
  return toLaneRequest(body.query, body.variables, toExtensions(body.extensions))
}

/** The checks do not use zod, because zod would cost time and memory in every slot query. */
function toLaneRequest(query: unknown, variables: unknown, { hash }: Extensions): LaneRequest {
  if (!isMissing(query) && typeof query !== 'string') throw badInput('query', 'must be a string')
  if (!isMissing(variables) && !isObject(variables)) throw badInput('variables', 'must be an object')
  return {
    query: typeof query === 'string' && query !== '' ? query : undefined,
    hash,
    variables: isObject(variables) ? variables : {},
  }
}

/** What a lane needs of the extensions. Clients send more: Apollo Client adds `clientLibrary`. */
type Extensions = { hash: string | undefined }

const NO_EXTENSIONS: Extensions = { hash: undefined }

function toExtensions(extensions: unknown): Extensions {
  if (!isMissing(extensions) && !isObject(extensions)) throw badInput('extensions', 'must be an object')
  const persisted = isObject(extensions) ? extensions.persistedQuery : undefined
  const hash = isObject(persisted) ? persisted.sha256Hash : undefined
  if (hash !== undefined && typeof hash !== 'string') {
    throw badInput('extensions.persistedQuery.sha256Hash', 'must be a string')
  }
  return { hash: hash?.toLowerCase() }
}

/**
 * The hash of the operation of a request. Throws PERSISTED_QUERY_ID_REQUIRED without a hash, and BAD_USER_INPUT when the request has a
 * text with another hash.
 */
export function requireHash({ hash, query }: LaneRequest): string {
  if (hash === undefined) {
    throw new AlkaidError(
      'PERSISTED_QUERY_ID_REQUIRED',
      'Apps send persisted operations: put the hash in extensions.persistedQuery.sha256Hash',
    )
  }
  if (query !== undefined && sha256(query) !== hash) {
    throw badInput('extensions.persistedQuery.sha256Hash', 'is not the SHA-256 of the query that was sent with it')
  }
  return hash
}

/** The operation of a request. Throws PERSISTED_QUERY_NOT_IN_LIST for an unknown hash, and as `requireHash`. */
export function findOperation(operations: PersistedOperations, request: LaneRequest): PersistedOperation {
  const operation = operations.get(requireHash(request))
  if (!operation) throw new AlkaidError('PERSISTED_QUERY_NOT_IN_LIST', 'No persisted operation has this hash')
  return operation
}

function isMissing(value: unknown): value is null | undefined {
  return value === undefined || value === null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
