// A plain node:http server with a table of routes. What a handler throws becomes a coded JSON error.

import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { AlkaidError, ERROR_CODES, knownCode, thrownErrors } from './errors.ts'
import type { Logger } from './log.ts'
import { REQUEST_ID_HEADER, withRequestId } from './request-id.ts'

export type HttpReply = { status: number; headers?: Record<string, string>; body?: string }
export type HttpRequest = {
  method: string
  path: string
  /** Without the `?`. */
  search: string
  headers: IncomingMessage['headers']
  /** As the client speaks it: `1.1`. */
  httpVersion?: string
  /** The two ends of the connection it came by; undefined where there was none. */
  socket?: { readonly remoteAddress?: string | undefined; readonly localPort?: number | undefined }
  /** Of the caller's `x-request-id` where it is well formed, else new. */
  requestId: string
  /** Reads the body as text; LIMIT_EXCEEDED over so many bytes (1 MB by default). */
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
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 30_000
/** Without a byte in either direction, an answer that nobody reads among them. */
const SILENCE_MS = 30_000
/** At the end: until requests under way are cut off (the gateway answers within 12 s), and connections without one. */
const CUT_OFF_MS = 15_000
const NOTHING_SENT_MS = 1_000

export type ListenOptions = {
  host: string
  port: number
  log: Logger
  /** Called once a request is answered. */
  onAnswer?: ((request: HttpRequest, status: number, ms: number) => void) | undefined
}

/** Listens at once; rejects with EADDRINUSE and the like. */
export async function listen(options: ListenOptions, handle: Handler): Promise<HttpServer> {
  const { host, port } = options
  const life = { isDraining: false }
  const answering = { ...options, life }
  const server = createServer((message, response) => {
    const request = toRequest(message)
    void withRequestId(request.requestId, () => answer(request, message, response, handle, answering))
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
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
  return {
    status: ERROR_CODES[knownCode(errors[0]!)].status,
    headers: { 'content-type': contentType },
    body: JSON.stringify({ errors }),
  }
}

async function answer(
  request: HttpRequest,
  message: IncomingMessage,
  response: ServerResponse,
  handle: Handler,
  { log, onAnswer, life }: ListenOptions & { life: { isDraining: boolean } },
): Promise<void> {
  const began = performance.now()
  let reply: HttpReply
  try {
    reply = await handle(request)
  } catch (error) {
    if (message.destroyed && !message.complete) return // whoever sent half of it has gone
    reply = errorReply(error, request.requestId)
    if (!(error instanceof AlkaidError)) log.error({ err: error, path: request.path }, 'request failed')
  }
  const body = reply.body ?? ''
  response.writeHead(reply.status, {
    [REQUEST_ID_HEADER]: request.requestId,
    'x-content-type-options': 'nosniff',
    'content-length': Buffer.byteLength(body),
    ...reply.headers,
    ...(life.isDraining && { connection: 'close' }),
  })
  response.end(message.method === 'HEAD' ? undefined : body)
  onAnswer?.(request, reply.status, performance.now() - began)
}

function toRequest(message: IncomingMessage): HttpRequest {
  const target = message.url ?? '/'
  const question = target.indexOf('?')
  const given = message.headers[REQUEST_ID_HEADER]
  return {
    method: message.method ?? 'GET',
    path: question < 0 ? target : target.slice(0, question),
    search: question < 0 ? '' : target.slice(question + 1),
    headers: message.headers,
    httpVersion: message.httpVersion,
    socket: message.socket,
    requestId: typeof given === 'string' && /^[\w.:-]{1,100}$/.test(given) ? given : randomUUID(),
    body: (maxBytes = MAX_BODY) => readBody(message, maxBytes),
  }
}

async function readBody(message: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new AlkaidError('LIMIT_EXCEEDED', `A request body may have at most ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
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
