// Logs one JSON line for each event, on standard error: standard output is for the results of commands. Every line names its
// service and, while a request is handled, the id of the request.

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
