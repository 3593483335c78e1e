// Reads the text of a request: its body and its search. Text that is not UTF-8 is refused. Decoding would silently replace bytes, and
// reviewers would approve a text that nobody sent. The size is checked three times against one limit: `content-length`, the bytes
// that arrive, and the bytes after decompression.

import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { AlkaidError, badInput, HttpError } from '../base/errors.ts'

export type ReadOptions = {
  /** The limit of the body, before and after decompression. */
  maxBytes: number
  /** Called after the headers passed the checks, before the first byte is read. */
  begin(): void
}

/**
 * The body as JSON text, without a byte order mark. Throws:
 * - HttpError 415 for another media type, charset or encoding
 * - LIMIT_EXCEEDED for a body that is too long
 * - BAD_USER_INPUT for bytes that are not UTF-8, and when the client leaves before the end
 */
export async function readBody(message: IncomingMessage, { maxBytes, begin }: ReadOptions): Promise<string> {
  const { headers } = message
  const type = headers['content-type']
  if (type !== 'application/json') requireJson(type)
  const decode = decoderOf(headers)
  if (Number(headers['content-length']) > maxBytes) throw tooLong(maxBytes)
  begin()
  const bytes = await readBytes(message, maxBytes)
  const plain = decode ? await decompress(decode, bytes, maxBytes) : bytes
  if (!isUtf8(plain)) throw badInput('body', 'must be UTF-8: some of its bytes are not')
  const text = plain.toString('utf8')
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text
}

/** The parameters of a search (without `?`). Throws BAD_USER_INPUT when one comes twice, or is not percent-encoded UTF-8. */
export function readSearch(search: string): ReadonlyMap<string, string> {
  const found = splitSearch(search)
  for (const [name, encoded] of found) found.set(name, decodeParameter(name, encoded))
  return found
}

/** The same, with values as they are written. `decodeParameter` reads them. */
export function splitSearch(search: string): Map<string, string> {
  const found = new Map<string, string>()
  for (let from = 0; from < search.length; ) {
    const ampersand = search.indexOf('&', from)
    const to = ampersand < 0 ? search.length : ampersand
    if (to > from) {
      const equals = search.indexOf('=', from)
      const hasValue = equals >= 0 && equals < to
      const written = search.slice(from, hasValue ? equals : to)
      const name = USUAL_NAMES.has(written) ? written : decodeParameter('search', written)
      if (found.has(name)) throw badInput(name, 'must be given once')
      found.set(name, hasValue ? search.slice(equals + 1, to) : '')
    }
    from = to + 1
  }
  return found
}

/** The parameters of GraphQL over HTTP. They need no decoding. */
const USUAL_NAMES: ReadonlySet<string> = new Set(['query', 'operationName', 'variables', 'extensions'])
const BYTE_ORDER_MARK = 0xfeff

/** `+` means a space, as in HTML forms. Throws BAD_USER_INPUT. */
export function decodeParameter(name: string, text: string): string {
  if (text === '') return text
  // Other bytes than ASCII take two bytes in UTF-8. The parser of HTTP lets no control character pass.
  if (Buffer.byteLength(text) !== text.length)
    throw badInput('search', 'must be percent-encoded: it holds bytes other than printable ASCII')
  try {
    const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text
    return spaced.includes('%') ? decodeURIComponent(spaced) : spaced
  } catch {
    throw badInput(name, 'must be percent-encoded UTF-8, as encodeURIComponent writes it')
  }
}

function requireJson(type: string | undefined): void {
  const [media = '', ...parameters] = (type ?? '').split(';')
  if (!/^application\/(graphql\+)?json$/i.test(media.trim())) {
    throw unsupported('content-type', `must be application/json, not ${JSON.stringify(type ?? null)}`, {
      accept: 'application/json',
    })
  }
  for (const parameter of parameters) {
    const charset = /^\s*charset\s*(?:=\s*(.*?)\s*)?$/is.exec(parameter)
    if (charset && !/^("?)utf-?8\1$/i.test(charset[1] ?? '')) {
      throw unsupported('content-type', `must have the charset utf-8, not ${JSON.stringify(charset[1] ?? '')}`, {
        accept: 'application/json',
      })
    }
  }
}

type Decoder = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

const DECODERS: ReadonlyMap<string, Decoder> = new Map([
  ['gzip', promisify(gunzip) as Decoder],
  ['x-gzip', promisify(gunzip) as Decoder],
  ['deflate', promisify(inflate) as Decoder],
  ['br', promisify(brotliDecompress) as Decoder],
])

/** Undefined when the body is not compressed. */
function decoderOf({ 'content-encoding': encoding = '' }: IncomingHttpHeaders): Decoder | undefined {
  const name = encoding.trim().toLowerCase()
  if (name === '' || name === 'identity') return undefined
  const decoder = DECODERS.get(name)
  if (decoder) return decoder
  throw unsupported('content-encoding', `must be one of gzip, deflate and br, not ${JSON.stringify(encoding)}`, {
    'accept-encoding': 'gzip, deflate, br',
  })
}

/** Stops at the limit. So a small body that decompresses to gigabytes costs no more than a body at the limit. */
async function decompress(decode: Decoder, bytes: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await decode(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLong(maxBytes)
    throw badInput('body', 'cannot be decompressed as content-encoding says, or is not complete')
  }
}

function readBytes(message: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (message.destroyed) return reject(incomplete())
    const chunks: Buffer[] = []
    let size = 0
    let isOver = false
    message.on('data', (chunk: Buffer) => {
      if (isOver) return
      size += chunk.length
      chunks.push(chunk)
      if (size <= maxBytes) return
      isOver = true
      chunks.length = 0
      reject(tooLong(maxBytes))
    })
    message.once('end', () => {
      isOver = true
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
    })
    message.once('close', () => {
      if (!isOver) reject(incomplete())
    })
  })
}

function tooLong(maxBytes: number): AlkaidError {
  return new AlkaidError(
    'LIMIT_EXCEEDED',
    `A request body may have at most ${maxBytes} bytes: send less at once, in several requests`,
  )
}

/** The client is gone and cannot read this error. With its code, the error is not logged as a failure of Alkaid. */
function incomplete(): AlkaidError {
  return badInput('body', 'ended before it was complete')
}

function unsupported(path: string, message: string, headers: Record<string, string>): HttpError {
  return new HttpError(415, 'BAD_USER_INPUT', `${path}: ${message}`, headers)
}
