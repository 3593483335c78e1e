// The serving lane: persisted operations of apps, by hash and app key, straight to one subgraph's schema. Nothing on
// the way waits where the subgraph's resolvers do not.

import { type ExecutionResult, execute, type GraphQLSchema, validate } from 'graphql'
import type { LaneApp } from '../apps/apps.ts'
import { sha256 } from '../base/content-hash.ts'
import {
  AlkaidError,
  type ErrorCode,
  isExpected,
  knownCode,
  methodNotAllowed,
  shownErrors,
  unauthenticated,
} from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Caller } from '../command/services.ts'
import { readVariables, type Variables } from '../graphql/variables.ts'
import { answerOptions, corsHeaders } from '../http/cors.ts'
import { errorReply, type HttpReply, type HttpRequest } from '../http/server.ts'
import { operationsOn, type PersistedOperation, type PersistedOperations } from './persisted-operations.ts'
import { createRateLimit } from './rate-limit.ts'
import { findOperation, readLaneRequest } from './request.ts'

export type LaneOptions = {
  /** All of the list. */
  operations: PersistedOperations
  /** The fields on Query or Mutation that this schema answers: an operation of any others belongs elsewhere. */
  rootFields: readonly string[]
  schema: GraphQLSchema
  /** The app of a key's SHA-256 (hex). */
  appOfKey(hash: string): LaneApp | undefined | Promise<LaneApp | undefined>
  /** Whether any app allows pages of this origin, for preflights and refusals, which come without a valid key. */
  allowsOrigin(origin: string): boolean | Promise<boolean>
  context(caller: Caller): unknown
  /** `cache-control` of an answer. */
  cacheControl?(answer: ExecutionResult, contextValue: unknown): string
  now: () => number
  log: Logger
  /** Called with the code of each error that is answered. */
  onError?: ((code: ErrorCode) => void) | undefined
}

export type Lane = {
  operations: PersistedOperations
  handle(request: HttpRequest): Promise<HttpReply>
  /** Whether any app allows pages of this origin. Fails, with UNAVAILABLE or TIMEOUT, when that cannot be told. */
  allowsOrigin(origin: string): boolean | Promise<boolean>
}

/** Throws when an operation does not fit the schema. */
export function createLane(options: LaneOptions): Lane {
  const { schema, now, log, allowsOrigin } = options
  const operations = operationsOn(options.operations, options.rootFields)
  for (const operation of operations.values()) requireValid(schema, operation)
  const rateLimit = createRateLimit()

  async function handle(request: HttpRequest): Promise<HttpReply> {
    if (request.method === 'OPTIONS') return answerOptions(request, allowsOrigin)
    const { origin } = request.headers
    const contentType = answerType(request)
    let caller: LaneApp | undefined
    try {
      const asked = await readLaneRequest(request)
      const operation = findOperation(options.operations, asked)
      if (!operations.has(operation.id)) throw elsewhere(operation)
      const isMutation = operation.definition.operation === 'mutation'
      if (isMutation && request.method !== 'POST') throw methodNotAllowed(request.method, ['POST'])
      const { app, key } = await authenticate(request)
      caller = app
      if (!rateLimit.take(key, app.requestsPerSecond, now())) {
        throw new AlkaidError(
          'RATE_LIMITED',
          `This app key may send ${app.requestsPerSecond} requests per second to one node`,
        )
      }
      const contextValue = options.context({ principal: null, requestId: request.requestId, appKey: { app: app.app } })
      const { document } = operation
      const variableValues = asked.variables
      const answer = await execute({ schema, document, variableValues, contextValue, options: COERCION })
      if (answer.data === undefined) throw wrongVariables(operation, asked.variables, answer)
      return toReply(answer, request.requestId, {
        ...corsHeaders(origin, isAmong(app.corsOrigins, origin)),
        'content-type': contentType,
        'cache-control': options.cacheControl?.(answer, contextValue) ?? 'no-store',
      })
    } catch (error) {
      if (!(error instanceof AlkaidError)) log.error({ err: error, requestId: request.requestId }, 'lane failed')
      options.onError?.(error instanceof AlkaidError ? error.code : 'INTERNAL')
      const reply = errorReply(error, request.requestId, contentType)
      const limited = error instanceof AlkaidError && error.code === 'RATE_LIMITED'
      const retry: Record<string, string> = limited ? { 'retry-after': '1' } : {}
      const cors = corsHeaders(origin, await mayRead(caller, origin))
      return { ...reply, headers: { ...reply.headers, ...cors, ...retry, 'cache-control': 'no-store' } }
    }
  }

  /** Whether a page may read why it is refused: where its key is wrong, as a page of any app. */
  async function mayRead(caller: LaneApp | undefined, origin: string | undefined): Promise<boolean> {
    if (caller) return isAmong(caller.corsOrigins, origin)
    try {
      return origin !== undefined && (await allowsOrigin(origin))
    } catch {
      return false // it cannot be told: the refusal itself says why
    }
  }

  async function authenticate(request: HttpRequest): Promise<{ app: LaneApp; key: string }> {
    const key = request.headers['x-app-key']
    if (typeof key !== 'string' || key === '')
      throw unauthenticated('This needs an app key: send the header `x-app-key`', CHALLENGE)
    const hash = sha256(key)
    const app = await options.appOfKey(hash)
    if (!app) throw unauthenticated('The app key is not valid', CHALLENGE)
    return { app, key: hash }
  }

  /** The operation itself was validated at start: an answer without `data` can only be about its variables. */
  function wrongVariables({ definition }: PersistedOperation, variables: Variables, answer: ExecutionResult): unknown {
    try {
      readVariables(schema, definition, variables, true)
    } catch (error) {
      return error
    }
    return new Error(`An operation failed: ${answer.errors?.[0]?.message}`)
  }

  function toReply(answer: ExecutionResult, requestId: string, headers: Record<string, string>): HttpReply {
    if (!answer.errors) return { status: 200, headers, body: JSON.stringify(answer) }
    for (const error of answer.errors) {
      const cause = error.originalError ?? error
      options.onError?.(knownCode(error.toJSON()))
      if (!isExpected(cause)) log.error({ err: cause, path: error.path, requestId }, 'resolver failed')
    }
    const shown = answer.errors.map((error) => error.toJSON())
    const errors = shownErrors(shown, requestId)
    return {
      status: 200,
      headers: { ...headers, 'cache-control': 'no-store' },
      body: JSON.stringify({ errors, data: answer.data }),
    }
  }

  return { operations, handle, allowsOrigin }
}

const CHALLENGE = 'ApiKey realm="apps", header="x-app-key"'

function elsewhere({ name }: PersistedOperation): AlkaidError {
  return new AlkaidError('PERSISTED_QUERY_NOT_IN_LIST', `${name} is not answered here: send it to the gateway`)
}

function requireValid(schema: GraphQLSchema, operation: PersistedOperation): void {
  const [error] = validate(schema, operation.document)
  if (error) throw new Error(`The persisted operation ${operation.name} does not fit the schema: ${error.message}`)
}

/** That there is one is enough: what is wrong is looked for afterwards. */
const COERCION = { maxCoercionErrors: 1 }

/** https://graphql.github.io/graphql-over-http: the newer media type for those who ask for it. */
export function answerType(request: HttpRequest): string {
  const type = request.headers.accept?.includes('application/graphql-response+json')
    ? 'application/graphql-response+json'
    : 'application/json'
  return `${type}; charset=utf-8`
}

function isAmong(allowed: readonly string[], origin: string | undefined): boolean {
  return origin !== undefined && (allowed.includes('*') || allowed.includes(origin))
}
