// The one table of error codes, and the masking of errors. A client never sees an error whose code is not in the table.

import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import { quoteText } from '../../engine/text.ts'

/** Code -> its meaning, and the HTTP status of an answer that has only this error. */
export const ERROR_CODES = {
  UNAUTHENTICATED: { status: 401, meaning: 'no valid token or app key' },
  FORBIDDEN: { status: 403, meaning: 'the role for this is missing' },
  NOT_FOUND: { status: 404, meaning: 'the thing that is named does not exist' },
  BAD_USER_INPUT: { status: 400, meaning: 'an argument is wrong; `extensions.path` says which' },
  CONFLICT: { status: 409, meaning: '`expectedVersion` is stale; `extensions.currentVersion` is the current one' },
  INVALID_STATE: { status: 409, meaning: 'the thing is not in a state that allows this' },
  FOUR_EYES: { status: 403, meaning: 'nobody decides on what they wrote or submitted' },
  IDEMPOTENCY_MISMATCH: { status: 409, meaning: 'the idempotency key was used with other arguments' },
  LIMIT_EXCEEDED: { status: 413, meaning: 'more than Alkaid takes; the message says what to do' },
  RATE_LIMITED: { status: 429, meaning: 'too many requests; `retry-after` says when to come back' },
  TIMEOUT: { status: 504, meaning: 'it took too long; whether it happened is unknown' },
  UNAVAILABLE: { status: 503, meaning: 'a part of Alkaid is out of reach; try again' },
  INTERNAL: { status: 500, meaning: 'unexpected; the log has it under `extensions.requestId`' },
  PERSISTED_QUERY_NOT_IN_LIST: { status: 404, meaning: 'no persisted operation has this hash' },
  PERSISTED_QUERY_ID_REQUIRED: { status: 400, meaning: 'apps send persisted operations by hash only' },
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** An expected failure. The client sees it unchanged. */
export class AlkaidError extends GraphQLError {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}) {
    super(message, { extensions: { ...details, code } })
    this.code = code
  }
}

/** A failure with an HTTP status and headers of its own. Examples: 405 with `allow`, 401 with `www-authenticate`. */
export class HttpError extends AlkaidError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: ErrorCode, message: string, headers: Record<string, string> = {}) {
    super(code, message)
    this.status = status
    this.headers = headers
  }
}

/** @param allowed the methods that are allowed. */
export function methodNotAllowed(method: string, allowed: readonly string[]): HttpError {
  const message = `method: must be ${allowed.join(' or ')}, not ${method}`
  return new HttpError(405, 'BAD_USER_INPUT', message, { allow: allowed.join(', ') })
}

/** @param challenge tells the client how to authenticate. Every 401 must have one (RFC 9110, 11.6.1). */
export function unauthenticated(message: string, challenge: string): HttpError {
  return new HttpError(401, 'UNAUTHENTICATED', message, { 'www-authenticate': challenge })
}

/** BAD_USER_INPUT at a path, for example `input.content.creatives[0].weight`. `more`: further mistakes. */
export function badInput(path: string, message: string, more: readonly { path: string; message: string }[] = []) {
  const details = more.length > 0 ? { path, errors: [{ path, message }, ...more.slice(0, MAX_ITEMS - 1)] } : { path }
  return new AlkaidError('BAD_USER_INPUT', `${path}: ${message}`, details)
}

/**
 * A document that is not a valid operation of the schema. It has one error for each mistake. Each error has its position in the text,
 * because GraphQL tools show it.
 */
export class InvalidRequest extends Error {
  readonly errors: readonly GraphQLFormattedError[]

  /** @param reason Apollo's code for the step that failed, for example `GRAPHQL_PARSE_FAILED`. */
  constructor(reason: string, errors: readonly GraphQLError[]) {
    super(errors[0]?.message)
    this.errors = errors.map(({ message, locations = [], extensions }) => ({
      message,
      locations,
      extensions: { ...extensions, reason, code: 'BAD_USER_INPUT' },
    }))
  }
}

/** `path`: the argument with the id, for example `input.slot`. */
export function notFound(what: string, id: string, path?: string) {
  const message = `There is no ${what} ${quoteText(id)}`
  if (path === undefined) return new AlkaidError('NOT_FOUND', message)
  return new AlkaidError('NOT_FOUND', `${path}: ${message}`, { path })
}

export function invalidState(message: string, details: Record<string, unknown> = {}) {
  return new AlkaidError('INVALID_STATE', message, details)
}

/** Apollo's own codes for requests that fail before any resolver runs. */
export const REQUEST_ERRORS: ReadonlySet<string> = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_REQUEST',
  'INVALID_GRAPHQL', // from the query planner
])

/**
 * What a client sees of an error:
 * - an error with a code of the table: unchanged, but without stack trace and service name
 * - a request that is not valid GraphQL: BAD_USER_INPUT
 * - any other error: INTERNAL, with the request id under which the log has it
 */
export function maskError(formatted: GraphQLFormattedError, requestId: string | undefined): GraphQLFormattedError {
  const { code, stacktrace: _stack, serviceName: _service, ...extensions } = formatted.extensions ?? {}
  const { message, locations, path } = formatted
  if (typeof code === 'string' && Object.hasOwn(ERROR_CODES, code) && code !== 'INTERNAL') {
    return { message, locations, path, extensions: { ...extensions, code } }
  }
  if (code === 'PERSISTED_QUERY_NOT_SUPPORTED' || code === 'PERSISTED_QUERY_NOT_FOUND') {
    // With Apollo's own codes, Apollo Client would send the text, or stop sending hashes.
    const message = 'With a token, send the text of the operation; with an app key, the hash of a persisted one'
    return { message, extensions: { code: 'PERSISTED_QUERY_NOT_IN_LIST' } }
  }
  if (typeof code === 'string' && REQUEST_ERRORS.has(code)) {
    return { message, locations, extensions: { code: 'BAD_USER_INPUT', reason: code } }
  }
  return { message: 'Something went wrong on our side', locations, path, extensions: { code: 'INTERNAL', requestId } }
}

/** Errors in one answer. A list of thousands of items often has the same error thousands of times. */
const MAX_ERRORS = 100
/** Characters of all errors in one answer, as JSON. */
const MAX_ERRORS_SIZE = 64 * 1024
/** Characters of a message, characters of another text, and items of a list. Errors often repeat the whole input. */
const MAX_MESSAGE = 1_000
const MAX_TEXT = 500
const MAX_ITEMS = 50

/** What a client sees of the errors of one answer. Each is masked and cut. At most MAX_ERRORS are shown. */
export function shownErrors(
  errors: readonly GraphQLFormattedError[],
  requestId: string | undefined,
): GraphQLFormattedError[] {
  const shown: GraphQLFormattedError[] = []
  let size = 0
  for (const error of errors.slice(0, MAX_ERRORS)) {
    const { message, path, ...rest } = maskError(error, requestId)
    const cut = { message: cutText(message, MAX_MESSAGE), ...(cutShort(rest) as object), ...(path && { path }) }
    size += JSON.stringify(cut).length
    if (size > MAX_ERRORS_SIZE && shown.length > 0) break
    shown.push(cut)
  }
  return shown
}

/** The errors of an answer without data, made from the thrown error. */
export function thrownErrors(error: unknown, requestId: string | undefined): GraphQLFormattedError[] {
  if (error instanceof InvalidRequest) return shownErrors(error.errors, requestId)
  return shownErrors([error instanceof AlkaidError ? error.toJSON() : { message: '' }], requestId)
}

/** Cuts long texts and lists in an error. Errors are seldom deep, so values below the eighth level become null. */
function cutShort(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cutText(value, MAX_TEXT)
  if (typeof value !== 'object' || value === null) return value
  if (depth > 8) return null
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => cutShort(item, depth + 1))
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, cutShort(part, depth + 1)]))
}

function cutText(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max).toWellFormed()}…` : text
}

/** Removes the suggestions of validation ("Did you mean ...?"). They would show the schema to a caller who guesses names. */
export function hideSuggestions(message: string): string {
  return message.replace(/ ?Did you mean [^?]*\?/g, '')
}

/** The code of an error. A code that is not in the table becomes INTERNAL, so that callers cannot add values to a metric. */
export function knownCode({ extensions }: GraphQLFormattedError): ErrorCode {
  const code = String(extensions?.code)
  if (REQUEST_ERRORS.has(code)) return 'BAD_USER_INPUT'
  return Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'INTERNAL'
}

/** Whether an error is expected. Expected errors are not logged. */
export function isExpected(error: unknown): error is AlkaidError {
  return error instanceof AlkaidError && error.code !== 'INTERNAL'
}
