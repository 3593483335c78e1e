// The HTTP server of every port. For each request: read the head (`toRequest`), call the handler, write the reply (`finish`). An error
// that a handler throws becomes a JSON answer with a code. A handler that returns a reply and no promise is answered in the same turn
// of the event loop. A slot query is answered like that: it waits for nothing.

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { AlkaidError, badInput, ERROR_CODES, HttpError } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { REQUEST_ID_HEADER } from '../base/request-id.ts'
import { knownCode, thrownErrors } from '../base/shown-errors.ts'
import { type Exchange, LIMITS, type Limits, lingeringClose, type Refusal, serveInTurn } from './connections.ts'
import { readBody } from './request-text.ts'
import { writeInBatch } from './write-batch.ts'

export type HttpReply = {
  status: number
  headers?: Record<string, string>
  body?: string
  /**
   * The bytes of `body` in UTF-8, if the handler knows them. Counting them would copy a text that was put together from parts into one
   * piece, and node:http does the same again with the head: 0.4 µs for 2 KB.
   */
  byteLength?: number
  /** In place of `body`: bytes that are written as they are, of a compressed answer or of another service. */
  bytes?: Uint8Array
}
export type HttpRequest = {
  method: string
  path: string
  /** The text after `?`. `readSearch` parses it. */
  search: string
  headers: IncomingMessage['headers']
  /** The HTTP version of the client, for example `1.1`. */
  httpVersion?: string
  /** Both ends of the connection. Undefined when the request did not come over a connection. */
  socket?: {
    readonly remoteAddress?: string | undefined
    readonly localPort?: number | undefined
    /** The connection is closed: nobody waits for the answer. */
    once?(event: 'close', listener: () => void): unknown
    off?(event: 'close', listener: () => void): unknown
  }
  /** The caller's `x-request-id` when it is well formed, else a new id. */
  requestId: string
  /** Reads the body as JSON text (see `readBody`). Can be called once. `maxBytes` is 1 MB by default. */
  body(maxBytes?: number): Promise<string>
}
export type Handler = (request: HttpRequest) => HttpReply | Promise<HttpReply>

export type HttpServer = {
  port: number
  url: string
  /** Continues to serve, but answers with `connection: close`, so that clients move to another server. */
  drain(): void
  /** Takes no new connections and finishes the current requests. Cuts off requests that take longer than 15 s. */
  stop(): Promise<void>
}

const MAX_BODY = 1024 * 1024
/** An answer may come before the end of the body. When at most this many bytes are left, the connection is kept. */
const MAX_DRAINED = MAX_BODY
/** How much of the rest is read before the connection is closed. So the client can finish sending, and see the answer. */
const MAX_LINGERED = 64 * 1024 * 1024
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** How often the two timeouts above are checked. */
const TIMEOUTS_EVERY_MS = 5_000
/** A connection without a byte in either direction is closed after this time. */
const SILENCE_MS = 30_000
/** On `stop`: how long current requests may take. The gateway answers within 12 s. */
const CUT_OFF_MS = 15_000
/** On `stop`: how long connections that never sent a byte are kept. */
const UNUSED_MS = 1_000
/** The status in log and metrics when the client left before the answer. The number is nginx's. */
const CLIENT_GONE = 499
/** These must be ASCII: they are used as text, and node:http decodes other bytes as Latin-1. */
const TEXT_HEADERS = ['authorization', 'x-app-key', REQUEST_ID_HEADER] as const
const BODILESS: ReadonlySet<number> = new Set([204, 304])
const NOT_ASCII = /[^\t\x20-\x7e]/

export type ListenOptions = {
  host: string
  port: number
  log: Logger
  /** Limits that differ from the defaults. */
  limits?: Partial<Limits> | undefined
  /** Called after each answer. */
  onAnswer?: ((request: HttpRequest, status: number, ms: number) => void) | undefined
  /** Called when a connection is cut off, or when its bytes are not a valid request. */
  onRefusal?: ((why: Refusal) => void) | undefined
}

type ServerState = { isDraining: boolean }
type AnswerOptions = ListenOptions & { limits: Limits; state: ServerState }

/** Starts to listen. Rejects with the system's error, for example EADDRINUSE. */
export async function listen(options: ListenOptions, handle: Handler): Promise<HttpServer> {
  const { host, port, onRefusal } = options
  const limits = { ...LIMITS, ...options.limits }
  const state = { isDraining: false }
  const answerOptions = { ...options, limits, state }
  const server = createServer({ connectionsCheckingInterval: TIMEOUTS_EVERY_MS, optimizeEmptyRequests: true })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const serve = (exchange: Exchange, done: () => void) => answer(exchange, handle, answerOptions, done)
  serveInTurn(server, limits, serve, (why) => onRefusal?.(why))
  server.headersTimeout = HEADERS_TIMEOUT_MS
  server.requestTimeout = REQUEST_TIMEOUT_MS
  server.timeout = SILENCE_MS
  // With a time of its own for kept-alive connections, Node sets two timers in each request.
  server.keepAliveTimeout = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  const bound = typeof address === 'object' && address ? address.port : port
  const drain = () => {
    state.isDraining = true
  }
  const stop = () => {
    drain()
    return stopServer(server, sockets, options.log)
  }
  return { port: bound, url: urlOf(host, bound), drain, stop }
}

/** The URL of a server on this machine that listens at this address. */
export function urlOf(host: string, port: number): string {
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  return `http://${shown}:${port}`
}

export function json(status: number, value: unknown, headers: Record<string, string> = {}): HttpReply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  }
}

/** A reply with errors only, in GraphQL's form. Its status is that of the first error. */
export function errorReply(
  error: unknown,
  requestId: string,
  contentType = 'application/json; charset=utf-8',
): HttpReply {
  const errors = thrownErrors(error, requestId)
  const body = JSON.stringify({ errors })
  if (error instanceof HttpError) {
    return { status: error.status, headers: { 'content-type': contentType, ...error.headers }, body }
  }
  return { status: ERROR_CODES[knownCode(errors[0]!)].status, headers: { 'content-type': contentType }, body }
}

/** Calls `done` when the reply is written. Never throws. */
function answer(exchange: Exchange, handle: Handler, options: AnswerOptions, done: () => void): void {
  const began = performance.now()
  const request = toRequest(exchange)
  const reply = replyTo(request, handle, options.log)
  if (reply instanceof Promise || (hasBody(request) && !exchange.message.complete)) {
    void answerLater(exchange, request, reply, began, options).then(done)
    return
  }
  writeInBatch(() => {
    finish(exchange, request, reply, began, options)
    done()
  })
}

async function answerLater(
  exchange: Exchange,
  request: HttpRequest,
  reply: HttpReply | Promise<HttpReply>,
  began: number,
  options: AnswerOptions,
): Promise<void> {
  const ready = await reply
  // After a refusal, the body may have come together with the head. Then nothing is left to drain.
  if (!exchange.message.complete) await parsed()
  finish(exchange, request, ready, began, options)
}

/** Writes the reply, and reports it. `began`: when the request came. */
function finish(
  exchange: Exchange,
  request: HttpRequest,
  reply: HttpReply,
  began: number,
  { log, onAnswer, limits, state }: AnswerOptions,
): void {
  const { socket } = exchange.message
  const isConnected = !exchange.response.destroyed && socket.writable
  try {
    if (isConnected) send(exchange, reply, request.requestId, limits, state)
  } catch (error) {
    log.error({ err: error, path: request.path, requestId: request.requestId }, 'an answer could not be written')
    socket.destroy()
  }
  onAnswer?.(request, isConnected ? reply.status : CLIENT_GONE, performance.now() - began)
}

/** Never throws or rejects. */
function replyTo(request: HttpRequest, handle: Handler, log: Logger): HttpReply | Promise<HttpReply> {
  const failed = (error: unknown) => {
    const { path, requestId } = request
    if (!(error instanceof AlkaidError)) log.error({ err: error, path, requestId }, 'request failed')
    return errorReply(error, requestId)
  }
  try {
    requireAscii(request.headers)
    const reply = handle(request)
    return reply instanceof Promise ? reply.catch(failed) : reply
  } catch (error) {
    return failed(error)
  }
}

/** Resolves when Node has parsed all bytes that it has read so far. */
function parsed(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Writes the reply. A refusal often comes before the end of the request's body. Then the rest of the body is read and dropped:
 * - a rest of at most 1 MB: the connection is kept
 * - a longer rest: up to 64 MB are read, and the connection is closed (RFC 9112, 9.6)
 * Closing at once would reset the connection, and the client would never see the reply.
 */
function send(
  exchange: Exchange,
  reply: HttpReply,
  requestId: string,
  { lingerMs }: Limits,
  { isDraining }: ServerState,
): void {
  const { message, response, behind } = exchange
  const left = remainingBytes(exchange)
  const lingers = left > MAX_DRAINED
  const body = reply.bytes ?? reply.body ?? ''
  const fields = [REQUEST_ID_HEADER, requestId, 'x-content-type-options', 'nosniff']
  for (const name in reply.headers) fields.push(name, reply.headers[name]!)
  const length = reply.byteLength ?? Buffer.byteLength(body)
  if (!BODILESS.has(reply.status)) fields.push('content-length', String(length))
  if (exchange.isLast || lingers || (isDraining && behind.length === 0)) fields.push('connection', 'close')
  response.writeHead(reply.status, fields)
  const written = message.method === 'HEAD' ? '' : body
  if (!lingers) {
    // A text of as many bytes as characters is ASCII. Node writes it faster as Latin-1, which has the same bytes then.
    response.end(written, length === body.length ? 'latin1' : 'utf8')
    if (left > 0) message.resume()
    return
  }
  // The reply is complete by its content-length. `response.end()` is not called, since Node would then close both directions.
  if (written === '') response.flushHeaders()
  else response.write(written)
  const { socket } = message
  lingeringClose(socket, lingerMs)
  let dropped = 0
  message.on('data', (chunk: Buffer) => {
    dropped += chunk.length
    if (dropped > MAX_LINGERED) socket.destroy()
  })
  message.resume()
}

/** How many bytes of the body the client may still send, at most. */
function remainingBytes({ message, expectsContinue }: Exchange): number {
  if (message.complete || !hasBody(message)) return 0
  if (expectsContinue) return Number.POSITIVE_INFINITY // it waits for `100 Continue`, but may send without it
  return Number(message.headers['content-length'] ?? Number.POSITIVE_INFINITY)
}

/** A GET has none, as a rule. Then its message is complete only after the 'request' event, but nothing more comes. */
function hasBody({ headers }: Pick<HttpRequest, 'headers'>): boolean {
  return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
}

function requireAscii(headers: HttpRequest['headers']): void {
  for (const name of TEXT_HEADERS) {
    const value = headers[name]
    if (value !== undefined && NOT_ASCII.test(String(value))) throw badInput(name, 'must hold printable ASCII only')
  }
}

function toRequest(exchange: Exchange): HttpRequest {
  const { message, response } = exchange
  const target = message.url ?? '/'
  const question = target.indexOf('?')
  const given = message.headers[REQUEST_ID_HEADER]
  const begin = () => {
    if (!exchange.expectsContinue) return
    exchange.expectsContinue = false
    response.writeContinue()
  }
  return {
    method: message.method ?? 'GET',
    path: question < 0 ? target : target.slice(0, question),
    search: question < 0 ? '' : target.slice(question + 1),
    headers: message.headers,
    httpVersion: message.httpVersion,
    socket: message.socket,
    requestId: typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : randomUUID(),
    body: (maxBytes = MAX_BODY) => readBody(message, { maxBytes, begin }),
  }
}

async function stopServer(server: Server, sockets: ReadonlySet<Socket>, log: Logger): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve())) // closes idle connections as well
  // Browsers open connections in advance. Node does not count them as idle, and they carry no request.
  const unused = setTimeout(() => {
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }, UNUSED_MS)
  const cutOff = setTimeout(() => {
    log.warn({ connections: sockets.size }, 'the server stops: requests that took too long were cut off')
    server.closeAllConnections()
  }, CUT_OFF_MS)
  await closed
  clearTimeout(unused)
  clearTimeout(cutOff)
}
