// Documents as bytes, within MongoDB's limits of size.
import { calculateObjectSize, serialize } from 'bson'
import { type CodeName, fail } from './errors.ts'
import type { Doc } from './values.ts'

export const maxDocumentBytes = 16 * 1024 * 1024
/** How many bytes MongoDB allows in a reply beyond the document that it carries. */
const replyAllowance = 16 * 1024

/** A document as it is stored. Throws `tooLarge` if it has more than 16 MB. */
export function encodeDocument(doc: Doc, tooLarge: CodeName): Buffer {
  let bytes: Uint8Array | undefined
  try {
    bytes = serialize(doc)
  } catch (error) {
    if (!isBufferFull(error)) throw error
  }
  const size = bytes?.length ?? calculateObjectSize(doc)
  if (bytes === undefined || size > maxDocumentBytes) {
    return fail(tooLarge, `object too large. size in bytes: ${size}, max size: ${maxDocumentBytes}`)
  }
  return Buffer.from(bytes)
}

/** Whether bson threw because one document has more than 17 MB. By name: the error can come from another realm. */
export function isBufferFull(error: unknown): boolean {
  return (error as Error).name === 'RangeError'
}

/** Throws BSONObjectTooLarge if a reply cannot carry this. */
export function checkReplySize(reply: object): void {
  const size = calculateObjectSize(reply as Doc)
  if (size <= maxDocumentBytes + replyAllowance) return
  fail('BSONObjectTooLarge', `BSONObj size: ${size} is invalid. Size must be between 0 and ${maxDocumentBytes}`)
}
