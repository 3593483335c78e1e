// Browsers and web views of other origins (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol): the one implementation, for
// the gateway and for the lanes. Requests bring a key or a token in a header and never cookies, so there is no
// `access-control-allow-credentials`: a page has no rights beside those that it brings.

import { AlkaidError } from '../base/errors.ts'
import { errorReply, type HttpReply, type HttpRequest } from './server.ts'

/** What pages may send: themselves, by Apollo's clients, and by what traces requests. */
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

/** What pages may read of an answer, beside its body. */
const EXPOSED_HEADERS = 'cache-control, etag, retry-after, www-authenticate, x-request-id'

/** How long a browser may keep the answer to a preflight, in seconds; Chrome keeps none longer. */
const PREFLIGHT_SECONDS = '7200'

/** The answer to OPTIONS. Rejects where `allowsOrigin` does. */
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

/** What lets a page of this origin read an answer, where it may. Caches must tell origins apart in any case. */
export function corsHeaders(origin: string | undefined, isAllowed: boolean): Record<string, string> {
  if (origin === undefined || !isAllowed) return { vary: 'origin' }
  return { 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED_HEADERS, vary: 'origin' }
}

/** The same answer, with these headers. */
export function withCors(reply: HttpReply, origin: string | undefined, isAllowed: boolean): HttpReply {
  const vary = [reply.headers?.vary, 'origin'].filter(Boolean).join(', ')
  return { ...reply, headers: { ...reply.headers, ...corsHeaders(origin, isAllowed), vary } }
}

/** Who reads it is a developer, in the browser's list of requests. */
function refusal({ requestId }: HttpRequest, origin: string): HttpReply {
  const page = `Pages of the origin ${JSON.stringify(origin)} may not call`
  const what = 'add it to `corsOrigins` of the app by updateApp; for calls with a token, to the setting CORS_ORIGINS'
  return errorReply(new AlkaidError('FORBIDDEN', `${page}: ${what}`), requestId)
}

/**
 * Whether a text is an origin as browsers and web views send it: a scheme, a host and perhaps a port, in small letters and
 * nothing else, as `https://shop.example` or `capacitor://localhost`. No wildcards: they would allow nobody, in silence.
 */
export function isOrigin(text: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:\/\/(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:\d{1,5})?$/.test(text)) return false
  const url = URL.parse(text)
  if (!url) return false
  // The standard knows the ports and hosts of these; `origin` is how a browser writes them.
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:'
  return isWeb ? url.origin === text : !NO_ORIGIN.has(url.protocol)
}

/** Pages under these have no origin of their own; browsers send that of somebody else, or `null`. */
const NO_ORIGIN = new Set(['about:', 'blob:', 'data:', 'file:', 'filesystem:', 'ftp:', 'javascript:', 'ws:', 'wss:'])
