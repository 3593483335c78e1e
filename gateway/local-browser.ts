// The one decision on who may be shown what is for this machine alone, as the token of development: a browser that runs on
// this machine and asks for the page by itself. Everything else is refused. A foreign page could come this way:
//   - from another machine, where HOST is not a loopback address: the caller's address is not one
//   - by a name of its own that resolves to this machine (DNS rebinding): `Host` has that name
//   - by a proxy on this machine that others reach: it says so in a header, or speaks HTTP/1.0, as nginx does by default
//   - by a script, an image or a frame on a page of another origin: the browser says so

import { BlockList, isIP, isIPv4 } from 'node:net'
import Negotiator from 'negotiator'
import type { HttpRequest } from '../common/http/server.ts'

/** What a server of GraphQL can answer a GET with; the first wins where the client does not care. */
const ANSWERS = ['application/json', 'application/graphql-response+json', 'text/html']

/** Whether a person's browser asks for a page, by RFC 9110: `text/html`, and also `text/*` or `TEXT/HTML`; not `*` alone. */
export function wantsPage({ method, headers }: HttpRequest): boolean {
  if (method !== 'GET' || headers.accept === undefined) return false
  return new Negotiator({ headers: { accept: headers.accept } }).mediaType(ANSWERS) === 'text/html'
}

/** Undefined for a browser on this machine whose user asks for the page itself; otherwise why it is taken for none. */
export function whyNotLocal(request: HttpRequest): string | undefined {
  const { origin, 'sec-fetch-site': site, 'sec-fetch-dest': destination } = request.headers
  const reason = whyNotThisMachine(request)
  if (reason !== undefined) return reason
  if (origin !== undefined) return 'a script asked for it'
  if (!isOneOf(site, ['none', 'same-origin'])) return 'a page of another origin asked for it'
  if (!isOneOf(destination, ['document', 'empty'])) return 'it was asked for as a part of another page'
  return undefined
}

/** The same for what may be shown to whoever sits at this machine, however they came: a link elsewhere may lead here. */
export function whyNotThisMachine({ headers, socket, httpVersion }: HttpRequest): string | undefined {
  if (!isLoopback(socket?.remoteAddress)) return 'it was asked for from another machine'
  if (!isOurName(headers.host, socket?.localPort))
    return 'it was asked for by another name than this machine has for itself'
  const proxy = Object.keys(headers).find((name) => FROM_A_PROXY.test(name))
  if (proxy !== undefined || httpVersion !== '1.1') return 'it was asked for through a proxy'
  return undefined
}

/** A browser that asks for a page sends none of these. */
const FROM_A_PROXY = /^(x-.*|forwarded|via|cf-.*|.*-(client|connecting)-ip)$/

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** `::ffff:127.0.0.1` among them: so a socket that listens for both kinds names a caller by IPv4. */
function isLoopback(address: string | undefined): boolean {
  const family = isIP(address ?? '')
  return family !== 0 && loopback.check(address!, family === 4 ? 'ipv4' : 'ipv6')
}

/** `localhost:4000`, `127.0.0.1:4000` or `[::1]:4000`, to the letter: no trailing dot, no other notation, no other port. */
function isOurName(host: string | undefined, localPort: number | undefined): boolean {
  const [, name, port] = /^(localhost|[\d.]+|\[::1\])(?::(\d{1,5}))?$/i.exec(host ?? '') ?? []
  if (name === undefined || (port !== undefined && Number(port) !== localPort)) return false
  return !/^\d/.test(name) || (isIPv4(name) && isLoopback(name))
}

/** Older browsers do not send these headers; the others say the truth, since no script can set them. */
function isOneOf(value: string | string[] | undefined, allowed: readonly string[]): boolean {
  return value === undefined || (typeof value === 'string' && allowed.includes(value))
}
