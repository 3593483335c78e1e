// What one client may hold of a server. The requests of a connection are answered one after another, a bounded number of
// them waits, and an answer is held in memory only while it is read fast enough. Whoever goes beyond that is cut off; what
// is no HTTP is told so. Node alone would handle all that a client sends at once, and keep every answer until it is read.

import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { type ErrorCode, HttpError } from '../base/errors.ts'

export type Exchange = {
  message: IncomingMessage
  response: ServerResponse
  /** Whether the client waits for `100 Continue` before it sends the body. */
  expectsContinue: boolean
  /** Set when no request of this connection can follow: the answer must say `connection: close`. */
  isLast: boolean
  /** The requests of this connection that wait. */
  behind: readonly Exchange[]
}

export type Limits = {
  /** Connections at once; more are closed as they come. */
  connections: number
  /** Requests of one connection that wait for the one before them; with more, the connection is cut off. */
  waiting: number
  /** Time to take an answer that does not fit into the kernel's buffers; larger ones have a second more for each 16 KB. */
  takeMs: number
  /** How long the rest of a body that nobody wants is read, that the client may see why. */
  lingerMs: number
}

export const LIMITS: Limits = { connections: 10_000, waiting: 256, takeMs: 10_000, lingerMs: 5_000 }

/** Why a connection, or a request that never became one, was refused. */
export type Refusal = 'connections' | 'waiting' | 'slow_reader' | 'malformed' | 'headers_too_large' | 'too_slow'

/** Bytes a millisecond. */
const SLOWEST = 16

type Connection = {
  socket: Socket
  current: Exchange | undefined
  waiting: Exchange[]
  /** No further request is taken from it. */
  isClosing: boolean
}

/** `serve` resolves when the answer is written, and never rejects. */
export function serveInTurn(
  server: Server,
  limits: Limits,
  serve: (exchange: Exchange) => Promise<void>,
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
    if (connection.isClosing) return // Node tells of whatever still comes
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
    if (!connection.current) {
      void begin(connection, exchange)
      return
    }
    if (connection.waiting.push(exchange) > limits.waiting) cutOff(connection, 'waiting')
  }

  async function begin(connection: Connection, exchange: Exchange): Promise<void> {
    connection.current = exchange
    await serve(exchange)
    const { socket } = connection
    const { response } = exchange
    if (response.destroyed) return next(connection)
    const held = socket.writableLength
    if (held === 0 && response.writableEnded && connection.waiting.length === 0) {
      connection.current = undefined // the usual case: the kernel has all of it
      return
    }
    const timer = held > 0 && setTimeout(() => cutOff(connection, 'slow_reader'), limits.takeMs + held / SLOWEST)
    response.once('close', () => {
      if (timer) clearTimeout(timer)
      setImmediate(next, connection) // what others ask comes in between
    })
  }

  function next(connection: Connection): void {
    const { socket, waiting } = connection
    connection.current = undefined
    if (socket.destroyed) waiting.length = 0
    const exchange = waiting.shift()
    if (!exchange) return
    void begin(connection, exchange)
  }

  function cutOff({ socket }: Connection, why: Refusal): void {
    if (socket.destroyed) return
    refused(why)
    socket.destroy()
  }

  /** What came whole before is answered first. */
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
    // Who has hung up halfway needs no line in the log; it may be a half-closed connection, so there is an answer.
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
  const failed = (why: Refusal, status: number, name: ErrorCode, text: string) => ({
    why,
    failure: new HttpError(status, name, text),
  })
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return failed(
        'headers_too_large',
        431,
        'LIMIT_EXCEEDED',
        'The address and headers of a request may have at most 16 KB: send long variables by POST',
      )
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return failed('too_slow', 408, 'TIMEOUT', 'The request did not arrive in time')
    default:
      return failed('malformed', 400, 'BAD_USER_INPUT', `request: must be HTTP/1.1: ${reason ?? message}`)
  }
}

/** Before there is a request, there is no response of Node's to write to. */
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
 * Ends what is written, and goes on reading for a while: closing with unread bytes would reset the connection, and the client
 * lose the answer (RFC 9112, 9.6).
 */
export function lingeringClose(socket: Socket, ms: number): void {
  socket.end()
  const timer = setTimeout(() => socket.destroy(), ms)
  socket.once('end', () => socket.destroy())
  socket.once('close', () => clearTimeout(timer))
}
