// What a client sees of errors: masked, cut and bounded. A client never sees an error whose code is not in the table of errors.ts, nor more
// than 64 KB of errors in one answer.

import type { GraphQLFormattedError } from 'graphql'
import { AlkaidError, ERROR_CODES, type ErrorCode, InvalidRequest, MAX_ITEMS } from './errors.ts'

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
/** Characters of a message, and characters of another text. Errors often repeat the whole input. */
const MAX_MESSAGE = 1_000
const MAX_TEXT = 500

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
