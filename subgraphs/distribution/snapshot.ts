// The snapshot of a node on disk. With it a node that starts while Redis is out of reach serves what it served before. Documents are
// kept as they came from the channel, with their signature, and are verified again when they are loaded.
//
// The folder holds up to two generations, `<number>.snapshot` (snapshot-file.ts), each complete in itself:
// - At first, documents go into a temporary file as they are loaded. When the node is ready, its base is finished, written through
//   to the disk (fsync), and gets its name.
// - Changes are added to the newest generation, at most once a second.
// - When more than half of a generation is outdated, the next one is written, from the records of the last. Of the older
//   ones, only the last is kept.
//
// All of it is asynchronous, in pieces of at most about 1 MB. Requests do not wait for the disk, and neither does loading.

import { mkdirSync, readdirSync } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ProblemLog } from '../../common/base/problem-log.ts'
import type { TimeSlices } from '../../common/base/time-slices.ts'
import { type Address, addressName } from '../../engine/publication/address.ts'
import { mac, type SigningKeys } from '../../engine/publication/sign.ts'
import {
  fileHeader,
  openForReading,
  type RecordKind,
  type RecordPlace,
  readAt,
  readContent,
  recordOf,
  type SnapshotContent,
} from './snapshot-file.ts'

export type SnapshotOptions = {
  folder: string
  keys: SigningKeys
  clock: () => number
  slices: TimeSlices
  problems: ProblemLog
}

export type SnapshotStatus = {
  /** False: another process with the same folder writes it. */
  writes: boolean
  documents: number
  bytes: number
  /** Ms since something was last written; null: nothing yet. */
  ageMs: number | null
  /** Why the last write failed; null: it did not. */
  failure: string | null
}

export type Snapshot = {
  /**
   * Loads the newest valid generation. Calls `receive` with each document.
   *
   * @returns when the table was last complete, in ms since the Unix epoch. Undefined: there is no valid generation.
   */
  load(receive: (address: Address, text: string) => Promise<void>): Promise<{ completeAt: number | null } | undefined>
  /** Takes a document to write. */
  add(address: Address, text: string): void
  /** The table is complete, or as complete as it gets, since this instant (ms since the Unix epoch). */
  confirm(at: number): void
  status(): SnapshotStatus
  /** Writes what is left, and closes the files. */
  stop(): Promise<void>
}

const EVERY_MS = 1_000
/** How often the time of completeness is written, in ms. */
const TIME_EVERY_MS = 10_000
const WRITE_BYTES = 1024 * 1024
/** A generation may have this many outdated bytes, however small it is. */
const SLACK_BYTES = 8 * 1024 * 1024
const GENERATION = /^(\d{1,9})\.snapshot$/

/** A generation that is being written. Without a name yet: the base is not finished. */
type OpenGeneration = {
  handle: FileHandle
  number: number
  temporary: string | null
  documents: Map<string, RecordPlace>
  records: number
  size: number
  /** The bytes of the records that count. */
  live: number
}

export function openSnapshot({ folder, keys, clock, slices, problems }: SnapshotOptions): Snapshot {
  const markOf = ({ document }: Pick<SigningKeys, 'document'>) => mac(document, 'snapshot').slice(0, 22)
  const mark = markOf(keys)
  const marks = keys.old ? [mark, markOf(keys.old)] : [mark]
  let lock: ReturnType<typeof lockFolder>
  const pending = new Map<string, string>()
  let current: OpenGeneration | undefined
  /** The generation that was loaded is damaged at its end, not the newest, or of the old secret. So the next one is written at once. */
  let mustRewrite = false
  let highest = 0
  let confirmedAt: number | null = null
  let writtenTime = Number.NEGATIVE_INFINITY
  let writtenAt: number | null = null
  let failure: string | null = null
  const stopping = new AbortController()
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    lock = lockFolder(folder)
    highest = generationsIn(readdirSync(folder))[0] ?? 0
  } catch (error) {
    // The node serves without a snapshot.
    failure = (error as Error).message
    problems.report(`the snapshot in ${folder}`, 'can neither be read nor written', error)
  }

  // ---- Loading

  async function load(receive: Parameters<Snapshot['load']>[0]): ReturnType<Snapshot['load']> {
    const numbers = await readdir(folder).then(generationsIn, () => [])
    for (const number of numbers) {
      const path = pathOf(number)
      try {
        const handle = await openForReading(path)
        try {
          const content = await readContent(handle, marks)
          if (content.damage)
            problems.report(`snapshot ${path}`, `is damaged at its end: ${content.damage}. Loaded up to there`)
          await loadDocuments(handle, content, receive)
          if (lock) await adopt(number, content)
          return { completeAt: content.completeAt }
        } finally {
          await handle.close()
        }
      } catch (error) {
        problems.report(`snapshot ${path}`, `is not loaded: ${(error as Error).message}`)
      }
    }
    return undefined
  }

  async function loadDocuments(
    handle: FileHandle,
    { documents }: SnapshotContent,
    receive: Parameters<Snapshot['load']>[0],
  ) {
    for (const [name, place] of documents) {
      await receive(addressNamed(name), (await readAt(handle, place)).toString())
      const pause = slices.pause()
      if (pause) await pause
    }
  }

  /** Goes on writing a generation that was loaded. */
  async function adopt(number: number, { mark: found, documents, size, damage }: SnapshotContent): Promise<void> {
    const live = [...documents.values()].reduce((sum, { length }) => sum + length, 0)
    const handle = await open(pathOf(number), 'r+')
    current = { handle, number, temporary: null, documents: new Map(documents), records: 0, size, live }
    mustRewrite = damage !== null || number !== highest || found !== mark
  }

  // ---- Writing: one step after another, so that only one file is written at a time

  async function write(): Promise<void> {
    current ??= await begin()
    if (mustRewrite) await rewrite(current)
    const taken = [...pending]
    for (const [name, text] of taken) {
      await append(current, 'document', name, text)
      if (pending.get(name) === text) pending.delete(name)
    }
    if (confirmedAt === null) return
    const isTimeDue =
      confirmedAt - writtenTime >= TIME_EVERY_MS || (stopping.signal.aborted && confirmedAt > writtenTime)
    if (current.temporary === null && taken.length === 0 && !isTimeDue) return
    if (current.temporary !== null) await finishBase(current)
    if (isTimeDue || taken.length > 0) await append(current, 'time', '-', `${confirmedAt}`)
    await current.handle.datasync()
    writtenTime = confirmedAt
    writtenAt = clock()
    if (current.size > 2 * current.live + SLACK_BYTES) await rewrite(current)
  }

  async function begin(): Promise<OpenGeneration> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    highest += 1
    const temporary = join(folder, `${highest}.tmp`)
    const handle = await open(temporary, 'w+', 0o600)
    const header = fileHeader(mark)
    await handle.write(header, 0, header.length, 0)
    return { handle, number: highest, temporary, documents: new Map(), records: 0, size: header.length, live: 0 }
  }

  /** When a write fails half way, the next one begins at the same place again. */
  async function append(to: OpenGeneration, kind: RecordKind, name: string, text: string | Buffer): Promise<void> {
    const { head, content } = recordOf(kind, name, text)
    const bytes = Buffer.concat([head, content, Buffer.from('\n')])
    for (let from = 0; from < bytes.length; from += WRITE_BYTES) {
      await to.handle.write(bytes, from, Math.min(WRITE_BYTES, bytes.length - from), to.size + from)
    }
    if (kind === 'document') {
      to.live += content.length - (to.documents.get(name)?.length ?? 0)
      to.documents.set(name, { offset: to.size + head.length, length: content.length })
    }
    to.size += bytes.length
    to.records += 1
  }

  async function finishBase(generation: OpenGeneration): Promise<void> {
    await append(generation, 'base', '-', `${generation.records}`)
    await generation.handle.truncate(generation.size) // nothing of an earlier try may follow
    await generation.handle.sync()
    await rename(generation.temporary!, pathOf(generation.number))
    generation.temporary = null
    await syncFolder()
  }

  /** Writes the next generation, from the records of this one that count. */
  async function rewrite(old: OpenGeneration): Promise<void> {
    const next = await begin()
    for (const [name, place] of old.documents) await append(next, 'document', name, await readAt(old.handle, place))
    await finishBase(next)
    if (confirmedAt !== null) await append(next, 'time', '-', `${confirmedAt}`)
    current = next
    mustRewrite = false
    await old.handle.close()
    for (const number of generationsIn(await readdir(folder))) {
      if (number !== next.number && number !== old.number) await rm(pathOf(number), { force: true })
    }
  }

  async function syncFolder(): Promise<void> {
    const handle = await open(folder, 'r')
    await handle.sync().finally(() => handle.close())
  }

  async function tryToWrite(): Promise<void> {
    try {
      await write()
      failure = null
      problems.resolve('writing the snapshot')
    } catch (error) {
      failure = (error as Error).message
      problems.report('writing the snapshot', 'failed: the next second tries again', error)
    }
  }

  async function writeRegularly(): Promise<void> {
    for (const name of await readdir(folder)) if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true })
    for (let isLast = false; !isLast; ) {
      await sleep(EVERY_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => {}) // stopped: write the rest now
      isLast = stopping.signal.aborted
      await tryToWrite()
    }
  }

  const pathOf = (number: number) => join(folder, `${number}.snapshot`)
  let writing: Promise<void> | undefined
  return {
    async load(receive) {
      const loaded = await load(receive)
      if (lock) writing = writeRegularly()
      return loaded
    },
    add(address, text) {
      if (lock) pending.set(addressName(address), text)
    },
    confirm(at) {
      confirmedAt = at
    },
    status() {
      const { documents, size = 0 } = current ?? {}
      const ageMs = writtenAt === null ? null : clock() - writtenAt
      return { writes: lock !== undefined, documents: documents?.size ?? 0, bytes: size, ageMs, failure }
    },
    async stop() {
      stopping.abort()
      await writing
      await current?.handle.close()
      lock?.close()
    },
  }
}

/** The generations among these files, the newest first. */
function generationsIn(names: readonly string[]): number[] {
  const numbers = names.flatMap((name) => GENERATION.exec(name)?.[1] ?? []).map(Number)
  return numbers.sort((a, b) => b - a)
}

/** `apps`, or `<app>/<code>`: the opposite of `addressName`. */
function addressNamed(name: string): Address {
  const slash = name.indexOf('/')
  return slash < 0 ? 'apps' : { app: name.slice(0, slash), code: name.slice(slash + 1) }
}

/**
 * Makes this process the only one that writes into the folder, until it ends. Undefined: another process is that. The lock is one of
 * SQLite on a file that stays empty: the operating system releases it, however the process ends.
 */
function lockFolder(folder: string): { close(): void } | undefined {
  const database = new DatabaseSync(join(folder, 'lock'), { timeout: 0 })
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return database
  } catch {
    database.close()
    return undefined
  }
}
