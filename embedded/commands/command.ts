// What a command is: the options that it honours, where it may run, and its function. Commands run without waiting; one
// that meets a document held by another unit of work throws Held, and is undone, and run again when that has ended.
import type { Cursors } from '../cursors.ts'
import { fail } from '../errors.ts'
import type { Reply, Sessions } from '../sessions.ts'
import type { Store } from '../store/store.ts'
import type { Unit } from '../store/unit.ts'
import type { Doc, Maybe } from '../values.ts'

export interface Server {
  store: Store
  cursors: Cursors
  sessions: Sessions
  /** What `hello` gives as this server's address. */
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
  unit: Unit
  session: string | undefined
  /** The number of the transaction that the command belongs to. */
  transaction: number | undefined
}

export interface Command {
  /** Its own options, beside the generic ones; any other is refused. */
  options: readonly string[]
  inTransaction: boolean
  /** Only on the database `admin`. */
  adminOnly?: true
  /** Whether a driver may send it with a number, to be done once. */
  retryable: boolean
  run(request: Request): Reply
}

/** The namespace of a command on a collection. Throws InvalidNamespace. */
export function namespaceOf(request: Request): string {
  const name = request.body[request.name]
  if (typeof name !== 'string') return fail('BadValue', `collection name has invalid type`)
  return checkedNamespace(request.database, name)
}

/** Where `listCollections` has its cursors. */
export const listingName = '$cmd.listCollections'

/** The namespace of an open cursor: a collection's, or that of the list of all. Throws InvalidNamespace. */
export function cursorNamespace(database: string, name: string): string {
  return name === listingName ? `${database}.${name}` : checkedNamespace(database, name)
}

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

/** A whole number that is not negative; undefined if the option was not given. */
export function wholeOption(body: Doc, name: string): number | undefined {
  const value = body[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number')
    return fail('TypeMismatch', `BSON field '${name}' is the wrong type, expected a number`)
  if (!Number.isSafeInteger(value)) return fail('FailedToParse', `BSON field '${name}' must be a whole number`)
  if (value < 0) return fail('Location51024', `BSON field '${name}' value must be >= 0, actual value '${value}'`)
  return value
}

export function booleanOption(body: Doc, name: string): boolean {
  const value: Maybe = body[name]
  if (value === undefined) return false
  if (typeof value !== 'boolean')
    return fail('TypeMismatch', `BSON field '${name}' is the wrong type, expected type 'bool'`)
  return value
}
