// MongoDB's wire protocol: cuts the bytes of a connection into messages, reads OP_MSG (body, document sequences,
// checksum) and OP_QUERY (for a driver's first hello only), and writes replies. Invalid bytes give a ProtocolError.
import { deserialize, serialize } from 'bson'
import { decode } from './decode.ts'
import { fail } from './errors.ts'
import type { Doc } from './values.ts'

export const maxMessageBytes = 48_000_000

/** The bytes are not a valid message. The connection has to be closed. */
export class ProtocolError extends Error {}

/** Cuts a stream of bytes into frames. Its memory grows with the bytes received, not with the length a frame claims. */
export class Framer {
  /** The number of bytes of the unfinished frame. */
  buffered = 0
  private storage: Buffer

  constructor() {
    this.storage = Buffer.alloc(0)
  }

  /** The frames that these bytes complete. Throws ProtocolError if a length is impossible. */
  *push(chunk: Buffer): Generator<Buffer> {
    const bytes = this.buffered === 0 ? chunk : this.append(chunk)
    let at = 0
    while (bytes.length - at >= 4) {
      const length = bytes.readInt32LE(at)
      if (length < 16 || length > maxMessageBytes) throw new ProtocolError(`a message of ${length} bytes`)
      if (bytes.length - at < length) break
      yield bytes.subarray(at, at + length)
      at += length
    }
    if (at > 0 || this.buffered === 0) this.keep(bytes.subarray(at))
  }

  /** Doubles the storage when it is full, so that many small chunks cost about as much as few large ones. */
  private append(chunk: Buffer): Buffer {
    const needed = this.buffered + chunk.length
    if (needed > this.storage.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.storage.length * 2))
      this.storage.copy(larger, 0, 0, this.buffered)
      this.storage = larger
    }
    chunk.copy(this.storage, this.buffered)
    this.buffered = needed
    return this.storage.subarray(0, needed)
  }

  /** Always copies: the frames already yielded share the same memory. */
  private keep(rest: Buffer): void {
    this.storage = Buffer.from(rest)
    this.buffered = rest.length
  }
}

const opReply = 1
const opQuery = 2004
const opMsg = 2013

const checksumPresent = 1
const moreToCome = 2
/** The client accepts several replies to one request. One reply is always allowed. */
const exhaustAllowed = 1 << 16

export interface Message {
  requestId: number
  legacy: boolean
  wantsReply: boolean
  /** Reads the command. If its BSON is invalid, throws a CommandError, and the connection stays usable. */
  body(): Doc
  /** Reads what it can of a command that `body` refuses, to find its transaction. Empty if it can read nothing. */
  looseBody(): Doc
}

export function parseMessage(frame: Buffer): Message {
  const code = frame.readInt32LE(12)
  if (code === opMsg) return parseMsg(frame)
  if (code === opQuery) return parseQuery(frame)
  throw new ProtocolError(`unknown operation code ${code}`)
}

function parseMsg(frame: Buffer): Message {
  if (frame.length < 21) throw new ProtocolError('a truncated message')
  const flags = frame.readUInt32LE(16)
  if ((flags & 0xffff & ~(checksumPresent | moreToCome)) !== 0) throw new ProtocolError(`unknown flags ${flags}`)
  if ((flags & ~0xffff & ~exhaustAllowed) !== 0) throw new ProtocolError(`unknown flags ${flags}`)
  let end = frame.length
  if ((flags & checksumPresent) !== 0) {
    end -= 4
    if (crc32c(frame.subarray(0, end)) !== frame.readUInt32LE(end)) throw new ProtocolError('a wrong checksum')
  }
  return {
    requestId: frame.readInt32LE(4),
    legacy: false,
    wantsReply: (flags & moreToCome) === 0,
    body: () => readSections(frame, 20, end),
    looseBody: () => looseBody(frame, 20, end),
  }
}

/** The body. The documents of each sequence become an array in it. */
function readSections(frame: Buffer, start: number, end: number): Doc {
  let body: Doc | undefined
  const sequences: Doc = {}
  let at = start
  while (at < end) {
    const kind = frame[at++]
    const length = at + 4 <= end ? frame.readInt32LE(at) : 0
    if (length < 5 || at + length > end) throw new ProtocolError('a section with an impossible length')
    if (kind === 0) {
      if (body !== undefined) throw new ProtocolError('two bodies')
      body = decode(frame, at, at + length)
    } else if (kind === 1) {
      const { name, documents } = readSequence(frame, at + 4, at + length)
      if (Object.hasOwn(sequences, name)) throw new ProtocolError(`the sequence ${name} twice`)
      if (name === '__proto__') throw new ProtocolError('a sequence of an impossible name')
      sequences[name] = documents
    } else throw new ProtocolError(`a section of kind ${kind}`)
    at += length
  }
  if (body === undefined) throw new ProtocolError('no body')
  for (const name of Object.keys(sequences)) {
    if (Object.hasOwn(body, name)) throw new ProtocolError(`${name} both in the body and as a sequence`)
  }
  return Object.assign(body, sequences)
}

/** The body without sequences, with every type of BSON. An empty document if it cannot be read. */
function looseBody(frame: Buffer, start: number, end: number): Doc {
  let at = start
  while (at + 5 <= end && frame[at] !== 0) at += 1 + Math.max(4, frame.readInt32LE(at + 1))
  if (at + 5 > end) return {}
  try {
    return deserialize(frame.subarray(at + 1, at + 1 + frame.readInt32LE(at + 1)), {
      validation: { utf8: false },
    }) as Doc
  } catch {
    // The caller looks for a transaction only, and this body names none.
    return {}
  }
}

function readSequence(frame: Buffer, start: number, end: number): { name: string; documents: Doc[] } {
  const zero = frame.indexOf(0, start)
  if (zero === -1 || zero >= end) throw new ProtocolError('a sequence without a name')
  const documents: Doc[] = []
  let at = zero + 1
  while (at < end) {
    documents.push(decode(frame, at, Math.min(end, at + (at + 4 <= end ? frame.readInt32LE(at) : 0))))
    at += frame.readInt32LE(at)
  }
  return { name: frame.toString('utf8', start, zero), documents }
}

/** The handshake of drivers only: one hello to `admin.$cmd`. */
function parseQuery(frame: Buffer): Message {
  const zero = frame.indexOf(0, 20)
  if (zero === -1 || zero + 9 + 5 > frame.length) throw new ProtocolError('a truncated query')
  if (frame.toString('latin1', 20, zero) !== 'admin.$cmd') throw new ProtocolError('a legacy query')
  return {
    requestId: frame.readInt32LE(4),
    legacy: true,
    wantsReply: true,
    body: () => {
      const body = decode(frame, zero + 9, frame.length)
      const name = Object.keys(body)[0] ?? ''
      if (!/^(hello|is[mM]aster)$/.test(name))
        fail('UnsupportedOpQueryCommand', `Unsupported OP_QUERY command: ${name}`)
      return { ...body, $db: 'admin' }
    },
    looseBody: () => ({}),
  }
}

/** A reply in the form of the request. */
export function encodeReply(message: Message, reply: Record<string, unknown>, replyId: number): Buffer {
  const body = serialize(reply)
  const prefix = message.legacy ? 36 : 21
  const frame = Buffer.allocUnsafe(prefix + body.length)
  frame.writeInt32LE(frame.length, 0)
  frame.writeInt32LE(replyId, 4)
  frame.writeInt32LE(message.requestId, 8)
  frame.writeInt32LE(message.legacy ? opReply : opMsg, 12)
  frame.fill(0, 16, prefix)
  if (message.legacy) {
    frame.writeInt32LE(8, 16) // AwaitCapable: every server since 2.6 sets this flag
    frame.writeInt32LE(1, 32) // number of documents
  }
  frame.set(body, prefix)
  return frame
}

/** Computed at the first message with a checksum, which drivers hardly ever send. It never changes. */
let crcTable: Uint32Array | undefined

/** CRC-32C (Castagnoli), RFC 3720 appendix B.4. */
function crc32c(bytes: Uint8Array): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1
    return value >>> 0
  })
  let crc = 0xffffffff
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
