// Sessions. Each has at most one open transaction, and a record of its last write or commit. A retry gets the recorded
// reply and does nothing again. A record becomes durable together with what it records, so it survives a restart.
import { Binary, serialize } from 'bson'
import type { Cursors } from './cursors.ts'
import { fail, notImplemented } from './errors.ts'
import type { Change } from './store/disk.ts'
import type { Store } from './store/store.ts'
import type { UnitOfWork } from './store/unit-of-work.ts'
import { type Doc, isDoc, type Value } from './values.ts'

export type Reply = Record<string, unknown>

/** The state of the write or the transaction with the current number of the session. */
type State =
  | { kind: 'none' }
  | { kind: 'open'; unit: UnitOfWork; timer: NodeJS.Timeout; busy: boolean }
  | { kind: 'committed' }
  | { kind: 'aborted' }
  | { kind: 'write'; command: string; reply: Promise<Reply> | undefined; running: boolean }

export interface Session {
  id: string
  /** The newest `txnNumber`; -1 before the first. */
  number: number
  state: State
  lastUsed: number
}

export class Sessions {
  private readonly store: Store
  private readonly cursors: Cursors
  private readonly transactionLifetime: number
  private readonly sessions = new Map<string, Session>()

  /** `transactionLifetime`: how long a transaction may be open, in ms. */
  constructor(store: Store, cursors: Cursors, transactionLifetime: number) {
    this.store = store
    this.cursors = cursors
    this.transactionLifetime = transactionLifetime
    for (const { id, body } of store.storedSessions()) {
      const reply = body.reply as Doc | undefined
      const state: State =
        reply === undefined
          ? { kind: 'committed' }
          : { kind: 'write', command: body.command as string, reply: Promise.resolve(reply), running: false }
      this.sessions.set(id, { id, number: body.number as number, state, lastUsed: Date.now() })
    }
  }

  /** Begins a command of a transaction. The caller must call `end` after the command. */
  enterTransaction(
    id: string,
    number: number,
    start: boolean,
  ): { unit: UnitOfWork; session: Session; end: () => void } {
    const session = this.sessionFor(id, number)
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

  /**
   * Commits the transaction. A second commit does nothing. The record becomes durable together with the writes. If the disk
   * refuses them, the transaction is aborted, and this rejects.
   */
  async commit(id: string, number: number): Promise<void> {
    const session = this.sessionFor(id, number)
    if (session.number !== number || session.state.kind !== 'committed') this.commitOpen(session, number)
    try {
      await this.store.settled()
    } catch (error) {
      if (session.number === number && session.state.kind === 'committed') session.state = { kind: 'aborted' }
      throw error
    }
  }

  private commitOpen(session: Session, number: number): void {
    const open = this.openTransaction(session, number)
    if (open.busy) fail('ConflictingOperationInProgress', `transaction ${number} still runs a command`)
    // A transaction that only read needs no durable record.
    this.store.commit(open.unit, open.unit.isReadOnly ? [] : [record(session.id, { number })])
    this.close(session, { kind: 'committed' })
  }

  abort(id: string, number: number): void {
    const session = this.sessionFor(id, number)
    this.openTransaction(session, number)
    this.abortOpen(session)
  }

  /** Aborts the transaction with this number if it is open. */
  abortIfOpen(id: string, number: number): void {
    const session = this.sessions.get(id)
    if (session?.number === number) this.abortOpen(session)
  }

  /**
   * Resolves when no write with an older number runs in the session. Such a write can still wait for a transaction
   * after its client has given up. The record of a session must always be that of its newest write.
   */
  async waitForOlderWrite(id: string, number: number): Promise<void> {
    for (;;) {
      const session = this.sessions.get(id)
      if (session === undefined || session.number >= number) return
      if (session.state.kind !== 'write' || !session.state.running) return
      await session.state.reply?.catch(() => {}) // the caller of that write gets the error
    }
  }

  /** Aborts the open transaction of the session, if there is one. */
  abortOpen(session: Session): void {
    if (session.state.kind !== 'open') return
    this.store.abort(session.state.unit)
    this.close(session, { kind: 'aborted' })
  }

  /**
   * Runs a retryable write once for its number. A retry gets the reply of the first, even while the first still runs.
   * `run` gets a function that makes the durable record of its reply.
   */
  async runOnce(
    id: string,
    number: number,
    command: string,
    run: (recordOf: (reply: Reply) => Change) => Promise<Reply>,
  ): Promise<Reply> {
    await this.waitForOlderWrite(id, number)
    const session = this.sessionFor(id, number)
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
    const reply = run((finished) => record(session.id, { number, command, reply: finished as Doc }))
    const state: State = { kind: 'write', command, reply, running: true }
    session.state = state
    try {
      return await reply
    } catch (error) {
      // Nothing was written, so a retry with this number may run.
      state.reply = undefined
      throw error
    } finally {
      state.running = false
    }
  }

  /** Ends the transactions and cursors of these sessions. Their records stay until they expire. */
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

  /** Forgets the sessions that were last used before `since` (ms since the epoch). */
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

  /** The session, created if it is new. Throws TransactionTooOld if it has a newer number. */
  private sessionFor(id: string, number: number): Session {
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
    const timer = setTimeout(() => this.abortOpen(session), this.transactionLifetime)
    session.state = { kind: 'open', unit: this.store.begin(true), timer, busy: false }
  }

  private openTransaction(session: Session, number: number): Extract<State, { kind: 'open' }> {
    if (session.state.kind === 'open' && session.state.unit.isLost) this.abortOpen(session)
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

/** The id of a session, as hexadecimal text, from the `lsid` of a command. */
export function sessionId(lsid: Value): string {
  if (!isDoc(lsid)) return fail('TypeMismatch', "BSON field 'lsid' is the wrong type, expected type 'object'")
  for (const name of Object.keys(lsid)) if (name !== 'id') notImplemented(`lsid.${name}`)
  const { id } = lsid
  if (!(id instanceof Binary) || id.sub_type !== Binary.SUBTYPE_UUID || id.length() !== 16) {
    return fail('TypeMismatch', 'lsid.id must be a UUID')
  }
  return Buffer.from(id.value()).toString('hex')
}

/** The change on disk that records the last write or commit of a session. */
function record(id: string, body: Doc): Change {
  return { kind: 'session', id, body: Buffer.from(serialize(body)) }
}
