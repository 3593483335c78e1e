// The one table of error codes, and the errors that carry them. shown-errors.ts decides what a client sees of an error.

import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import { quoteText } from '../../engine/text.ts'

/** Code -> its meaning, and the HTTP status of an answer that has only this error. */
export const ERROR_CODES = {
  UNAUTHENTICATED: { status: 401, meaning: 'the request has no valid token or app key' },
  FORBIDDEN: { status: 403, meaning: 'the caller does not have the role that this needs' },
  NOT_FOUND: { status: 404, meaning: 'the thing that the request names does not exist' },
  BAD_USER_INPUT: { status: 400, meaning: 'an argument is wrong; `extensions.path` says which' },
  CONFLICT: { status: 409, meaning: '`expectedVersion` is not the current version; `extensions.currentVersion` is' },
  INVALID_STATE: { status: 409, meaning: 'the thing is not in a state that allows this' },
  FOUR_EYES: { status: 403, meaning: 'the caller wrote or submitted this, so somebody else must decide on it' },
  IDEMPOTENCY_MISMATCH: { status: 409, meaning: 'the idempotency key was already used with other arguments' },
  LIMIT_EXCEEDED: {
    status: 413,
    meaning: 'the request is larger or costs more than a limit allows; the message says what to do',
  },
  RATE_LIMITED: { status: 429, meaning: 'too many requests; send it again after the seconds in `retry-after`' },
  TIMEOUT: { status: 504, meaning: 'it took too long, and may or may not have happened' },
  UNAVAILABLE: { status: 503, meaning: 'a part of Alkaid cannot be reached; try again' },
  INTERNAL: { status: 500, meaning: 'an unexpected failure; the log has it under `extensions.requestId`' },
  PERSISTED_QUERY_NOT_IN_LIST: { status: 404, meaning: 'no persisted operation has this hash' },
  PERSISTED_QUERY_ID_REQUIRED: {
    status: 400,
    meaning: 'apps must send the hash of a persisted operation, not its text',
  },
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

/** Items of a list in an error, for example of a list of mistakes. */
export const MAX_ITEMS = 50

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

/** Whether an error is expected. Expected errors are not logged. */
export function isExpected(error: unknown): error is AlkaidError {
  return error instanceof AlkaidError && error.code !== 'INTERNAL'
}
