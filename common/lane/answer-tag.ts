// The `ETag` of an answer. It combines the hashes of the answer's parts. A part that never changes is hashed once. So a tag costs a few
// multiplications for each part, also in a large answer. Equal answers have equal tags on every node. It also adds up how many bytes the
// answer has beyond its characters, so that nobody has to count them again in the whole text.

import { createHash } from 'node:crypto'

/** JSON that never changes. `high` and `low`: the first 64 bits of its SHA-256, as two int32. */
export type PreparedPart = {
  readonly json: string
  readonly high: number
  readonly low: number
  /** How many bytes it has in UTF-8 beyond one for each character. */
  readonly extraBytes: number
}

export function preparePart(json: string): PreparedPart {
  const digest = createHash('sha256').update(json).digest()
  return { json, high: digest.readInt32BE(0), low: digest.readInt32BE(4), extraBytes: extraBytesOf(json) }
}

function extraBytesOf(text: string): number {
  return Buffer.byteLength(text) - text.length
}

/** Combines the parts in their order. The same parts in another order have another tag. */
export class AnswerTag {
  #high = 0x2545f491
  #low = 0x4f6cdd1d

  /** How many bytes the parts have in UTF-8 beyond one for each character. 0: all are ASCII. */
  extraBytes = 0

  add({ high, low, extraBytes }: PreparedPart): void {
    this.#mix(high, low)
    this.extraBytes += extraBytes
  }

  addCount(count: number): void {
    this.#mix(count, ~count)
  }

  /**
   * Adds a short text that differs in each answer.
   * @returns whether the text is its own JSON, in quotation marks: printable ASCII that needs no escape.
   */
  addText(text: string): boolean {
    let high = text.length
    let low = ~text.length
    let isPlain = true
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at)
      high = Math.imul(high ^ unit, 0x01000193)
      low = Math.imul(low + unit, 0x5bd1e995)
      if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c) isPlain = false
    }
    this.#mix(high, low)
    return isPlain
  }

  /** Counts the bytes of JSON that may not be ASCII. */
  countBytesOf(json: string): void {
    this.extraBytes += extraBytesOf(json)
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return toHex(this.#high) + toHex(this.#low)
  }

  // Each half feeds the other, so a difference in one half changes both.
  #mix(high: number, low: number): void {
    const first = Math.imul(this.#high ^ high, 0x85ebca6b)
    const second = Math.imul(this.#low ^ low, 0xc2b2ae35)
    this.#high = (first ^ (second >>> 15)) | 0
    this.#low = (Math.imul(second ^ (first >>> 13), 0x27d4eb2f) + first) | 0
  }
}

/** The text of each byte: `00` to `ff`. */
const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function toHex(half: number): string {
  return BYTES[half >>> 24]! + BYTES[(half >>> 16) & 255]! + BYTES[(half >>> 8) & 255]! + BYTES[half & 255]!
}
