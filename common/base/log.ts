// Logs: one JSON line an event on standard error, so that standard output stays what a command prints. Every line says
// which service it is of and, while a request is handled, which one.

import { type Logger, pino } from 'pino'
import { currentRequestId } from './request-id.ts'

export type { Logger }

export function createLogger(level: string, service = 'alkaid'): Logger {
  const timestamp = pino.stdTimeFunctions.isoTime
  const output = pino.destination(2)
  output.on('error', () => {}) // a full disk or a closed terminal must not end a service
  return pino({ level, base: { service }, timestamp, mixin: requestOfLine }, output)
}

function requestOfLine(): object {
  const requestId = currentRequestId()
  return requestId === undefined ? {} : { requestId }
}
