// The file of a snapshot: one generation of what a node holds. It begins with a base, which is written as a whole, and goes on with
// the changes since then. So a node with 150 MB of documents writes only what changed.
//
//     alkaid-snapshot 1 <mark of the signing secret>
//     document 2041 1c291ca3 shop/home.banner        <- kind, bytes, CRC-32 of kind, name and content, name
//     {"mac":...}                                    <- the content: a document as it came from the channel
//     ...
//     base 4 3ee8a7b1 -
//     5001                                           <- how many records the base has; without it, the base is not valid
//     time 13 8d2f0f4c -
//     1790000000000                                  <- the table was complete at this instant (ms since the Unix epoch)
//
// The last record for an address counts. What follows the base may be cut off: a crash in the middle of a write leaves half a record.

import { type FileHandle, open } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

export type RecordKind = 'document' | 'base' | 'time'

/** Where the content of a record is, in bytes. */
export type RecordPlace = { offset: number; length: number }

export type SnapshotContent = {
  /** Name of an address -> its last record. */
  mark: string
  documents: Map<string, RecordPlace>
  /** When the table was last complete; null: never. */
  completeAt: number | null
  /** The length of the valid part of the file. */
  size: number
  /** What is wrong behind the valid part; null: nothing. */
  damage: string | null
}

const FORMAT = 'alkaid-snapshot 1'
const HEADER = /^(document|base|time) (\d{1,9}) ([0-9a-f]{8}) (\S{1,200})$/
const MAX_HEADER_BYTES = 256
const READ_BYTES = 1024 * 1024

/** @param mark differs for each signing secret. */
export function fileHeader(mark: string): Buffer {
  return Buffer.from(`${FORMAT} ${mark}\n`)
}

export function recordOf(kind: RecordKind, name: string, content: string | Buffer): { head: Buffer; content: Buffer } {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  return { head: Buffer.from(`${kind} ${bytes.length} ${checksum(kind, name, bytes)} ${name}\n`), content: bytes }
}

/**
 * Checks a file, and finds its records.
 *
 * @param marks of the signing secret, and of the one before it while the secret is being changed.
 * @throws Error when the file is foreign, or its base is not valid. The message is for an operator.
 */
export async function readContent(handle: FileHandle, marks: readonly string[]): Promise<SnapshotContent> {
  const reader = createReader(handle)
  const first = await reader.line()
  if (!first?.startsWith(`${FORMAT} `)) throw new Error('it is not a snapshot, or one of another version of Alkaid')
  const mark = first.slice(FORMAT.length + 1)
  if (!marks.includes(mark)) throw new Error('it was written with another SIGNING_SECRET')
  const documents = new Map<string, RecordPlace>()
  let completeAt: number | null = null
  let records = 0
  let size: number | undefined
  while (true) {
    const record = await readRecord(reader)
    if (record === undefined && size !== undefined) return { mark, documents, completeAt, size, damage: null }
    if (record === undefined) throw new Error(`its base is cut off after ${records} records`)
    if ('damage' in record) {
      if (size === undefined) throw new Error(`its base is damaged: ${record.damage}`)
      return { mark, documents, completeAt, size, damage: record.damage }
    }
    const { kind, name, content, place } = record
    if (kind === 'document') documents.set(name, place)
    if (kind === 'time') completeAt = Number(content.toString())
    if (kind === 'base' && Number(content.toString()) !== records) throw new Error('its base lacks records')
    records += 1
    if (kind === 'base' || size !== undefined) size = reader.position()
  }
}

export async function readAt(handle: FileHandle, { offset, length }: RecordPlace): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  const { bytesRead } = await handle.read(bytes, 0, length, offset)
  if (bytesRead < length) throw new Error(`a snapshot has become shorter: ${length} bytes at ${offset} are not there`)
  return bytes
}

export async function openForReading(path: string): Promise<FileHandle> {
  return open(path, 'r')
}

type FoundRecord = { kind: RecordKind; name: string; content: Buffer; place: RecordPlace }

/** Undefined at the end of the file. */
async function readRecord(reader: Reader): Promise<FoundRecord | { damage: string } | undefined> {
  const at = reader.position()
  const line = await reader.line()
  if (line === undefined) return undefined
  const [, kind, length, expected, name] = HEADER.exec(line) ?? []
  if (!name) return { damage: `no record begins at byte ${at}` }
  const offset = reader.position()
  const content = await reader.take(Number(length))
  const end = await reader.take(1)
  if (end?.toString() !== '\n' || !content) return { damage: `the record at byte ${at} is cut off` }
  if (checksum(kind as RecordKind, name, content) !== expected)
    return { damage: `the record at byte ${at} has changed` }
  return { kind: kind as RecordKind, name, content, place: { offset, length: Number(length) } }
}

function checksum(kind: RecordKind, name: string, content: Buffer): string {
  return crc32(content, crc32(`${kind} ${name}`))
    .toString(16)
    .padStart(8, '0')
}

type Reader = {
  /** The offset in the file of what comes next. */
  position(): number
  /** The next line, without its end. Undefined at the end of the file. A line that is too long is cut. */
  line(): Promise<string | undefined>
  /** The next bytes. Undefined when there are fewer. */
  take(length: number): Promise<Buffer | undefined>
}

function createReader(handle: FileHandle): Reader {
  let buffered: Buffer = Buffer.alloc(0)
  let position = 0
  let isAtEnd = false

  async function fill(length: number): Promise<void> {
    while (buffered.length < length && !isAtEnd) {
      const chunk = Buffer.allocUnsafe(Math.max(READ_BYTES, length - buffered.length))
      const { bytesRead } = await handle.read(chunk, 0, chunk.length, position + buffered.length)
      isAtEnd = bytesRead === 0
      buffered =
        buffered.length === 0 ? chunk.subarray(0, bytesRead) : Buffer.concat([buffered, chunk.subarray(0, bytesRead)])
    }
  }
  function advance(length: number): Buffer {
    const taken = buffered.subarray(0, length)
    buffered = buffered.subarray(length)
    position += taken.length
    return taken
  }
  return {
    position: () => position,
    async line() {
      await fill(MAX_HEADER_BYTES)
      if (buffered.length === 0) return undefined
      const end = buffered.indexOf(10)
      const line = advance(end >= 0 && end < MAX_HEADER_BYTES ? end : Math.min(buffered.length, MAX_HEADER_BYTES))
      if (end >= 0 && end < MAX_HEADER_BYTES) advance(1)
      return line.toString('latin1')
    },
    async take(length) {
      await fill(length)
      return buffered.length < length ? undefined : advance(length)
    },
  }
}
