// The serving lane: it answers persisted operations of apps from one subgraph's schema. `handle` is the way of a request, told in steps.
// A slot query by GET waits for nothing and makes no promise: `handle` returns its reply in the 'request' event of node:http.

import { type GraphQLSchema, validate } from 'graphql'
import type { LaneApp } from '../apps/apps.ts'
import {
  AlkaidError,
  type ErrorCode,
  HttpError,
  isExpected,
  methodNotAllowed,
  unauthenticated,
} from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { withRequestId } from '../base/request-id.ts'
import { knownCode, shownErrors } from '../base/shown-errors.ts'
import type { Caller } from '../command/services.ts'
import { answerOptions, corsHeaders, mayRead } from '../http/cors.ts'
import { errorReply, type HttpReply, type HttpRequest } from '../http/server.ts'
import { CHALLENGE, createAppKeys } from './app-keys.ts'
import { compileOperation } from './compiled-operation.ts'
import { executeOperation, type LaneAnswer, type LaneOperation } from './execute.ts'
import type { Overload } from './overload.ts'
import { operationsOn, type PersistedOperation, type PersistedOperations } from './persisted-operations.ts'
import { createRateLimit } from './rate-limit.ts'
import { allowsPage, answerHeaders, isLong, NO_STORE, notModified, responseType, VARY, wholeReply } from './reply.ts'
import {
  findOperation,
  type LaneRequest,
  readBodyRequest,
  readSearchRequest,
  requireHash,
  requireMethod,
} from './request.ts'
import { type RememberedAnswer, rememberAnswers, type StillHolds } from './revalidation.ts'

export type { LaneOperation } from './execute.ts'

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
  /**
   * How to tell later whether the same request of the same app would get the same answer again. Called right after the answer was
   * computed, and only for an answer with an `ETag`. Undefined: the answer must not be remembered. Default: none is.
   */
  revalidation?(contextValue: unknown): StillHolds | undefined
  /** Undefined: requests are taken however much work there is. */
  overload?: Overload | undefined
  now: () => number
  log: Logger
  /** Called for each request whose operation was found, with the app and the id of the operation. */
  onUse?: ((app: string, operation: string) => void) | undefined
  /** Called with the code of each error in an answer. */
  onError?: ((code: ErrorCode) => void) | undefined
}

export type Lane = {
  /** The operations that this lane answers. */
  operations: PersistedOperations
  /** Never throws or rejects. HEAD comes as GET. */
  handle(request: HttpRequest): HttpReply | Promise<HttpReply>
  /** Whether any app allows pages of this origin. Fails with UNAVAILABLE or TIMEOUT when that is unknown at the moment. */
  allowsOrigin(origin: string): boolean | Promise<boolean>
}

/** Throws when an operation does not fit the schema. */
export function createLane(options: LaneOptions): Lane {
  const { schema, now, log, allowsOrigin, overload } = options
  const operations = operationsOn(options.operations, options.rootFields)
  const builtIn = new Map([...operations].map(([id, operation]) => [id, compileLaneOperation(options, operation)]))
  const keys = createAppKeys()
  const rateLimit = createRateLimit()
  const answers = rememberAnswers()

  /** Each step that can refuse comes before the work that it saves. */
  function handle(request: HttpRequest): HttpReply | Promise<HttpReply> {
    if (request.method === 'OPTIONS') return answerOptions(request, allowsOrigin)
    let app: LaneApp | undefined
    try {
      // 1. Refuse when the process has too much work.
      if (overload?.refuses(request.method === 'POST')) throw OVERLOADED
      // 2. Check the method and the key.
      requireMethod(request)
      const keyHash = keys.hashOf(request)
      const found = options.appOfKey(keyHash)
      if (request.method === 'POST' || found instanceof Promise) return answerLater(request, keyHash, found)
      app = requireApp(request, keyHash, found)
      // 3. Check the rate limit of the key.
      requireToken(keyHash, app)
      // 4. Answer 304 to a client that shows the tag of an answer which still holds.
      const unchanged = revalidate(request, app)
      if (unchanged) return unchanged
      // 5. Read the request.
      const asked = readSearchRequest(request.search)
      // 6. Find the operation, execute it, and write the reply.
      const reply = answer(request, app, asked)
      return reply instanceof Promise ? reply.catch((error) => refuse(request, error, app)) : reply
    } catch (error) {
      return refuse(request, error, app)
    }
  }

  /** The steps from 2 on, for a request that waits: for the app, or for its body. Its log lines have the request id. */
  function answerLater(
    request: HttpRequest,
    keyHash: string,
    found: LaneApp | undefined | Promise<LaneApp | undefined>,
  ): Promise<HttpReply> {
    async function run(): Promise<HttpReply> {
      let app: LaneApp | undefined
      try {
        // Up to the body, nothing waits if the app is known at once. So a refusal comes before the body is read.
        app = requireApp(request, keyHash, found instanceof Promise ? await found : found)
        requireToken(keyHash, app)
        const asked = request.method === 'POST' ? await readBodyRequest(request) : readSearchRequest(request.search)
        return await answer(request, app, asked)
      } catch (error) {
        return refuse(request, error, app)
      }
    }
    return withRequestId(request.requestId, () => (overload ? overload.inFlight(run) : run()))
  }

  function requireApp(request: HttpRequest, keyHash: string, app: LaneApp | undefined): LaneApp {
    if (!app) throw unauthenticated('The app key is not valid', CHALLENGE)
    keys.remember(request, keyHash)
    return app
  }

  function requireToken(keyHash: string, { requestsPerSecond }: LaneApp): void {
    const seconds = rateLimit.take(keyHash, requestsPerSecond, now())
    if (seconds > 0) throw rateLimited(requestsPerSecond, seconds)
  }

  function revalidate(request: HttpRequest, app: LaneApp): HttpReply | undefined {
    if (request.headers['if-none-match'] === undefined) return undefined
    const known = answers.find(app.app, request.search)
    const cacheControl = known?.stillHolds()
    if (!known || cacheControl === undefined || !isServed(known)) return undefined
    const reply = notModified(request, known, answerHeaders(request, app, cacheControl))
    if (reply) options.onUse?.(app.app, known.operation.operation.id)
    return reply
  }

  /** Whether the app still has the operation. */
  function isServed({ app, operation }: RememberedAnswer): boolean {
    const { id } = operation.operation
    return (builtIn.get(id) ?? options.appOperations?.(app)?.get(id)) === operation
  }

  function answer(request: HttpRequest, app: LaneApp, asked: LaneRequest): HttpReply | Promise<HttpReply> {
    const found = findOfApp(app, asked, request.method)
    options.onUse?.(app.app, found.operation.id)
    const contextValue = options.context({ principal: null, requestId: request.requestId, appKey: { app: app.app } })
    const executed = executeOperation(schema, found, asked.variables, contextValue)
    if (executed instanceof Promise) return executed.then((done) => replyTo(request, app, contextValue, done))
    return replyTo(request, app, contextValue, executed, found)
  }

  /** Built-in operations come first. Then come the app's own ones. */
  function findOfApp({ app }: LaneApp, asked: LaneRequest, method: string): LaneOperation {
    const hash = requireHash(asked)
    const found = builtIn.get(hash) ?? options.appOperations?.(app)?.get(hash)
    if (!found) {
      const { name } = findOperation(options.operations, asked)
      throw new AlkaidError('PERSISTED_QUERY_NOT_IN_LIST', `${name} is not answered here: send it to the gateway`)
    }
    if (found.operation.definition.operation === 'mutation' && method !== 'POST') {
      throw methodNotAllowed(method, ['POST'])
    }
    return found
  }

  /** @param operation of an answer that was computed in this turn. Others are not remembered. */
  function replyTo(
    request: HttpRequest,
    app: LaneApp,
    contextValue: unknown,
    { data, errors, tag, extraBytes }: LaneAnswer,
    operation?: LaneOperation,
  ): HttpReply | Promise<HttpReply> {
    if (errors.length === 0) {
      const cacheControl = options.cacheControl?.(contextValue) ?? NO_STORE
      const body = `{"data":${data}}`
      const { method, search, headers } = request
      if (headers['if-none-match'] !== undefined && method === 'GET' && cacheControl !== NO_STORE && tag && operation) {
        const stillHolds = options.revalidation?.(contextValue)
        if (stillHolds) answers.remember({ app: app.app, search, operation, tag, isLong: isLong(body), stillHolds })
      }
      return wholeReply(request, { body, tag, extraBytes }, answerHeaders(request, app, cacheControl))
    }
    const body = `{"errors":${JSON.stringify(shown(errors, request.requestId))},"data":${data}}`
    return wholeReply(request, { body }, answerHeaders(request, app, NO_STORE))
  }

  /** The errors of the fields that failed. Unexpected ones are logged. */
  function shown(errors: LaneAnswer['errors'], requestId: string) {
    for (const error of errors) {
      const cause = error.originalError ?? error
      options.onError?.(knownCode(error.toJSON()))
      if (!isExpected(cause)) log.error({ err: cause, path: error.path, requestId }, 'resolver failed')
    }
    return shownErrors(
      errors.map((error) => error.toJSON()),
      requestId,
    )
  }

  /** The reply to a request that was not executed. `app` is undefined when the key is missing or wrong. */
  function refuse(request: HttpRequest, error: unknown, app: LaneApp | undefined): HttpReply | Promise<HttpReply> {
    const { requestId } = request
    const { origin } = request.headers
    if (!(error instanceof AlkaidError)) log.error({ err: error, requestId }, 'lane failed')
    options.onError?.(error instanceof AlkaidError ? error.code : 'INTERNAL')
    const { status, headers, body = '' } = errorReply(error, requestId, responseType(request))
    const reply = (isReadable: boolean): HttpReply => ({
      status,
      headers: { ...headers, ...corsHeaders(origin, isReadable), vary: VARY, 'cache-control': NO_STORE },
      body,
    })
    if (app) return reply(allowsPage(app, origin))
    return origin === undefined ? reply(false) : mayRead(origin, allowsOrigin).then(reply)
  }

  return { operations, handle, allowsOrigin }
}

/**
 * Compiles an operation. The log names an operation that cannot be compiled, and says why.
 * @throws Error when the operation does not fit the schema.
 */
export function compileLaneOperation(
  { schema, frozenTypes = [], log }: Pick<LaneOptions, 'schema' | 'frozenTypes' | 'log'>,
  operation: PersistedOperation,
): LaneOperation {
  const { name, document } = operation
  const [mistake] = validate(schema, document)
  if (mistake) throw new Error(`The persisted operation ${name} does not fit the schema: ${mistake.message}`)
  const run = compileOperation({ schema, document, frozenTypes })
  if (typeof run === 'function') return { operation, run }
  const { reason } = run
  log.warn({ operation: name, reason }, 'an operation is not compiled: graphql-js runs it, which is slower')
  return { operation, run: undefined }
}

const OVERLOADED = new HttpError(
  503,
  'UNAVAILABLE',
  'This node has too much work at the moment: try again in a second',
  {
    'retry-after': '1',
  },
)

function rateLimited(perSecond: number, seconds: number): HttpError {
  const message = `This app key may send ${perSecond} requests per second to one node: try again in ${seconds} s`
  return new HttpError(429, 'RATE_LIMITED', message, { 'retry-after': String(seconds) })
}
