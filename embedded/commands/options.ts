// Checks and reads the options of commands. An option that this server cannot honour is refused, never ignored.
import { CommandError, fail, notImplemented } from '../errors.ts'
import { type Doc, isDoc, type Maybe } from '../values.ts'
import type { Command } from './command.ts'

/** The options that every command may carry. Drivers add most of them by themselves. */
export const genericOptions = [
  ...['$db', 'lsid', 'txnNumber', 'autocommit', 'startTransaction', 'readConcern', 'writeConcern'],
  ...['$readPreference', 'maxTimeMS', 'comment'],
]

/** Throws NotImplemented for an option that this server does not have, and MongoDB's own code for a wrong value. */
export function checkOptions(name: string, command: Command, body: Doc): void {
  for (const option of Object.keys(body)) {
    if (option === name || command.options.includes(option) || genericOptions.includes(option)) continue
    notImplemented(`the option '${option}' of ${name}`)
  }
  checkReadConcern(body)
  checkWriteConcern(body)
  checkReadPreference(body)
}

/** All levels mean the same here: there is one node, and every reply is durable. */
function checkReadConcern(body: Doc): void {
  const concern = body.readConcern
  if (concern === undefined) return
  if (!isDoc(concern))
    throw new CommandError('TypeMismatch', "BSON field 'readConcern' is the wrong type, expected type 'object'")
  for (const option of Object.keys(concern)) if (option !== 'level') notImplemented(`readConcern.${option}`)
  const { level } = concern
  if (level === 'snapshot' && body.autocommit === undefined)
    notImplemented('readConcern snapshot outside a transaction')
  if (level !== undefined && !['local', 'available', 'majority', 'linearizable', 'snapshot'].includes(String(level))) {
    fail('FailedToParse', `invalid readConcern level '${level}'`)
  }
}

function checkWriteConcern(body: Doc): void {
  const concern = body.writeConcern
  if (concern === undefined) return
  if (!isDoc(concern))
    throw new CommandError('TypeMismatch', "BSON field 'writeConcern' is the wrong type, expected type 'object'")
  for (const option of Object.keys(concern)) {
    if (!['w', 'j', 'wtimeout', 'wtimeoutMS', 'provenance'].includes(option)) notImplemented(`writeConcern.${option}`)
  }
  const { w } = concern
  if (w === undefined || w === 'majority' || w === 0 || w === 1) return
  fail('UnsatisfiableWriteConcern', 'Not enough data-bearing nodes')
}

function checkReadPreference(body: Doc): void {
  const preference = body.$readPreference
  if (preference === undefined) return
  if (!isDoc(preference)) throw new CommandError('TypeMismatch', '$readPreference must be an object')
  for (const option of Object.keys(preference)) if (option !== 'mode') notImplemented(`$readPreference.${option}`)
}

/** A whole number of 0 or more; undefined if the option is absent. */
export function wholeOption(body: Doc, name: string): number | undefined {
  const value = body[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number')
    return fail('TypeMismatch', `BSON field '${name}' is the wrong type, expected a number`)
  if (!Number.isSafeInteger(value)) return fail('FailedToParse', `BSON field '${name}' must be a whole number`)
  if (value < 0) return fail('Location51024', `BSON field '${name}' value must be >= 0, actual value '${value}'`)
  return value
}

/** False if the option is absent. */
export function booleanOption(body: Doc, name: string): boolean {
  const value: Maybe = body[name]
  if (value === undefined) return false
  if (typeof value !== 'boolean')
    return fail('TypeMismatch', `BSON field '${name}' is the wrong type, expected type 'bool'`)
  return value
}
