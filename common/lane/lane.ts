// The serving lane: it answers persisted operations of apps from one subgraph's schema. `handle` turns an HTTP request into its answer.
// A slot query waits for no I/O, because a distribution node resolves it from memory.

import { type ExecutionResult, execute, type GraphQLError, type GraphQLSchema, validate } from 'graphql'
import type { LaneApp } from '../apps/apps.ts'
import { sha256 } from '../base/content-hash.ts'
import { AlkaidError, type ErrorCode, isExpected, methodNotAllowed, unauthenticated } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { knownCode, shownErrors } from '../base/shown-errors.ts'
import type { Caller } from '../command/services.ts'
import { readVariables, type Variables } from '../graphql/variables.ts'
import { answerOptions, corsHeaders, mayRead } from '../http/cors.ts'
import { errorReply, type HttpReply, type HttpRequest } from '../http/server.ts'
import { type CompiledOperation, compileOperation } from './compiled-operation.ts'
import { operationsOn, type PersistedOperation, type PersistedOperations } from './persisted-operations.ts'
import { findOperation, type LaneRequest, readLaneRequest, requireHash, requireMethod } from './request.ts'

export type LaneOptions = {
  /** All persisted operations. */
  operations: PersistedOperations
  /** The root fields that this schema answers. An operation with any other root field belongs to another service. */
  rootFields: readonly string[]
  schema: GraphQLSchema
  /** Finds the app by the SHA-256 (hex) of its key. */
  appOfKey(hash: string): LaneApp | undefined | Promise<LaneApp | undefined>
  /** Whether any app allows pages of this origin. Used for preflights and refusals, which have no valid key. */
  allowsOrigin(origin: string): boolean | Promise<boolean>
  /** The context for resolvers. */
  context(caller: Caller): unknown
  /**
   * The operations that an app brought itself: SHA-256 (hex) -> operation. `compileLaneOperation` made them, outside of requests.
   * Default: none.
   */
  appOperations?(app: string): ReadonlyMap<string, LaneOperation> | undefined
  /** Types whose objects never change, such as a creative of a publication. Default: none. */
  frozenTypes?: readonly string[]
  /** The `cache-control` header of an answer. Its resolvers ran with this context. Default: `no-store`. */
  cacheControl?(contextValue: unknown): string
  now: () => number
  log: Logger
  /** Called with the code of each error in an answer. */
  onError?: ((code: ErrorCode) => void) | undefined
}

/** An operation and the function that answers it. */
export type LaneOperation = {
  operation: PersistedOperation
  /** Undefined: the operation cannot be compiled. graphql-js executes it. */
  run: CompiledOperation | undefined
}

export type Lane = {
  /** The operations that this lane answers. */
  operations: PersistedOperations
  handle(request: HttpRequest): Promise<HttpReply>
  /** Whether any app allows pages of this origin. Fails with UNAVAILABLE or TIMEOUT when that is unknown at the moment. */
  allowsOrigin(origin: string): boolean | Promise<boolean>
}

/** Throws when an operation does not fit the schema. */
export function createLane(options: LaneOptions): Lane {
  const { schema, now, log, allowsOrigin } = options
  const operations = operationsOn(options.operations, options.rootFields)
  const builtIn = new Map([...operations].map(([id, operation]) => [id, compileLaneOperation(options, operation)]))
  const rateLimit = createRateLimit()

  async function handle(request: HttpRequest): Promise<HttpReply> {
    if (request.method === 'OPTIONS') return answerOptions(request, allowsOrigin)
    let app: LaneApp | undefined
    try {
      // 1. Check the method and the key, before anything of the request is read.
      requireMethod(request)
      const keyHash = hashOfKey(request)
      app = await options.appOfKey(keyHash)
      if (!app) throw unauthenticated('The app key is not valid', CHALLENGE)
      // 2. Check the rate limit of the key.
      if (!rateLimit.take(keyHash, app.requestsPerSecond, now())) throw rateLimited(app)
      // 3. Read the request, and find the operation.
      const laneRequest = await readLaneRequest(request)
      const { operation, run } = findOfApp(app, laneRequest, request.method)
      // 4. Execute the operation.
      const contextValue = options.context({ principal: null, requestId: request.requestId, appKey: { app: app.app } })
      let answer: LaneAnswer | undefined = await run?.(laneRequest.variables, contextValue)
      answer ??= await executeByGraphQL(operation, laneRequest.variables, contextValue)
      // 5. Write the answer.
      const headers = {
        ...corsHeaders(request.headers.origin, allowsPage(app, request.headers.origin)),
        'content-type': responseType(request),
      }
      if (answer.errors.length > 0) return partialReply(answer, request.requestId, headers)
      return wholeReply(request, answer, headers, options.cacheControl?.(contextValue) ?? NO_STORE)
    } catch (error) {
      return refuse(request, error, app)
    }
  }

  /** Built-in operations come first. Then come the app's own ones. */
  function findOfApp({ app }: LaneApp, laneRequest: LaneRequest, method: string): LaneOperation {
    const hash = requireHash(laneRequest)
    const found = builtIn.get(hash) ?? options.appOperations?.(app)?.get(hash)
    if (!found) {
      const { name } = findOperation(options.operations, laneRequest)
      throw new AlkaidError('PERSISTED_QUERY_NOT_IN_LIST', `${name} is not answered here: send it to the gateway`)
    }
    if (found.operation.definition.operation === 'mutation' && method !== 'POST') {
      throw methodNotAllowed(method, ['POST'])
    }
    return found
  }

  /** The errors of the variables. The operation was validated at start, so only variables can cause an answer without `data`. */
  function explainVariables(
    { definition }: PersistedOperation,
    variables: Variables,
    answer: ExecutionResult,
  ): unknown {
    try {
      readVariables(schema, definition, variables, true)
    } catch (error) {
      return error
    }
    return new Error(`An operation failed: ${answer.errors?.[0]?.message}`)
  }

  /** Executes an operation that is not compiled, and a request that a compiled operation leaves to graphql-js. */
  async function executeByGraphQL(
    operation: PersistedOperation,
    variables: Variables,
    contextValue: unknown,
  ): Promise<LaneAnswer> {
    const answer = await execute({
      schema,
      document: operation.document,
      variableValues: variables,
      contextValue,
      options: EXECUTION_OPTIONS,
    })
    if (answer.data === undefined) throw explainVariables(operation, variables, answer)
    return { data: JSON.stringify(answer.data), errors: answer.errors ?? [] }
  }

  /** The reply when some fields failed. */
  function partialReply({ data, errors }: LaneAnswer, requestId: string, headers: Record<string, string>): HttpReply {
    for (const error of errors) {
      const cause = error.originalError ?? error
      options.onError?.(knownCode(error.toJSON()))
      if (!isExpected(cause)) log.error({ err: cause, path: error.path, requestId }, 'resolver failed')
    }
    const shown = shownErrors(
      errors.map((error) => error.toJSON()),
      requestId,
    )
    const body = `{"errors":${JSON.stringify(shown)},"data":${data}}`
    return { status: 200, headers: { ...headers, 'cache-control': NO_STORE }, body }
  }

  /** The reply to a request that was not executed. `app` is undefined when the key is missing or wrong. */
  async function refuse(request: HttpRequest, error: unknown, app: LaneApp | undefined): Promise<HttpReply> {
    const { requestId } = request
    const { origin } = request.headers
    if (!(error instanceof AlkaidError)) log.error({ err: error, requestId }, 'lane failed')
    const code = error instanceof AlkaidError ? error.code : 'INTERNAL'
    options.onError?.(code)
    const reply = errorReply(error, requestId, responseType(request))
    const isReadable = app ? allowsPage(app, origin) : await mayRead(origin, allowsOrigin)
    return {
      ...reply,
      headers: {
        ...reply.headers,
        ...corsHeaders(origin, isReadable),
        ...(code === 'RATE_LIMITED' && { 'retry-after': '1' }),
        'cache-control': NO_STORE,
      },
    }
  }

  return { operations, handle, allowsOrigin }
}

/** `data` is JSON. Equal data has an equal `tag` on every node. Only a compiled operation has a tag. */
type LaneAnswer = { data: string; errors: readonly GraphQLError[]; tag?: string }

const NO_STORE = 'no-store'

/**
 * Compiles an operation. The log names an operation that cannot be compiled, and says why.
 * @throws Error when the operation does not fit the schema.
 */
export function compileLaneOperation(
  { schema, frozenTypes = [], log }: Pick<LaneOptions, 'schema' | 'frozenTypes' | 'log'>,
  operation: PersistedOperation,
): LaneOperation {
  requireValid(schema, operation)
  const { name, document } = operation
  const run = compileOperation({ schema, document, frozenTypes })
  if (typeof run === 'function') return { operation, run }
  const { reason } = run
  log.warn({ operation: name, reason }, 'an operation is not compiled: graphql-js runs it, which is slower')
  return { operation, run: undefined }
}

/**
 * The reply when nothing failed. An answer that may be cached has an `ETag`. A client that sends this `ETag` in `if-none-match` gets 304
 * without a body (RFC 9110, 13.1.2). Each media type has its own `ETag`.
 */
function wholeReply(
  { method, headers: { 'if-none-match': shown } }: HttpRequest,
  { data, tag }: LaneAnswer,
  headers: Record<string, string>,
  cacheControl: string,
): HttpReply {
  const body = `{"data":${data}}`
  if (tag === undefined || cacheControl === NO_STORE) {
    return { status: 200, headers: { ...headers, 'cache-control': cacheControl }, body }
  }
  const etag = headers['content-type'] === PLAIN_TYPE ? `"${tag}"` : `"${tag}r"`
  const kept = { ...headers, 'cache-control': cacheControl, etag }
  const isKnown = method !== 'POST' && shown?.split(',').some((one) => one.trim().replace(/^W\//, '') === etag)
  return isKnown ? { status: 304, headers: kept } : { status: 200, headers: kept, body }
}

function requireValid(schema: GraphQLSchema, operation: PersistedOperation): void {
  const [error] = validate(schema, operation.document)
  if (error) throw new Error(`The persisted operation ${operation.name} does not fit the schema: ${error.message}`)
}

const CHALLENGE = 'ApiKey realm="apps", header="x-app-key"'

/** The SHA-256 (hex) of the app key. The key itself is not stored anywhere. */
function hashOfKey(request: HttpRequest): string {
  const key = request.headers['x-app-key']
  if (typeof key === 'string' && key !== '') return sha256(key)
  throw unauthenticated('This needs an app key: send the header `x-app-key`', CHALLENGE)
}

function rateLimited({ requestsPerSecond }: LaneApp): AlkaidError {
  return new AlkaidError('RATE_LIMITED', `This app key may send ${requestsPerSecond} requests per second to one node`)
}

/** One coercion error is enough to know that the variables are wrong. `explainVariables` then finds all mistakes. */
const EXECUTION_OPTIONS = { maxCoercionErrors: 1 }

const PLAIN_TYPE = 'application/json; charset=utf-8'
const RESPONSE_TYPE = 'application/graphql-response+json; charset=utf-8'

/** The media type of answers (https://graphql.github.io/graphql-over-http). The newer type is used only when the client accepts it. */
export function responseType(request: HttpRequest): string {
  return request.headers.accept?.includes('application/graphql-response+json') ? RESPONSE_TYPE : PLAIN_TYPE
}

function allowsPage({ corsOrigins }: LaneApp, origin: string | undefined): boolean {
  return origin !== undefined && (corsOrigins.includes('*') || corsOrigins.includes(origin))
}

type RateLimit = {
  /** Counts one request of a key at `now` (ms). False: the request exceeds the limit. */
  take(key: string, perSecond: number, now: number): boolean
}

/** Counts the requests of each key in memory, for the current second of the clock. In the next second all counts start at zero. */
function createRateLimit(): RateLimit {
  let second = 0
  let counts = new Map<string, number>()
  return {
    take(key, perSecond, now) {
      const current = Math.floor(now / 1000)
      if (current !== second) {
        second = current
        counts = new Map()
      }
      const count = (counts.get(key) ?? 0) + 1
      if (count > perSecond) return false
      counts.set(key, count)
      return true
    },
  }
}
