// A serving lane in other processes: it passes a request of an app to one of the lane's nodes, and the answer back, unchanged. It
// uses undici's `dispatch`, which makes no stream and no promise for a request.
//
// A request is sent again, to the next node, only where that is right:
// - When no byte of it was sent (the connection was refused): always. Nothing can have happened.
// - When it is a GET, or the lane only reads: after every failure, and after a 503, which a node answers instead of doing the work.
// - When it may change something (`recordEvents`) and was sent: never. The app sends it again, with the same event ids, so nothing
//   is counted twice. A repetition here would double the load of a service that is slow already.

import type { IncomingHttpHeaders } from 'node:http'
import { Counter, Gauge } from 'prom-client'
import type { Dispatcher } from 'undici'
import { AlkaidError, HttpError } from '../common/base/errors.ts'
import type { Metrics } from '../common/base/metrics.ts'
import { REQUEST_ID_HEADER } from '../common/base/request-id.ts'
import type { HttpReply, HttpRequest } from '../common/http/server.ts'
import { operationsOn, type PersistedOperations } from '../common/lane/persisted-operations.ts'
import type { Finding } from '../common/service/health.ts'
import { createNodes, type Failure, MAX_PROBE_MS, type Node, type Nodes } from './nodes.ts'
import { haveOnlyQueries, type RelayLane } from './relay.ts'

export type RemoteLane = RelayLane & {
  nodes: Nodes
  /** Requests that were sent to a second or third node. */
  repeats(): number
  close(): Promise<void>
}

export type RemoteLaneOptions = {
  /** The name of the service. */
  name: string
  /** The base URLs of its nodes, without a slash at the end. */
  urls: readonly string[]
  /** All persisted operations. */
  operations: PersistedOperations
  /** The root fields that the service answers. */
  rootFields: readonly string[]
  /** How long one node may take, in ms. By default 2 s for a lane that only reads, which answers from memory, otherwise 12 s. */
  timeoutMs?: number
  /** Requests under way at one node. */
  maxOutstanding?: number
}

const READ_MS = 2_000
const WRITE_MS = 12_000
const CONNECT_MS = 1_000
const MAX_OUTSTANDING = 256
/** How many nodes one request is sent to, at most. */
const MAX_ATTEMPTS = 3
const MAX_ANSWER_BYTES = 32 * 1024 * 1024
/** A browser holds back the real request until the preflight is answered, so a preflight waits at most this long. */
const PREFLIGHT_MS = 1_000

/** `handle` rejects with UNAVAILABLE or TIMEOUT when no node answered. */
export function remoteLane(options: RemoteLaneOptions): RemoteLane {
  const { name, urls, rootFields, maxOutstanding = MAX_OUTSTANDING } = options
  const operations = operationsOn(options.operations, rootFields)
  const readsOnly = haveOnlyQueries(operations)
  const timeoutMs = options.timeoutMs ?? (readsOnly ? READ_MS : WRITE_MS)
  const nodes = createNodes({ name, urls, maxOutstanding, connectMs: CONNECT_MS })
  let repeats = 0

  function forward(message: Message, socket: HttpRequest['socket'], ms: number): Promise<HttpReply> {
    return new Promise((resolve, reject) => {
      const node = nodes.take()
      if (!node) return reject(noNode(nodes))
      const call = { ...message, socket, timeoutMs: ms, tried: [], resolve, reject }
      new Attempt(node, call, nodes, failed).begin()
    })
  }

  function failed(call: Call, node: Node, { failure, sent, reply, answersBefore }: FailedAttempt): void {
    nodes.failed(node, failure, answersBefore)
    call.tried.push(node)
    const other = call.isRepeatable || !sent ? takeOther(call.tried, failure) : undefined
    if (other) {
      repeats += 1
      new Attempt(other, call, nodes, failed).begin()
    } else if (reply) call.resolve(reply)
    else call.reject(explain(name, failure, call.timeoutMs))
  }

  /** A node that was not tried yet. Once, after a broken connection, the same node: over a new connection it may answer. */
  function takeOther(tried: readonly Node[], failure: Failure): Node | undefined {
    if (tried.length >= MAX_ATTEMPTS) return undefined
    const node = nodes.take(tried)
    if (!node || !tried.includes(node) || (failure === 'closed' && tried.length === 1)) return node
    nodes.release(node)
    return undefined
  }

  return {
    name,
    operations,
    readsOnly,
    nodes,
    repeats: () => repeats,
    handle(request) {
      const { method, search, requestId, socket } = request
      const headers = [REQUEST_ID_HEADER, requestId]
      for (const header of FORWARDED_HEADERS) {
        const value = request.headers[header]
        if (value !== undefined) headers.push(header, String(value))
      }
      const path = search === '' ? '/graphql' : `/graphql?${search}`
      if (method !== 'POST') {
        return forward({ method: 'GET', path, headers, body: null, isRepeatable: true }, socket, timeoutMs)
      }
      headers.push('content-type', 'application/json') // `body()` has read any other type and encoding
      return request
        .body()
        .then((body) => forward({ method, path, headers, body, isRepeatable: readsOnly }, socket, timeoutMs))
    },
    async allowsOrigin(origin) {
      const headers = ['origin', origin, 'access-control-request-method', 'POST']
      const preflight = { method: 'OPTIONS', path: '/graphql', headers, body: null, isRepeatable: true } as const
      const { status } = await forward(preflight, undefined, PREFLIGHT_MS)
      if (status === 204 || status === 403) return status === 204
      throw new AlkaidError('UNAVAILABLE', `The service ${name} cannot tell which origins are allowed`)
    },
    close: () => nodes.close(),
  }
}

/** Request headers that change what a lane answers. */
const FORWARDED_HEADERS = ['accept', 'accept-encoding', 'if-none-match', 'origin', 'x-app-key'] as const

/** Response headers that clients and caches use. The server of the gateway adds the request id, which is the same. */
const RETURNED_HEADERS = [
  'accept',
  'accept-encoding',
  'access-control-allow-origin',
  'access-control-expose-headers',
  'allow',
  'cache-control',
  'content-encoding',
  'content-type',
  'etag',
  'retry-after',
  'vary',
  'www-authenticate',
] as const

type Message = {
  method: 'GET' | 'POST' | 'OPTIONS'
  path: string
  /** Names and values in turn. */
  headers: string[]
  body: string | null
  /** Sending it twice does no harm. */
  isRepeatable: boolean
}

type Call = Message & {
  /** The connection of the client. */
  socket: HttpRequest['socket']
  timeoutMs: number
  tried: Node[]
  resolve(reply: HttpReply): void
  reject(error: Error): void
}

type FailedAttempt = {
  failure: Failure
  /** Something of the request may have reached the node. */
  sent: boolean
  /** The answer of a busy node. */
  reply?: HttpReply
  /** Answers of the node when the attempt began. */
  answersBefore: number
}

/** What nobody will read, because the client has left. The number is nginx's. */
const CLIENT_LEFT: HttpReply = { status: 499 }

/** One request at one node. */
class Attempt implements Dispatcher.DispatchHandler {
  private readonly node: Node
  private readonly call: Call
  private readonly nodes: Nodes
  private readonly failed: (call: Call, node: Node, failed: FailedAttempt) => void
  private readonly answersBefore: number
  private readonly clientLeft = () => {
    if (this.end()) this.call.resolve(CLIENT_LEFT)
    this.controller?.abort(new Error('the client left')) // closes the connection, so that the node can stop its work
  }
  private timer: NodeJS.Timeout | undefined
  /** Undefined until the request is sent. */
  private controller: Dispatcher.DispatchController | undefined
  private isOver = false
  private status = 0
  private headers: IncomingHttpHeaders = {}
  private chunks: Buffer[] = []
  private size = 0

  constructor(node: Node, call: Call, nodes: Nodes, failed: Attempt['failed']) {
    this.node = node
    this.answersBefore = node.answers
    this.call = call
    this.nodes = nodes
    this.failed = failed
  }

  begin(): void {
    const { method, path, headers, body, socket, timeoutMs } = this.call
    this.timer = setTimeout(() => this.fail('timeout'), timeoutMs)
    socket?.once?.('close', this.clientLeft)
    this.node.pool.dispatch({ method, path: this.node.prefix + path, headers, body }, this)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.isOver) controller.abort(new Error('the request ended before it was sent'))
    else this.controller = controller
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.status = status
    this.headers = headers
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.size += chunk.length
    if (this.size > MAX_ANSWER_BYTES) this.fail('closed')
    else this.chunks.push(chunk)
  }

  onResponseEnd(): void {
    if (!this.end()) return
    const { status, chunks, headers } = this
    const reply: HttpReply = { status, headers: pickHeaders(headers) }
    if (chunks.length > 0) reply.bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    const { answersBefore } = this
    if (status === 503) this.failed(this.call, this.node, { failure: 'busy', sent: true, reply, answersBefore })
    else {
      this.nodes.answered(this.node)
      this.call.resolve(reply)
    }
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if ((error as NodeJS.ErrnoException).code === 'UND_ERR_CONNECT_TIMEOUT') this.fail('timeout')
    else this.fail(this.controller ? 'closed' : 'refused')
  }

  private fail(failure: Failure): void {
    if (!this.end()) return
    this.controller?.abort(new Error(`the attempt failed: ${failure}`))
    const { answersBefore } = this
    this.failed(this.call, this.node, { failure, sent: this.controller !== undefined, answersBefore })
  }

  /** False when it has ended before. */
  private end(): boolean {
    if (this.isOver) return false
    this.isOver = true
    clearTimeout(this.timer)
    this.call.socket?.off?.('close', this.clientLeft)
    this.nodes.release(this.node)
    return true
  }
}

function pickHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const picked: Record<string, string> = {}
  for (const name of RETURNED_HEADERS) {
    const value = headers[name]
    if (value !== undefined) picked[name] = String(value) // undici has a list for a header that comes twice
  }
  return picked
}

function explain(name: string, failure: Failure, timeoutMs: number): AlkaidError {
  if (failure === 'timeout')
    return new AlkaidError('TIMEOUT', `The service ${name} did not answer within ${timeoutMs} ms: try again`)
  return unavailable(`The service ${name} is out of reach: try again`)
}

function noNode({ name, size, counts }: Nodes): AlkaidError {
  const { hung } = counts()
  if (hung < size) return unavailable(`The service ${name} is busy: too many requests are under way. Try again`)
  return unavailable(`The service ${name} did not answer in time. It is asked again within ${MAX_PROBE_MS / 1000} s`)
}

function unavailable(message: string): HttpError {
  return new HttpError(503, 'UNAVAILABLE', message, { 'retry-after': '1' })
}

/** For `/readyz`: the gateway stays ready, since a lane without nodes costs only the requests of apps. */
export function relayFinding(lanes: readonly RemoteLane[]): Finding {
  const counted = lanes.map(({ name, nodes }) => ({ name, ...nodes.counts() }))
  const degraded = counted.filter(({ skipped, hung }) => skipped + hung > 0)
  return {
    ...Object.fromEntries(counted.map(({ name, ...counts }) => [name, counts])),
    warning: degraded.map(
      ({ name, healthy, skipped, hung }) =>
        `${skipped + hung} of ${healthy + skipped + hung} nodes of ${name} are not healthy, and are asked again every few seconds`,
    ),
  }
}

export function measureRelay({ registry }: Metrics, lanes: readonly RemoteLane[]): void {
  new Gauge({
    name: 'alkaid_gateway_relay_nodes',
    help: 'Nodes to which the gateway relays requests of apps, by lane and state: healthy, skipped or hung.',
    labelNames: ['lane', 'state'],
    registers: [registry],
    collect() {
      for (const { name, nodes } of lanes)
        for (const [state, count] of Object.entries(nodes.counts())) this.set({ lane: name, state }, count)
    },
  })
  new Counter({
    name: 'alkaid_gateway_relay_repeats_total',
    help: 'Requests of apps that were sent to another node, because one failed, by lane.',
    labelNames: ['lane'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { name, repeats } of lanes) this.inc({ lane: name }, repeats())
    },
  })
}
