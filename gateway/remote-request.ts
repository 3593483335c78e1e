// One HTTP request to a service in another process: connections are kept alive, the time and the size of an answer are
// bounded. What goes wrong is UNAVAILABLE or TIMEOUT, with the service's name.

import { Agent as HttpAgent, type IncomingHttpHeaders, type RequestOptions, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { AlkaidError } from '../common/base/errors.ts'

export type RemoteRequest = {
  method: string
  /** With the search, as `/graphql?x=1`. */
  path: string
  headers: Record<string, string>
  body?: string | undefined
  /** In place of the usual time. */
  timeoutMs?: number
}

export type RemoteAnswer = { status: number; headers: IncomingHttpHeaders; body: string }

/** A service elsewhere. */
export type Remote = {
  name: string
  /** Rejects with UNAVAILABLE or TIMEOUT. */
  send(request: RemoteRequest): Promise<RemoteAnswer>
  /** Closes what is kept open. */
  close(): void
}

export type RemoteOptions = {
  name: string
  /** Base URL, without a slash at its end. */
  url: string
  timeoutMs?: number
  maxBytes?: number
}

/** The funnel: a client waits 30 s, the gateway this long, a subgraph 11 s. */
const TIMEOUT_MS = 12_000
const MAX_BYTES = 32 * 1024 * 1024
/** Requests at once to one service; more wait. */
const MAX_SOCKETS = 256

export function remoteService(options: RemoteOptions): Remote {
  const { name, url, maxBytes = MAX_BYTES } = options
  const base = new URL(url)
  const isSecure = base.protocol === 'https:'
  // Node closes an idle connection a second before the server said that it would: none is reused while it is closed.
  const kept = { keepAlive: true, maxSockets: MAX_SOCKETS, scheduling: 'lifo' } as const
  const agent = isSecure ? new HttpsAgent(kept) : new HttpAgent(kept)
  const prefix = base.pathname === '/' ? '' : base.pathname

  async function send(remote: RemoteRequest): Promise<RemoteAnswer> {
    const { method, path, headers, body, timeoutMs = options.timeoutMs ?? TIMEOUT_MS } = remote
    const signal = AbortSignal.timeout(timeoutMs)
    const length: Record<string, string> = body === undefined ? {} : { 'content-length': `${Buffer.byteLength(body)}` }
    try {
      const request = { agent, method, signal, headers: { ...headers, ...length } }
      return await exchange(isSecure, new URL(`${base.origin}${prefix}${path}`), request, body, maxBytes)
    } catch (error) {
      if (signal.aborted) throw new AlkaidError('TIMEOUT', `The service ${name} did not answer within ${timeoutMs} ms`)
      const reason = error instanceof TooLarge ? `answered more than ${maxBytes} bytes` : 'is out of reach'
      throw new AlkaidError('UNAVAILABLE', `The service ${name} ${reason}`)
    }
  }

  return { name, send, close: () => agent.destroy() }
}

class TooLarge extends Error {}

function exchange(
  isSecure: boolean,
  url: URL,
  options: RequestOptions,
  body: string | undefined,
  maxBytes: number,
): Promise<RemoteAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = (isSecure ? requestHttps : requestHttp)(url, options, (incoming) => {
      const chunks: Buffer[] = []
      let size = 0
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) outgoing.destroy(new TooLarge())
        else chunks.push(chunk)
      })
      incoming.once('error', reject)
      incoming.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text })
      })
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}
