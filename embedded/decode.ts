// Reads BSON into the values that this server knows. The bson package cannot do it, because a refusal has to name the
// field: unsupported types, integers beyond 2^53, invalid UTF-8, and names that a JavaScript object cannot hold.
import { isUtf8 } from 'node:buffer'
import { Binary, BSONRegExp, ObjectId } from 'bson'
import { fail, notImplemented } from './errors.ts'
import type { Doc, Value } from './values.ts'
import { isArrayIndex } from './values.ts'

/** MongoDB's limit for messages. Stored documents have a lower limit; see update/storable.ts. */
const maxDepth = 200

const unsupported: Record<number, string> = {
  6: 'undefined',
  12: 'dbPointer',
  13: 'javascript',
  14: 'symbol',
  15: 'javascriptWithScope',
  17: 'timestamp',
  19: 'decimal',
  127: 'maxKey',
  255: 'minKey',
}

/** The document that begins at `at` and ends at or before `end`. Throws InvalidBSON if it is malformed. */
export function decode(bytes: Buffer, at = 0, end = bytes.length): Doc {
  return new Reader(bytes).document(at, end, 1)
}

class Reader {
  private readonly bytes: Buffer
  private readonly path: string[] = []
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  document(at: number, end: number, depth: number): Doc {
    const doc: Doc = {}
    let last = -1 // the last numeric name: JavaScript moves numeric names to the front
    let plain = false
    const stop = this.enter(at, end, depth)
    for (;;) {
      const type = this.bytes[this.at++]!
      if (type === 0) break
      const name = this.name(stop)
      this.path.push(name)
      if (name === '__proto__' || name === '_bsontype') notImplemented(`the field name '${this.path.join('.')}'`)
      if (Object.hasOwn(doc, name)) notImplemented(`the field '${this.path.join('.')}' twice in one document`)
      if (isArrayIndex(name)) {
        if (plain || Number(name) < last) notImplemented(`the numeric field name '${this.path.join('.')}' after others`)
        last = Number(name)
      } else plain = true
      doc[name] = this.value(type, stop, depth)
      this.path.pop()
    }
    if (this.at !== stop) this.malformed('a document ends before its length')
    return doc
  }

  private array(at: number, end: number, depth: number): Value[] {
    const values: Value[] = []
    const stop = this.enter(at, end, depth)
    for (;;) {
      const type = this.bytes[this.at++]!
      if (type === 0) break
      this.name(stop)
      this.path.push(String(values.length))
      values.push(this.value(type, stop, depth))
      this.path.pop()
    }
    if (this.at !== stop) this.malformed('an array ends before its length')
    return values
  }

  /** Checks the length at `at`, so that later reads stay inside the document. Returns where the document ends. */
  private enter(at: number, end: number, depth: number): number {
    if (depth > maxDepth) fail('Overflow', `BSONObj exceeds maximum nested object depth: ${maxDepth}`)
    if (end - at < 5) this.malformed('a document is cut off')
    const stop = at + this.bytes.readInt32LE(at)
    if (stop - at < 5 || stop > end) this.malformed('a document has an invalid length')
    if (this.bytes[stop - 1] !== 0) this.malformed('a document does not end in zero')
    this.at = at + 4
    return stop
  }

  private value(type: number, end: number, depth: number): Value {
    switch (type) {
      case 0x01:
        return this.bytes.readDoubleLE(this.take(8, end))
      case 0x02:
        return this.string(end)
      case 0x03:
        return this.document(this.at, end, depth + 1)
      case 0x04:
        return this.array(this.at, end, depth + 1)
      case 0x05:
        return this.binary(end)
      case 0x07:
        return new ObjectId(Uint8Array.from(this.slice(12, end)))
      case 0x08:
        return this.boolean(end)
      case 0x09:
        return this.date(end)
      case 0x0a:
        return null
      case 0x0b:
        return this.regex(end)
      case 0x10:
        return this.bytes.readInt32LE(this.take(4, end))
      case 0x12:
        return this.long(end)
    }
    const name = unsupported[type]
    if (name === undefined) this.malformed(`unknown type ${type}`)
    return notImplemented(`the type ${name} of the field '${this.path.join('.')}'`)
  }

  private regex(end: number): BSONRegExp {
    const [pattern, options] = [this.name(end), this.name(end)]
    if (!/^[ilmsux]*$/.test(options)) this.malformed(`unknown options '${options}' of a regular expression`)
    return new BSONRegExp(pattern, options)
  }

  private long(end: number): number {
    const high = this.bytes.readInt32LE(this.take(8, end) + 4)
    const number = high * 0x1_0000_0000 + this.bytes.readUInt32LE(this.at - 8)
    if (!Number.isSafeInteger(number)) notImplemented(`an integer beyond 2^53 (in the field '${this.path.join('.')}')`)
    return number
  }

  private date(end: number): Date {
    const date = new Date(Number(this.bytes.readBigInt64LE(this.take(8, end))))
    if (Number.isNaN(date.getTime())) notImplemented(`a date out of range (in the field '${this.path.join('.')}')`)
    return date
  }

  private boolean(end: number): boolean {
    const byte = this.bytes[this.take(1, end)]!
    if (byte > 1) this.malformed('a boolean is neither 0 nor 1')
    return byte === 1
  }

  private binary(end: number): Binary {
    const length = this.bytes.readInt32LE(this.take(4, end))
    const subtype = this.bytes[this.take(1, end)]!
    if (length < 0) this.malformed('a binary has a negative length')
    if (subtype === 2) notImplemented(`the old binary subtype 2 of the field '${this.path.join('.')}'`)
    return new Binary(Uint8Array.from(this.slice(length, end)), subtype)
  }

  private string(end: number): string {
    const length = this.bytes.readInt32LE(this.take(4, end))
    if (length < 1) this.malformed('a string has an invalid length')
    const start = this.take(length, end)
    if (this.bytes[start + length - 1] !== 0) this.malformed('a string does not end in zero')
    return this.text(start, start + length - 1)
  }

  private name(end: number): string {
    const start = this.at
    const stop = this.bytes.indexOf(0, start)
    if (stop === -1 || stop >= end) this.malformed('a name is cut off')
    this.at = stop + 1
    return this.text(start, stop)
  }

  private text(start: number, stop: number): string {
    const text = this.bytes.toString('utf8', start, stop)
    // toString replaces invalid UTF-8 by U+FFFD. So only a text with that character needs the slow check.
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(start, stop))) this.malformed('text is not UTF-8')
    return text
  }

  private slice(length: number, end: number): Buffer {
    const start = this.take(length, end)
    return this.bytes.subarray(start, start + length)
  }

  private take(length: number, end: number): number {
    const start = this.at
    // The last byte of the enclosing document is the closing zero.
    if (start + length > end - 1) this.malformed('a value is cut off')
    this.at = start + length
    return start
  }

  private malformed(what: string): never {
    return fail(
      'InvalidBSON',
      `invalid BSON${this.path.length > 0 ? ` in the field '${this.path.join('.')}'` : ''}: ${what}`,
    )
  }
}
