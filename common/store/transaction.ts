// Runs one transaction within a deadline. The driver's own `withTransaction` goes on for up to two minutes, and waits for each
// step; this one ends in time, and says right what became of the changes:
// - UNAVAILABLE: nothing was changed.
// - TIMEOUT: the commit was sent, and its answer is missing. Nobody knows yet whether it happened.
// Its steps are those of the driver's specification (github.com/mongodb/specifications, transactions-convenient-api).

import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ClientSession,
  type Db,
  type MongoClient,
  MongoError,
  MongoErrorLabel,
  MongoServerError,
  MongoServerSelectionError,
} from 'mongodb'
import { withDeadline } from '../base/deadline.ts'
import { AlkaidError } from '../base/errors.ts'
import { mongoTransaction, type Tx } from './collection.ts'

export type TransactionRun<T> = {
  client: MongoClient
  db: Db
  /** Runs again after a transient error, such as a write conflict. */
  work(tx: Tx): Promise<T>
  deadlineMs: number
  /** Called before each attempt. */
  onAttempt(): void
}

const OPTIONS = { readConcern: { level: 'snapshot' }, writeConcern: { w: 'majority' } } as const
/** Pauses between attempts are random, and up to 5 ms at first. Each may be half as long again as the one before. */
const FIRST_PAUSE_MS = 5
const MAX_PAUSE_MS = 500

export async function runTransaction<T>({ client, db, work, deadlineMs, onAttempt }: TransactionRun<T>): Promise<T> {
  const deadline = performance.now() + deadlineMs
  const session = client.startSession()
  let isCommitting = false
  let hasConflict = false

  async function untilCommitted(): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      if (isOver()) throw late()
      onAttempt()
      session.startTransaction(OPTIONS)
      const result = await attemptWork()
      if (result && (await commit())) return result.value
      await sleep(Math.random() * Math.min(FIRST_PAUSE_MS * 1.5 ** attempt, MAX_PAUSE_MS))
    }
  }

  /** Undefined after a transient error. */
  async function attemptWork(): Promise<{ value: T } | undefined> {
    try {
      return { value: await work(mongoTransaction(db, session)) }
    } catch (error) {
      // Nobody waits for a server that does not answer: the session ends in the background.
      if (isLateCommand(error)) throw late()
      if (error instanceof MongoServerSelectionError) throw error
      await session.abortTransaction()
      if (!isTransient(error)) throw error
      hasConflict = true
      return undefined
    }
  }

  /** False after a transient error, which rolled everything back. */
  async function commit(): Promise<boolean> {
    isCommitting = true
    for (;;) {
      try {
        await session.commitTransaction()
        return true
      } catch (error) {
        if (isRefused(error)) {
          isCommitting = false
          if (!isTransient(error)) throw error
          hasConflict = true
          return false
        }
        // The answer is lost. A commit may be sent again: the server does it once.
        if (isOver()) throw late()
        await sleep(MAX_PAUSE_MS * Math.random())
      }
    }
  }

  function isOver(): boolean {
    return performance.now() > deadline
  }

  function late(): AlkaidError {
    if (isCommitting) return new AlkaidError('TIMEOUT', UNKNOWN)
    if (hasConflict)
      return new AlkaidError('UNAVAILABLE', 'Nothing was changed: too many others write to the same. Try again')
    return new AlkaidError('UNAVAILABLE', 'Nothing was changed, because the store did not answer in time. Try again')
  }

  const running = untilCommitted().finally(() => endInBackground(session))
  return withDeadline(deadlineMs, running, late)
}

const UNKNOWN =
  'The store did not answer in time. It is not known whether the change was made. ' +
  'With an `idempotencyKey`, send the same again: it is made once. Without one, look first'

/** Rolls back what is open. It ends by the timeouts of the driver. A server that is out of reach rolls back by itself after a minute. */
function endInBackground(session: ClientSession): void {
  session.endSession().catch(() => {}) // the caller has its result or its error already
}

/** The server answered that it did not commit. */
function isRefused(error: unknown): boolean {
  return error instanceof MongoServerError && !error.hasErrorLabel(MongoErrorLabel.UnknownTransactionCommitResult)
}

function isTransient(error: unknown): boolean {
  return error instanceof MongoError && error.hasErrorLabel(MongoErrorLabel.TransientTransactionError)
}

/** A command within the transaction took too long (`bounded`). */
function isLateCommand(error: unknown): boolean {
  return error instanceof AlkaidError && error.code === 'TIMEOUT'
}
