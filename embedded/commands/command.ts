// What a command is, and how it reads the namespace it works on. A command runs without waiting. If it meets a document
// that another unit of work has locked, it throws BlockedError. Dispatch then undoes it, waits, and runs it again.
import type { Cursors } from '../cursors.ts'
import { fail } from '../errors.ts'
import type { Reply, Sessions } from '../sessions.ts'
import type { Store } from '../store/store.ts'
import type { UnitOfWork } from '../store/unit-of-work.ts'
import type { Doc } from '../values.ts'

export interface Server {
  store: Store
  cursors: Cursors
  sessions: Sessions
  /** The address that `hello` reports. */
  host: string
  /** See `EmbeddedServerOptions`. */
  onDurable?: ((command: Doc) => void) | undefined
}

export interface Request {
  name: string
  body: Doc
  database: string
  server: Server
  connectionId: number
  unit: UnitOfWork
  session: string | undefined
  /** The `txnNumber` of the transaction that the command belongs to. */
  transaction: number | undefined
}

export interface Command {
  /** The options of this command alone. Every command also takes the generic ones; all others are refused. */
  options: readonly string[]
  inTransaction: boolean
  /** The command runs on the database `admin` only. */
  adminOnly?: true
  /** Whether a driver may send it with a `txnNumber`, so that a retry does not run it twice. */
  retryable: boolean
  /** It reads no collection, and must not run twice for one request: a second `getMore` would skip documents. */
  runsOnce?: true
  run(request: Request): Reply
}

/** The namespace, such as "alkaid.slots", that a command names. Throws InvalidNamespace. */
export function namespaceOf(request: Request): string {
  const name = request.body[request.name]
  if (typeof name !== 'string') return fail('BadValue', `collection name has invalid type`)
  return checkedNamespace(request.database, name)
}

/** Joins the names of a database and a collection. Throws InvalidNamespace if MongoDB allows no such name. */
export function checkedNamespace(database: string, name: string): string {
  const namespace = `${database}.${name}`
  if (database === '' || /[/\\. "$\0]/.test(database) || Buffer.byteLength(database) > 63) {
    fail('InvalidNamespace', `Invalid database name: '${database}'`)
  }
  if (
    name === '' ||
    name.includes('$') ||
    name.includes('\0') ||
    name.startsWith('.') ||
    Buffer.byteLength(namespace) > 255
  ) {
    fail('InvalidNamespace', `Invalid namespace specified '${namespace}'`)
  }
  if (name.startsWith('system.')) fail('InvalidNamespace', `Invalid system namespace: ${namespace}`)
  return namespace
}
