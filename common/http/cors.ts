// CORS (https://fetch.spec.whatwg.org/#http-cors-protocol): calls by browsers and web views of other origins. The gateway and the lanes
// both use this file. Requests carry a key or a token in a header, and never cookies. So there is no `access-control-allow-credentials`,
// and a page has only the rights of the key or token that it sends.

import { AlkaidError } from '../base/errors.ts'
import { errorReply, type HttpReply, type HttpRequest } from './server.ts'

/** Request headers that pages may send: their own, those of Apollo's clients, and those of tracing libraries. */
const REQUEST_HEADERS = [
  ...['accept', 'accept-language', 'authorization', 'cache-control', 'content-encoding', 'content-language'],
  ...['content-type', 'if-none-match', 'pragma', 'x-app-key', 'x-request-id', 'x-requested-with'],
  // Apollo Client, Apollo iOS and Apollo Kotlin
  ...['apollo-require-preflight', 'apollographql-client-name', 'apollographql-client-version'],
  ...['apollographql-library-name', 'apollographql-library-version', 'graphql-require-preflight'],
  ...['x-apollo-operation-id', 'x-apollo-operation-name', 'x-apollo-operation-type'],
  // W3C Trace Context and OpenTelemetry, Sentry, Datadog, Zipkin, Jaeger, AWS, Google, Azure, New Relic, Elastic
  ...['baggage', 'traceparent', 'tracestate', 'sentry-trace'],
  ...['x-datadog-origin', 'x-datadog-parent-id', 'x-datadog-sampling-priority', 'x-datadog-tags', 'x-datadog-trace-id'],
  ...['b3', 'x-b3-flags', 'x-b3-parentspanid', 'x-b3-sampled', 'x-b3-spanid', 'x-b3-traceid', 'uber-trace-id'],
  ...[
    'x-amzn-trace-id',
    'x-cloud-trace-context',
    'request-context',
    'request-id',
    'newrelic',
    'elastic-apm-traceparent',
  ],
].join(', ')

/** Response headers that pages may read. */
const EXPOSED_HEADERS = 'cache-control, etag, retry-after, www-authenticate, x-request-id'

/** How long a browser may cache the answer to a preflight, in seconds. Chrome's maximum. */
const PREFLIGHT_SECONDS = '7200'

/** The answer to OPTIONS. Rejects when `allowsOrigin` rejects. */
export async function answerOptions(
  request: HttpRequest,
  allowsOrigin: (origin: string) => boolean | Promise<boolean>,
): Promise<HttpReply> {
  const { origin } = request.headers
  if (origin === undefined) return { status: 204, headers: { allow: 'GET, HEAD, POST, OPTIONS' } }
  if (!(await allowsOrigin(origin))) return withCors(refusal(request, origin), origin, false)
  return {
    status: 204,
    headers: {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD, POST',
      'access-control-allow-headers': REQUEST_HEADERS,
      'access-control-max-age': PREFLIGHT_SECONDS,
      vary: 'origin',
    },
  }
}

/** The headers with which a page of an allowed origin can read an answer. `vary` is always set, so that caches separate origins. */
export function corsHeaders(origin: string | undefined, isAllowed: boolean): Record<string, string> {
  if (origin === undefined || !isAllowed) return { vary: 'origin' }
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED_HEADERS, vary: 'origin' }
}

/**
 * Whether a page of this origin may read a refusal. False when that is unknown at the moment. The refusal is sent in any case, and a
 * caller that is not a browser can read it.
 */
export async function mayRead(
  origin: string | undefined,
  allowsOrigin: (origin: string) => boolean | Promise<boolean>,
): Promise<boolean> {
  if (origin === undefined) return false
  try {
    return await allowsOrigin(origin)
  } catch {
    return false
  }
}

/** Adds `corsHeaders` to a reply. */
export function withCors(reply: HttpReply, origin: string | undefined, isAllowed: boolean): HttpReply {
  const vary = [reply.headers?.vary, 'origin'].filter(Boolean).join(', ')
  return { ...reply, headers: { ...reply.headers, ...corsHeaders(origin, isAllowed), vary } }
}

/** A developer reads this in the network panel of the browser. */
function refusal({ requestId }: HttpRequest, origin: string): HttpReply {
  const page = `Pages of the origin ${JSON.stringify(origin)} may not call`
  const what = 'add it to `corsOrigins` of the app by updateApp; for calls with a token, to the setting CORS_ORIGINS'
  return errorReply(new AlkaidError('FORBIDDEN', `${page}: ${what}`), requestId)
}

/**
 * Whether a text is an origin in the form of browsers and web views. It has a scheme, a host and perhaps a port, in lower case. Examples:
 * `https://shop.example`, `capacitor://localhost`. A wildcard such as `https://*.example` is refused, since no browser sends it.
 */
export function isOrigin(text: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\/(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:\d{1,5})?$/.test(text)) return false
  const url = URL.parse(text)
  if (!url) return false
  // For http and https, `URL.origin` is what a browser sends: without the default port, for example.
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:'
  return isWeb ? url.origin === text : !NO_ORIGIN.has(url.protocol)
}

/** Pages with these schemes have no origin of their own. Browsers send another page's origin, or `null`. */
const NO_ORIGIN = new Set(['about:', 'blob:', 'data:', 'file:', 'filesystem:', 'ftp:', 'javascript:', 'ws:', 'wss:'])
