// Sessions: the open transaction of each, and the record by which a retried write or commit is answered again instead
// of being done again. Records are stored in the same flush as what they record, so they hold across a restart.

import { Binary, serialize } from 'bson'
import type { Cursors } from './cursors.ts'
import { fail, notImplemented } from './errors.ts'
import type { Change } from './store/disk.ts'
import type { Store } from './store/store.ts'
import type { UnitOfWork } from './store/unit-of-work.ts'
import { type Doc, isDoc, type Value } from './values.ts'

export type Reply = Record<string, unknown>

/** What became of the write or transaction with the session's current number. */
type State =
  | { kind: 'none' }
  | { kind: 'open'; unit: UnitOfWork; timer: NodeJS.Timeout; busy: boolean }
  | { kind: 'committed' }
  | { kind: 'aborted' }
  | { kind: 'write'; command: string; reply: Promise<Reply> | undefined; running: boolean }

export interface Session {
  id: string
  number: number
  state: State
  lastUsed: number
}

export class Sessions {
  private readonly store: Store
  private readonly cursors: Cursors
  private readonly lifetime: number
  private readonly sessions = new Map<string, Session>()

  /** `lifetime`: how long a transaction may be open, in ms. */
  constructor(store: Store, cursors: Cursors, lifetime: number) {
    this.store = store
    this.cursors = cursors
    this.lifetime = lifetime
    for (const { id, body } of store.storedSessions()) {
      const reply = body.reply as Doc | undefined
      const state: State =
        reply === undefined
          ? { kind: 'committed' }
          : { kind: 'write', command: body.command as string, reply: Promise.resolve(reply), running: false }
      this.sessions.set(id, { id, number: body.number as number, state, lastUsed: Date.now() })
    }
  }

  /** The unit that a command of a transaction works in; `end` must be called when it has been answered. */
  enter(id: string, number: number, start: boolean): { unit: UnitOfWork; session: Session; end: () => void } {
    const session = this.at(id, number)
    if (start) this.startTransaction(session, number)
    const open = this.openTransaction(session, number)
    if (open.busy) {
      fail(
        'ConflictingOperationInProgress',
        `transaction ${number} already runs another command; its commands must not overlap`,
      )
    }
    open.busy = true
    return {
      unit: open.unit,
      session,
      end: () => {
        open.busy = false
      },
    }
  }

  /** Ends the transaction for good; retried, it is answered as before. The record goes with the writes. */
  commit(id: string, number: number): void {
    const session = this.at(id, number)
    if (session.number === number && session.state.kind === 'committed') return
    const open = this.openTransaction(session, number)
    if (open.busy) fail('ConflictingOperationInProgress', `transaction ${number} still runs a command`)
    // Nothing is lost by forgetting that a transaction which only read was committed.
    this.store.commit(open.unit, open.unit.isReadOnly ? [] : [record(session.id, { number })])
    this.close(session, { kind: 'committed' })
  }

  abort(id: string, number: number): void {
    const session = this.at(id, number)
    this.openTransaction(session, number)
    this.abortOpen(session)
  }

  /** Undoes the transaction with this number, if it is open. */
  abortNumber(id: string, number: number): void {
    const session = this.sessions.get(id)
    if (session?.number === number) this.abortOpen(session)
  }

  /**
   * Resolves when no write with an older number runs in the session (one can wait for a transaction while its client
   * has given up and gone on): what is recorded of a session must be what was last done in it.
   */
  async idle(id: string, number: number): Promise<void> {
    for (;;) {
      const session = this.sessions.get(id)
      if (session === undefined || session.number >= number) return
      if (session.state.kind !== 'write' || !session.state.running) return
      await session.state.reply?.catch(() => {}) // it is told to the one who asked for it
    }
  }

  /** Undoes the session's open transaction, if there is one. */
  abortOpen(session: Session): void {
    if (session.state.kind !== 'open') return
    this.store.abort(session.state.unit)
    this.close(session, { kind: 'aborted' })
  }

  /**
   * Runs a retryable write once for its number: a repeat gets the reply of the first, also while that is running.
   * `run` gets a function that makes the durable record of a reply.
   */
  async once(
    id: string,
    number: number,
    command: string,
    run: (keep: (reply: Reply) => Change) => Promise<Reply>,
  ): Promise<Reply> {
    await this.idle(id, number)
    const session = this.at(id, number)
    if (session.number === number) {
      const { state } = session
      if (state.kind !== 'write') {
        return fail(
          'InvalidOptions',
          'Must specify autocommit=false on all operations of a multi-statement transaction.',
        )
      }
      if (state.reply !== undefined) {
        if (state.command === command) return state.reply
        return fail('IncompleteTransactionHistory', `transaction number ${number} was used for another command`)
      }
    }
    this.abortOpen(session)
    session.number = number
    const reply = run((made) => record(session.id, { number, command, reply: made as Doc }))
    const state: State = { kind: 'write', command, reply, running: true }
    session.state = state
    try {
      return await reply
    } catch (error) {
      // Nothing was written, so the same number may try again.
      state.reply = undefined
      throw error
    } finally {
      state.running = false
    }
  }

  /** Ends what these sessions have open; their records stay until they expire. */
  endAll(ids: readonly string[]): void {
    for (const id of ids) {
      const session = this.sessions.get(id)
      if (session !== undefined) this.abortOpen(session)
      this.cursors.killSession(id)
    }
  }

  abortEverything(): void {
    for (const session of this.sessions.values()) this.abortOpen(session)
  }

  /** Forgets sessions that nobody has used since then (ms since the epoch). */
  expire(since: number): void {
    for (const session of this.sessions.values()) {
      if (session.lastUsed >= since || session.state.kind === 'open') continue
      this.sessions.delete(session.id)
      this.store.enqueue([{ kind: 'forget', id: session.id }])
    }
  }

  refresh(ids: readonly string[]): void {
    for (const id of ids) {
      const session = this.sessions.get(id)
      if (session !== undefined) session.lastUsed = Date.now()
    }
  }

  private at(id: string, number: number): Session {
    let session = this.sessions.get(id)
    if (session === undefined) {
      session = { id, number: -1, state: { kind: 'none' }, lastUsed: 0 }
      this.sessions.set(id, session)
    }
    session.lastUsed = Date.now()
    if (number < session.number) {
      fail(
        'TransactionTooOld',
        `Cannot start transaction ${number} on session because a newer transaction ${session.number} has already started.`,
      )
    }
    return session
  }

  private startTransaction(session: Session, number: number): void {
    if (number === session.number) {
      fail(
        'ConflictingOperationInProgress',
        `Only servers in a sharded cluster can start a new transaction at the active transaction number ${number}`,
      )
    }
    this.abortOpen(session)
    session.number = number
    const timer = setTimeout(() => this.abortOpen(session), this.lifetime)
    session.state = { kind: 'open', unit: this.store.begin(true), timer, busy: false }
  }

  private openTransaction(session: Session, number: number): Extract<State, { kind: 'open' }> {
    const { state } = session
    if (session.number === number && state.kind === 'open') return state
    if (session.number === number && state.kind === 'committed') {
      return fail('TransactionCommitted', `Transaction with { txnNumber: ${number} } has been committed.`)
    }
    if (session.number === number && state.kind === 'aborted') {
      return fail('NoSuchTransaction', `Transaction with { txnNumber: ${number} } has been aborted.`)
    }
    return fail(
      'NoSuchTransaction',
      `Given transaction number ${number} does not match any in-progress transactions. The active transaction number is ${session.number}`,
    )
  }

  private close(session: Session, state: State): void {
    if (session.state.kind === 'open') clearTimeout(session.state.timer)
    session.state = state
    this.cursors.killTransaction(session.id, session.number)
  }
}

/** The key of a session from its `lsid`. */
export function sessionId(lsid: Value): string {
  if (!isDoc(lsid)) return fail('TypeMismatch', "BSON field 'lsid' is the wrong type, expected type 'object'")
  for (const name of Object.keys(lsid)) if (name !== 'id') notImplemented(`lsid.${name}`)
  const { id } = lsid
  if (!(id instanceof Binary) || id.sub_type !== Binary.SUBTYPE_UUID || id.length() !== 16) {
    return fail('TypeMismatch', 'lsid.id must be a UUID')
  }
  return Buffer.from(id.value()).toString('hex')
}

function record(id: string, body: Doc): Change {
  return { kind: 'session', id, body: Buffer.from(serialize(body)) }
}
