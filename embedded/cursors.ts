// The open cursors of a server. A cursor holds its whole result as references to documents, which never change. So all
// batches show the state at the time of the first command.
import { randomInt } from 'node:crypto'
import { calculateObjectSize, Long } from 'bson'
import { type CodeName, fail } from './errors.ts'
import type { Doc } from './values.ts'

const maxReplyBytes = 16 * 1024 * 1024
const firstBatchSize = 101

export interface CursorOwner {
  session: string | undefined
  /** The number of its transaction, if it was opened in one. It ends with that transaction. */
  transaction: number | undefined
}

interface Cursor extends CursorOwner {
  namespace: string
  documents: readonly Doc[]
  at: number
  lastUsed: number
}

export class Cursors {
  private readonly open = new Map<number, Cursor>()

  /** Opens a cursor, and gives the `cursor` of the reply. With `single`, the client wants this batch only. */
  start(namespace: string, documents: readonly Doc[], owner: CursorOwner, batchSize?: number, single = false): Doc {
    const end = batchEnd(documents, 0, batchSize ?? firstBatchSize)
    let id = 0
    if (end < documents.length && !single) {
      do id = randomInt(1, 2 ** 48 - 1)
      while (this.open.has(id))
      this.open.set(id, { ...owner, namespace, documents, at: end, lastUsed: Date.now() })
    }
    return this.reply('firstBatch', documents.slice(0, end), id, namespace)
  }

  next(id: number, namespace: string, owner: CursorOwner, batchSize?: number): Doc {
    const cursor = this.open.get(id)
    if (cursor === undefined) return fail('CursorNotFound', `cursor id ${id} not found`)
    if (cursor.namespace !== namespace) {
      fail(
        'Unauthorized',
        `Requested getMore on namespace '${namespace}', but cursor belongs to a different namespace ${cursor.namespace}`,
      )
    }
    checkOwner(id, cursor, owner)
    const start = cursor.at
    cursor.at = batchEnd(cursor.documents, start, batchSize ?? Number.POSITIVE_INFINITY)
    cursor.lastUsed = Date.now()
    const done = cursor.at === cursor.documents.length
    if (done) this.open.delete(id)
    return this.reply('nextBatch', cursor.documents.slice(start, cursor.at), done ? 0 : id, namespace)
  }

  /** Whether the cursor was open. */
  kill(id: number, namespace: string): boolean {
    return this.open.get(id)?.namespace === namespace && this.open.delete(id)
  }

  killTransaction(session: string, transaction: number): void {
    for (const [id, cursor] of this.open) {
      if (cursor.session === session && cursor.transaction === transaction) this.open.delete(id)
    }
  }

  killSession(session: string): void {
    for (const [id, cursor] of this.open) if (cursor.session === session) this.open.delete(id)
  }

  killIdle(since: number): void {
    for (const [id, cursor] of this.open) if (cursor.lastUsed < since) this.open.delete(id)
  }

  private reply(batch: 'firstBatch' | 'nextBatch', documents: readonly Doc[], id: number, namespace: string): Doc {
    // Drivers need a 64-bit integer here. A plain number would become a double or a 32-bit integer.
    return { [batch]: documents, id: Long.fromNumber(id), ns: namespace } as unknown as Doc
  }
}

/** A getMore must come from the session and the transaction that opened the cursor, or from none if it had none. */
function checkOwner(id: number, cursor: CursorOwner, owner: CursorOwner): void {
  const refuse = (code: CodeName, kind: string) =>
    fail(code, `Cannot run getMore on cursor ${id}, which was created in another ${kind}, or in none`)
  if (cursor.session !== owner.session) {
    if (cursor.session === undefined) refuse('Location50736', 'session')
    refuse(owner.session === undefined ? 'Location50737' : 'Location50738', 'session')
  }
  if (cursor.transaction !== owner.transaction) {
    if (cursor.transaction === undefined) refuse('Location50739', 'transaction')
    refuse(owner.transaction === undefined ? 'Location50740' : 'Location50741', 'transaction')
  }
}

/** Where a batch ends: at its size, or where the reply would become too large. It has at least one document. */
function batchEnd(documents: readonly Doc[], start: number, size: number): number {
  const limit = Math.min(documents.length, start + size)
  let bytes = 0
  for (let at = start; at < limit; at++) {
    const size = calculateObjectSize(documents[at]!)
    // A stored document is never so large, but the result of a pipeline can be.
    if (size > maxReplyBytes) fail('BSONObjectTooLarge', `BSONObj size: ${size} is invalid. Max size: ${maxReplyBytes}`)
    bytes += size + 16
    if (bytes > maxReplyBytes && at > start) return at
  }
  return limit
}
