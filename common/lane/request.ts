// What an app sends, by GET or POST, and the policy on it: persisted operations by hash only.
// The error codes are never those that make Apollo Client send the text or give hashes up.

import { createHash } from 'node:crypto'
import { AlkaidError, badInput, methodNotAllowed } from '../base/errors.ts'
import { readJson } from '../command/json.ts'
import { readSearch } from '../http/request-text.ts'
import type { HttpRequest } from '../http/server.ts'
import type { PersistedOperation, PersistedOperations } from './persisted-operations.ts'

export type LaneRequest = {
  query: string | undefined
  hash: string | undefined
  variables: Record<string, unknown>
}

/** Reads a GraphQL request from HTTP; BAD_USER_INPUT where it is none. */
export async function readLaneRequest(request: HttpRequest): Promise<LaneRequest> {
  if (request.method === 'GET') return fromSearch(readSearch(request.search))
  if (request.method !== 'POST') throw methodNotAllowed(request.method, ['GET', 'HEAD', 'POST'])
  return fromBody(readJson(await request.body(), 'body'))
}

function fromSearch(search: ReadonlyMap<string, string>): LaneRequest {
  const part = (name: string) => {
    const text = search.get(name)
    return text === undefined || text === '' ? undefined : readJson(text, name)
  }
  return toRequest(search.get('query'), part('variables'), part('extensions'))
}

function fromBody(body: unknown): LaneRequest {
  if (Array.isArray(body)) throw badInput('body', 'must be one request: batches are not taken')
  if (!isObject(body)) throw badInput('body', 'must be a JSON object')
  return toRequest(body.query, body.variables, body.extensions)
}

function toRequest(query: unknown, variables: unknown, extensions: unknown): LaneRequest {
  if (query !== undefined && query !== null && typeof query !== 'string') throw badInput('query', 'must be a string')
  if (variables !== undefined && variables !== null && !isObject(variables))
    throw badInput('variables', 'must be an object')
  if (extensions !== undefined && extensions !== null && !isObject(extensions))
    throw badInput('extensions', 'must be an object')
  const persisted = isObject(extensions) ? extensions.persistedQuery : undefined
  const hash = isObject(persisted) ? persisted.sha256Hash : undefined
  if (hash !== undefined && typeof hash !== 'string')
    throw badInput('extensions.persistedQuery.sha256Hash', 'must be a string')
  return {
    query: typeof query === 'string' && query !== '' ? query : undefined,
    hash: hash?.toLowerCase(),
    variables: isObject(variables) ? variables : {},
  }
}

/** The operation that a request means: PERSISTED_QUERY_ID_REQUIRED without a hash, PERSISTED_QUERY_NOT_IN_LIST for an unknown one. */
export function findOperation(operations: PersistedOperations, { hash, query }: LaneRequest): PersistedOperation {
  if (hash === undefined) {
    throw new AlkaidError(
      'PERSISTED_QUERY_ID_REQUIRED',
      'Apps send persisted operations: put the hash in extensions.persistedQuery.sha256Hash',
    )
  }
  if (query !== undefined && createHash('sha256').update(query).digest('hex') !== hash) {
    throw badInput('extensions.persistedQuery.sha256Hash', 'is not the SHA-256 of the query that was sent with it')
  }
  const operation = operations.get(hash)
  if (!operation) throw new AlkaidError('PERSISTED_QUERY_NOT_IN_LIST', 'No persisted operation has this hash')
  return operation
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
