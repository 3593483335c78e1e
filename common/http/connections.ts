// Limits how much of a server one connection can use:
// - The server answers its requests one after another. Only a limited number of requests can wait.
// - An answer stays in memory only while the client reads it fast enough.
// The server cuts off a connection beyond these limits, and answers a malformed request with 400. Node alone handles all pipelined
// requests of a connection at once, and keeps every answer until the client reads it.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type ErrorCode, HttpError } from '../base/errors.ts'

export type Exchange = {
  message: IncomingMessage
  response: ServerResponse
  /** The client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean
  /** No request can follow on this connection, so the answer must have `connection: close`. */
  isLast: boolean
  /** The requests of this connection that wait. */
  behind: readonly Exchange[]
}

export type Limits = {
  /** Concurrent connections. Further ones are closed at once. */
  connections: number
  /** Waiting requests of one connection. With more, the connection is cut off. */
  waiting: number
  /** How long a client may take to read the part of an answer that is not in the kernel's buffers. Each 16 KB add one second. */
  takeMs: number
  /** How long the server reads the rest of a refused body, so that the client can see the refusal. */
  lingerMs: number
}

export const LIMITS: Limits = { connections: 10_000, waiting: 256, takeMs: 10_000, lingerMs: 5_000 }

/** Why the server cut off a connection, or refused its bytes as a request. It is a label of a metric. */
export type Refusal = 'connections' | 'waiting' | 'slow_reader' | 'malformed' | 'headers_too_large' | 'too_slow'

/** Bytes per millisecond that a client must read at least. */
const MIN_READ_RATE = 16

type Connection = {
  socket: Socket
  current: Exchange | undefined
  waiting: Exchange[]
  /** The connection takes no further request. */
  isClosing: boolean
}

/**
 * Calls `serve` for each request, one at a time for each connection.
 * @param serve calls `done` when the answer is written. It never throws.
 * @param refused called for each refusal.
 */
export function serveInTurn(
  server: Server,
  limits: Limits,
  serve: (exchange: Exchange, done: () => void) => void,
  refused: (why: Refusal) => void,
): void {
  const connections = new WeakMap<Socket, Connection>()
  server.maxConnections = limits.connections
  server.on('drop', () => refused('connections'))
  server.on('request', (message, response) => take(message, response, false))
  server.on('checkContinue', (message, response) => take(message, response, true))
  server.on('clientError', (error: NodeJS.ErrnoException & { reason?: string }, duplex) => {
    const socket = duplex as Socket
    const connection = connectionOf(socket)
    if (connection.isClosing) return // Node reports every further byte as an error
    if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy()
    else onMalformed(connection, error)
  })

  function connectionOf(socket: Socket): Connection {
    let connection = connections.get(socket)
    if (!connection) {
      connection = { socket, current: undefined, waiting: [], isClosing: false }
      connections.set(socket, connection)
    }
    return connection
  }

  function take(message: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const { socket } = message
    const connection = connectionOf(socket)
    if (connection.isClosing || socket.destroyed) return
    const exchange = { message, response, expectsContinue, isLast: false, behind: connection.waiting }
    if (!connection.current) begin(connection, exchange)
    else if (connection.waiting.push(exchange) > limits.waiting) cutOff(connection, 'waiting')
  }

  function begin(connection: Connection, exchange: Exchange): void {
    connection.current = exchange
    serve(exchange, () => finish(connection, exchange))
  }

  function finish(connection: Connection, { response }: Exchange): void {
    const { socket } = connection
    if (response.destroyed) {
      next(connection)
      return
    }
    const unread = socket.writableLength
    if (unread === 0 && response.writableEnded && connection.waiting.length === 0) {
      connection.current = undefined // the usual case: the kernel took the whole answer
      return
    }
    const timer =
      unread > 0 && setTimeout(() => cutOff(connection, 'slow_reader'), limits.takeMs + unread / MIN_READ_RATE)
    response.once('close', () => {
      if (timer) clearTimeout(timer)
      setImmediate(next, connection) // lets requests of other connections run in between
    })
  }

  function next(connection: Connection): void {
    const { socket, waiting } = connection
    connection.current = undefined
    if (socket.destroyed) waiting.length = 0
    const exchange = waiting.shift()
    if (!exchange) return
    begin(connection, exchange)
  }

  function cutOff({ socket }: Connection, why: Refusal): void {
    if (socket.destroyed) return
    refused(why)
    socket.destroy()
  }

  /** Complete requests that came before the malformed one are answered first. */
  function onMalformed(connection: Connection, error: NodeJS.ErrnoException & { reason?: string }): void {
    connection.isClosing = true
    const { socket, current, waiting } = connection
    const newest = waiting.at(-1) ?? current
    if (newest?.response.headersSent) {
      socket.destroySoon()
      return
    }
    if (newest?.message.complete) {
      newest.isLast = true
      return
    }
    // A client that closed in the middle of a request is not counted. The connection may be half-closed, so it gets an answer.
    const { why, failure } = describeMalformed(error)
    if (error.code !== 'HPE_INVALID_EOF_STATE') refused(why)
    waiting.length = 0
    socket.write(rawAnswer(failure))
    lingeringClose(socket, limits.lingerMs)
  }
}

function describeMalformed({ code, reason, message }: { code?: string; reason?: string; message: string }): {
  why: Refusal
  failure: HttpError
} {
  const refusal = (why: Refusal, status: number, name: ErrorCode, text: string) => ({
    why,
    failure: new HttpError(status, name, text),
  })
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return refusal(
        'headers_too_large',
        431,
        'LIMIT_EXCEEDED',
        'The address and headers of a request may have at most 16 KB: send long variables by POST',
      )
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refusal('too_slow', 408, 'TIMEOUT', 'The request did not arrive in time')
    default:
      return refusal('malformed', 400, 'BAD_USER_INPUT', `request: must be HTTP/1.1: ${reason ?? message}`)
  }
}

/** A whole HTTP answer as text, because Node has no response object without a request. */
function rawAnswer(failure: HttpError): string {
  const body = JSON.stringify({ errors: [failure] })
  return [
    `HTTP/1.1 ${failure.status} ${STATUS_CODES[failure.status]}`,
    'connection: close',
    'content-type: application/json; charset=utf-8',
    'x-content-type-options: nosniff',
    `content-length: ${Buffer.byteLength(body)}`,
    `\r\n${body}`,
  ].join('\r\n')
}

/**
 * Closes the server's direction, and reads on for `ms`. Closing both directions with unread bytes would reset the connection. Then the
 * client would lose the answer (RFC 9112, 9.6).
 */
export function lingeringClose(socket: Socket, ms: number): void {
  socket.end()
  const timer = setTimeout(() => socket.destroy(), ms)
  socket.once('end', () => socket.destroy())
  socket.once('close', () => clearTimeout(timer))
}
