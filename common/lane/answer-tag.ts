// The `ETag` of an answer: a combination of the hashes of its parts. Parts that never change are hashed once, so a tag costs a few
// multiplications, whatever the size of the answer. Equal answers have equal tags on every node.

import { createHash } from 'node:crypto'

/** 64 bits as two int32. */
export type TextHash = { readonly high: number; readonly low: number }

/** For parts that are hashed once: the first 64 bits of SHA-256. */
export function hashOnce(text: string): TextHash {
  const digest = createHash('sha256').update(text).digest()
  return { high: digest.readInt32BE(0), low: digest.readInt32BE(4) }
}

/** Combines parts in their order: the same parts in another order have another tag. */
export class AnswerTag {
  #high = 0x2545f491
  #low = 0x4f6cdd1d

  add({ high, low }: TextHash): void {
    this.#mix(high, low)
  }

  addCount(count: number): void {
    this.#mix(count, ~count)
  }

  /** For short texts that differ in each answer. */
  addText(text: string): void {
    let high = text.length
    let low = ~text.length
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at)
      high = Math.imul(high ^ unit, 0x01000193)
      low = Math.imul(low + unit, 0x5bd1e995)
    }
    this.#mix(high, low)
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return toHex(this.#high) + toHex(this.#low)
  }

  // The two halves feed each other, so that what differs in one of them changes both.
  #mix(high: number, low: number): void {
    const first = Math.imul(this.#high ^ high, 0x85ebca6b)
    const second = Math.imul(this.#low ^ low, 0xc2b2ae35)
    this.#high = (first ^ (second >>> 15)) | 0
    this.#low = (Math.imul(second ^ (first >>> 13), 0x27d4eb2f) + first) | 0
  }
}

function toHex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0')
}
