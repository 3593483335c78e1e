// The options of a command: its own, and those that every command may carry. What cannot be honoured is refused.
import type { Command } from './commands/command.ts'
import { CommandError, fail, notImplemented } from './errors.ts'
import { type Doc, isDoc } from './values.ts'

/** What any command may carry; drivers add most of it by themselves. */
export const genericOptions = [
  ...['$db', 'lsid', 'txnNumber', 'autocommit', 'startTransaction', 'readConcern', 'writeConcern'],
  ...['$readPreference', 'maxTimeMS', 'comment'],
]

/** Throws NotImplemented naming an option that is not honoured, or MongoDB's code for one that is wrong. */
export function checkOptions(name: string, command: Command, body: Doc): void {
  for (const option of Object.keys(body)) {
    if (option === name || command.options.includes(option) || genericOptions.includes(option)) continue
    notImplemented(`the option '${option}' of ${name}`)
  }
  checkReadConcern(body)
  checkWriteConcern(body)
  checkReadPreference(body)
}

/** Everything that is answered is durable on this one node, so all levels are the same, save a snapshot of a past time. */
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
