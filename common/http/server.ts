// A plain node:http server with a table of routes. What a handler throws becomes a coded JSON error.

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { AlkaidError, badInput, ERROR_CODES, HttpError, knownCode, thrownErrors } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { REQUEST_ID_HEADER, withRequestId } from '../base/request-id.ts'
import { type Exchange, LIMITS, type Limits, lingeringClose, type Refusal, serveInTurn } from './connections.ts'
import { readBody } from './request-text.ts'

export type HttpReply = { status: number; headers?: Record<string, string>; body?: string }
export type HttpRequest = {
  method: string
  path: string
  /** Without the `?`; `readSearch` reads it. */
  search: string
  headers: IncomingMessage['headers']
  /** As the client speaks it: `1.1`. */
  httpVersion?: string
  /** The two ends of the connection it came by; undefined where there was none. */
  socket?: { readonly remoteAddress?: string | undefined; readonly localPort?: number | undefined }
  /** Of the caller's `x-request-id` where it is well formed, else new. */
  requestId: string
  /** Reads the body as JSON text, once (see `readBody`); of at most so many bytes, 1 MB by default. */
  body(maxBytes?: number): Promise<string>
}
export type Handler = (request: HttpRequest) => HttpReply | Promise<HttpReply>

export type HttpServer = {
  port: number
  url: string
  /** Serves on, but tells each client to send its next request on another connection: the end is near. */
  drain(): void
  /** Takes no more connections and lets the requests under way end; what takes longer than 15 s is cut off. */
  stop(): Promise<void>
}

const MAX_BODY = 1024 * 1024
/** What is left of a body at most, for a connection to be kept when the answer comes before its end. */
const MAX_DRAINED = MAX_BODY
/** The same where the connection is closed: so much is read, that the client may send it and then see the answer. */
const MAX_LINGERED = 64 * 1024 * 1024
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** How often these are looked at. */
const TIMEOUTS_EVERY_MS = 5_000
/** Without a byte in either direction. */
const SILENCE_MS = 30_000
/** At the end: until requests under way are cut off (the gateway answers within 12 s), and connections without one. */
const CUT_OFF_MS = 15_000
const NOTHING_SENT_MS = 1_000
/** For the log and the metrics: the client has gone before there was an answer. nginx has the number. */
const CLIENT_GONE = 499
/** They are read as text, and node:http reads bytes as Latin-1. */
const TEXT_HEADERS = ['authorization', 'x-app-key', REQUEST_ID_HEADER] as const
const BODILESS: ReadonlySet<number> = new Set([204, 304])
const NOT_ASCII = /[^\t\x20-\x7e]/

export type ListenOptions = {
  host: string
  port: number
  log: Logger
  /** In place of the usual ones. */
  limits?: Partial<Limits> | undefined
  /** Called once a request is answered. */
  onAnswer?: ((request: HttpRequest, status: number, ms: number) => void) | undefined
  /** Called for a connection that was cut off, or told that what it sends is no request. */
  onRefusal?: ((why: Refusal) => void) | undefined
}

type Life = { isDraining: boolean }
type Answering = ListenOptions & { limits: Limits; life: Life }

/** Listens at once; rejects with EADDRINUSE and the like. */
export async function listen(options: ListenOptions, handle: Handler): Promise<HttpServer> {
  const { host, port, onRefusal } = options
  const limits = { ...LIMITS, ...options.limits }
  const life = { isDraining: false }
  const answering = { ...options, limits, life }
  const server = createServer({ connectionsCheckingInterval: TIMEOUTS_EVERY_MS })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const serve = (exchange: Exchange) => {
    const request = toRequest(exchange)
    return withRequestId(request.requestId, () => answer(request, exchange, handle, answering))
  }
  serveInTurn(server, limits, serve, (why) => onRefusal?.(why))
  server.headersTimeout = HEADERS_TIMEOUT_MS
  server.requestTimeout = REQUEST_TIMEOUT_MS
  server.timeout = SILENCE_MS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address()
  const bound = typeof address === 'object' && address ? address.port : port
  const shownHost = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host
  const drain = () => {
    life.isDraining = true
  }
  const stop = () => {
    drain()
    return stopServer(server, sockets, options.log)
  }
  return { port: bound, url: `http://${shownHost}:${bound}`, drain, stop }
}

export function json(status: number, value: unknown, headers: Record<string, string> = {}): HttpReply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(value),
  }
}

/** The reply that says only what went wrong, in GraphQL's form; the status is that of the first error. */
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

async function answer(
  request: HttpRequest,
  exchange: Exchange,
  handle: Handler,
  { log, onAnswer, limits, life }: Answering,
): Promise<void> {
  const began = performance.now()
  const reply = await replyTo(request, handle, log)
  const { message } = exchange
  if (!message.complete) await parsed() // refused: what came along with the head may be the whole
  const { socket } = message
  const isHere = !exchange.response.destroyed && socket.writable
  try {
    if (isHere) send(exchange, reply, request.requestId, limits, life)
  } catch (error) {
    log.error({ err: error, path: request.path }, 'an answer could not be written')
    socket.destroy()
  }
  onAnswer?.(request, isHere ? reply.status : CLIENT_GONE, performance.now() - began)
}

async function replyTo(request: HttpRequest, handle: Handler, log: Logger): Promise<HttpReply> {
  try {
    requireAscii(request.headers)
    return await handle(request)
  } catch (error) {
    if (!(error instanceof AlkaidError)) log.error({ err: error, path: request.path }, 'request failed')
    return errorReply(error, request.requestId)
  }
}

/** Resolves once what was read so far is parsed. */
function parsed(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Writes the answer. Where it comes before the end of the request's body, as a refusal does, the rest is read and dropped: a
 * short rest while the connection is kept, of a long one as much as is bearable before it is closed (RFC 9112, 9.6). Closing
 * at once would reset the connection, and the client would not see the answer.
 */
function send(
  exchange: Exchange,
  reply: HttpReply,
  requestId: string,
  { lingerMs }: Limits,
  { isDraining }: Life,
): void {
  const { message, response, behind } = exchange
  const left = leftOf(exchange)
  const lingers = left > MAX_DRAINED
  const body = reply.body ?? ''
  const headers: Record<string, string | number> = {
    [REQUEST_ID_HEADER]: requestId,
    'x-content-type-options': 'nosniff',
    ...reply.headers,
  }
  if (!BODILESS.has(reply.status)) headers['content-length'] = Buffer.byteLength(body)
  if (exchange.isLast || lingers || (isDraining && behind.length === 0)) headers.connection = 'close'
  response.writeHead(reply.status, headers)
  const written = message.method === 'HEAD' ? '' : body
  if (!lingers) {
    response.end(written)
    if (left > 0) message.resume()
    return
  }
  // Whole by its length, but the response is not ended: Node would close both directions then.
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

/** How many bytes of its body a request has still to send, at most. */
function leftOf({ message, expectsContinue }: Exchange): number {
  if (message.complete) return 0
  if (expectsContinue) return Number.POSITIVE_INFINITY // nobody has told it to go on, but it may
  return Number(message.headers['content-length'] ?? Number.POSITIVE_INFINITY)
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
  const closed = new Promise<void>((resolve) => server.close(() => resolve())) // and the idle ones with it
  // Browsers open connections in advance. Nothing came on them, so nothing is lost.
  const silent = setTimeout(() => {
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  }, NOTHING_SENT_MS)
  const cutOff = setTimeout(() => {
    log.warn({ connections: sockets.size }, 'ending: requests that took too long were cut off')
    server.closeAllConnections()
  }, CUT_OFF_MS)
  await closed
  clearTimeout(silent)
  clearTimeout(cutOff)
}
