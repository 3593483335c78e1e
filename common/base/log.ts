// Logs: one JSON line an event on standard error, so that standard output stays what a command prints. Every line says
// which service it is of and, while a request is handled, which one.

import { type Logger, pino } from 'pino'
import { currentRequestId } from './request-id.ts'
import { standardError } from './standard-error.ts'

export type { Logger }

export function createLogger(level: string, service = 'alkaid'): Logger {
  const timestamp = pino.stdTimeFunctions.isoTime
  return pino({ level, base: { service }, timestamp, mixin: requestOfLine }, standardError)
}

function requestOfLine(): object {
  const requestId = currentRequestId()
  return requestId === undefined ? {} : { requestId }
}
