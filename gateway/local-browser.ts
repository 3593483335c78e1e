// Decides whether a request comes from a browser on this machine. Some pages are only for such a browser, since they hold a
// development token. Everything else is refused. A stranger's request can be recognised as follows:
//   - from another machine (HOST is not a loopback address): its remote address is not a loopback address
//   - through a foreign name that resolves to this machine (DNS rebinding): `Host` has that name
//   - through a proxy on this machine: it adds a header, or speaks HTTP/1.0, as nginx does by default
//   - from a script, an image or a frame on a page of another origin: the browser adds headers that say so

import { BlockList, isIP, isIPv4 } from 'node:net'
import Negotiator from 'negotiator'
import type { HttpRequest } from '../common/http/server.ts'

/** What a GET of `/graphql` can be answered with. The first is chosen when the client accepts all of them. */
const MEDIA_TYPES = ['application/json', 'application/graphql-response+json', 'text/html']

/** Whether a browser asks for a page, by RFC 9110. `text/html`, `TEXT/HTML` and `text/*` count; a bare wildcard does not. */
export function wantsPage({ method, headers }: HttpRequest): boolean {
  if (method !== 'GET' || headers.accept === undefined) return false
  return new Negotiator({ headers: { accept: headers.accept } }).mediaType(MEDIA_TYPES) === 'text/html'
}

/** Undefined for a browser on this machine whose user opens the page directly. Otherwise the reason for the refusal. */
export function whyNotLocal(request: HttpRequest): string | undefined {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-dest': destination } = request.headers
  const reason = whyNotThisMachine(request)
  if (reason !== undefined) return reason
  if (origin !== undefined) return 'a script asked for it'
  if (!isOneOf(site, ['none', 'same-origin'])) return 'a page of another origin asked for it'
  if (!isOneOf(destination, ['document', 'empty'])) return 'it was asked for as a part of another page'
  return undefined
}

/** The same, but links from other sites are allowed. For pages that hold no token. */
export function whyNotThisMachine({ headers, socket, httpVersion }: HttpRequest): string | undefined {
  if (!isLoopback(socket?.remoteAddress)) return 'it was asked for from another machine'
  if (!isOurName(headers.host, socket?.localPort))
    return 'it was asked for by another name than this machine has for itself'
  const proxy = Object.keys(headers).find((name) => FROM_A_PROXY.test(name))
  if (proxy !== undefined || httpVersion !== '1.1') return 'it was asked for through a proxy'
  return undefined
}

/** Headers that proxies add. A browser that opens a page sends none of them. */
const FROM_A_PROXY = /^(x-.*|forwarded|via|cf-.*|.*-(client|connecting)-ip)$/

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** `::ffff:127.0.0.1` counts too: a socket for IPv4 and IPv6 names IPv4 callers in this way. */
function isLoopback(address: string | undefined): boolean {
  const family = isIP(address ?? '')
  return family !== 0 && loopback.check(address!, family === 4 ? 'ipv4' : 'ipv6')
}

/** Exactly `localhost:4000`, `127.0.0.1:4000` or `[::1]:4000`: no trailing dot, no other notation, no other port. */
function isOurName(host: string | undefined, localPort: number | undefined): boolean {
  const [, name, port] = /^(localhost|[\d.]+|\[::1\])(?::(\d{1,5}))?$/i.exec(host ?? '') ?? []
  if (name === undefined || (port !== undefined && Number(port) !== localPort)) return false
  return !/^\d/.test(name) || (isIPv4(name) && isLoopback(name))
}

/** A missing header is fine, since older browsers do not send it. A present one can be trusted, since no script can set it. */
function isOneOf(value: string | string[] | undefined, allowed: readonly string[]): boolean {
  return value === undefined || (typeof value === 'string' && allowed.includes(value))
}
