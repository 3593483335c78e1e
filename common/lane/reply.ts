// Writes the reply of an answer: media type, caching headers, 304, compression. Every choice that depends on a header of the request is in
// `vary`.

import { promisify } from 'node:util'
import { brotliCompress, brotliCompressSync, constants, gzip, gzipSync } from 'node:zlib'
import Negotiator from 'negotiator'
import { remembered } from '../../engine/remembered.ts'
import type { LaneApp } from '../apps/apps.ts'
import { corsHeaders } from '../http/cors.ts'
import type { HttpReply, HttpRequest } from '../http/server.ts'

export const NO_STORE = 'no-store'

/**
 * Answers of at least so many characters are compressed. `npm run bench -- compression` measures why. At 4 KB, compression takes half the
 * time of a request and saves two of three packets. At 2 KB, it takes the same time and saves one of two.
 */
export const COMPRESSED_FROM = 4_096
/** A longer answer is compressed in a thread of the pool, so that it does not hold up other requests. */
const COMPRESSED_AT_ONCE = 256 * 1024

const PLAIN_TYPE = 'application/json; charset=utf-8'
const RESPONSE_TYPE = 'application/graphql-response+json; charset=utf-8'
const MEDIA_TYPES = ['application/json', 'application/graphql-response+json']

/**
 * The media type of an answer, by the `accept` header with its q-values (https://graphql.github.io/graphql-over-http). A client that
 * names neither type gets `application/json`.
 */
export function responseType({ headers: { accept } }: Pick<HttpRequest, 'headers'>): string {
  return accept === undefined ? PLAIN_TYPE : typeOf(accept)
}

const typeOf = remembered((accept) =>
  new Negotiator({ headers: { accept } }).mediaType(MEDIA_TYPES) === MEDIA_TYPES[1] ? RESPONSE_TYPE : PLAIN_TYPE,
)

type Encoding = 'br' | 'gzip' | 'identity'

const encodingOf = remembered((accepted): Encoding => {
  const negotiator = new Negotiator({ headers: { 'accept-encoding': accepted } }) as unknown as EncodingNegotiator
  return negotiator.encoding(['br', 'gzip', 'identity'], { preferred: ['br', 'gzip'] }) ?? 'identity'
})

/** Brotli costs least at the same size. The types of the library do not know `preferred` yet. */
type EncodingNegotiator = {
  encoding(available: Encoding[], options: { preferred: Encoding[] }): Encoding | undefined
}

/** Whether and how an answer is kept for another request depends on these headers. */
export const VARY = 'accept, accept-encoding, origin'

/** The headers of every answer to an app. */
export function answerHeaders(request: HttpRequest, app: LaneApp, cacheControl: string): Record<string, string> {
  const { origin } = request.headers
  const type = responseType(request)
  if (origin === undefined) return { 'content-type': type, 'cache-control': cacheControl, vary: VARY }
  return {
    'content-type': type,
    'cache-control': cacheControl,
    ...corsHeaders(origin, allowsPage(app, origin)),
    vary: VARY,
  }
}

export function allowsPage({ corsOrigins }: LaneApp, origin: string | undefined): boolean {
  return origin !== undefined && (corsOrigins.includes('*') || corsOrigins.includes(origin))
}

/**
 * The reply when nothing failed. An answer that may be kept has an `ETag`. A client that sends this `ETag` in `if-none-match` gets 304
 * without a body (RFC 9110, 13.1.2).
 *
 * @param tag equal bodies have an equal tag. Undefined: no `ETag`.
 * @param extraBytes how many bytes the body has in UTF-8 beyond one for each character. Undefined: not known.
 */
export function wholeReply(
  request: HttpRequest,
  { body, tag, extraBytes }: { body: string; tag?: string | undefined; extraBytes?: number | undefined },
  headers: Record<string, string>,
): HttpReply | Promise<HttpReply> {
  const encoding = chooseEncoding(request, isLong(body))
  if (tag !== undefined && headers['cache-control'] !== NO_STORE) {
    headers.etag = etagOf(tag, headers['content-type']!, encoding)
    if (showsTag(request, headers.etag)) return { status: 304, headers }
  }
  if (encoding === 'identity') {
    return extraBytes === undefined
      ? { status: 200, headers, body }
      : { status: 200, headers, body, byteLength: body.length + extraBytes }
  }
  headers['content-encoding'] = encoding
  return compressed(body, encoding, headers)
}

/**
 * The reply to a client that shows the tag of an answer which still holds, without its body. Undefined: it shows another tag, so it needs
 * the body.
 */
export function notModified(
  request: HttpRequest,
  { tag, isLong }: { tag: string; isLong: boolean },
  headers: Record<string, string>,
): HttpReply | undefined {
  headers.etag = etagOf(tag, headers['content-type']!, chooseEncoding(request, isLong))
  return showsTag(request, headers.etag) ? { status: 304, headers } : undefined
}

/** Whether a body is so long that it is compressed for clients that accept this. */
export function isLong(body: string): boolean {
  return body.length >= COMPRESSED_FROM
}

function chooseEncoding({ headers }: HttpRequest, isLong: boolean): Encoding {
  const accepted = headers['accept-encoding']
  return isLong && accepted !== undefined ? encodingOf(String(accepted)) : 'identity'
}

/** Each media type and each encoding has its own `ETag`, because their bytes differ. */
function etagOf(tag: string, type: string, encoding: Encoding): string {
  return `"${tag}${type === PLAIN_TYPE ? '' : 'r'}${encoding === 'identity' ? '' : encoding[0]}"`
}

/** `if-none-match` is `*`, one tag, or a list. Weak tags count as well. */
function showsTag({ method, headers }: HttpRequest, etag: string): boolean {
  const shown = headers['if-none-match']
  if (shown === undefined || method === 'POST') return false
  if (shown === etag) return true
  return shown.split(',').some((one) => {
    const tag = one.trim()
    return tag === '*' || tag === etag || (tag.startsWith('W/') && tag.slice(2) === etag)
  })
}

const gzipLater = promisify(gzip)
const brotliLater = promisify<string, object, Buffer>(brotliCompress)
/** The lowest levels: the texts of an answer repeat so much that higher ones save little, and cost three times as much. */
const GZIP = { level: 1 }
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }

function compressed(
  body: string,
  encoding: 'br' | 'gzip',
  headers: Record<string, string>,
): HttpReply | Promise<HttpReply> {
  if (body.length <= COMPRESSED_AT_ONCE) {
    const bytes = encoding === 'br' ? brotliCompressSync(body, BROTLI) : gzipSync(body, GZIP)
    return { status: 200, headers, bytes }
  }
  const later = encoding === 'br' ? brotliLater(body, BROTLI) : gzipLater(body, GZIP)
  return later.then((bytes) => ({ status: 200, headers, bytes }))
}
