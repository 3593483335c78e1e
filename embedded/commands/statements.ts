// The statements of a write command: run in order, each failing on its own, as `ordered` says.
import { calculateObjectSize } from 'bson'
import { CommandError, fail, isTransient, notImplemented } from '../errors.ts'
import { type Doc, isDoc, type Value } from '../values.ts'
import { booleanOption, type Request } from './command.ts'
import { maxWriteBatch } from './hello.ts'

const maxTextBytes = 1024 * 1024

/** All statements as `read` makes them of the list's entries. One that cannot be read refuses the whole command. */
export function statementsOf<T>(request: Request, name: string, read: (entry: Value) => T): T[] {
  const list = request.body[name]
  if (!Array.isArray(list))
    return fail('TypeMismatch', `BSON field '${request.name}.${name}' is missing or not an array`)
  if (list.length === 0 || list.length > maxWriteBatch) {
    fail('InvalidLength', `Write batch sizes must be between 1 and ${maxWriteBatch}. Got ${list.length} operations.`)
  }
  return list.map(read)
}

/** A statement with only the options that are honoured. */
export function checkedStatement(statement: Value, name: string, options: readonly string[]): Doc {
  if (!isDoc(statement)) return fail('TypeMismatch', `each entry of '${name}' must be an object`)
  for (const option of Object.keys(statement)) {
    if (!options.includes(option)) notImplemented(`the option '${option}' in '${name}'`)
  }
  return statement
}

export function required(statement: Doc, name: string): Value {
  return statement[name] ?? fail('Location40414', `BSON field '${name}' is missing but a required field`)
}

/**
 * Runs `one` for each statement. What a statement does wrong becomes its entry in `writeErrors`; a conflict between
 * transactions concerns the whole command and is thrown.
 */
export function runStatements<T>(
  request: Request,
  statements: readonly T[],
  one: (statement: T, index: number) => void,
): { writeErrors?: Doc[] } {
  const ordered = request.body.ordered === undefined || booleanOption(request.body, 'ordered')
  const writeErrors: Record<string, unknown>[] = []
  let textBytes = 0
  for (const [index, statement] of statements.entries()) {
    try {
      one(statement, index)
    } catch (error) {
      if (!(error instanceof CommandError) || isTransient(error)) throw error
      // As in MongoDB, the texts of many errors stop at a limit, so that the reply stays small.
      const told = { errmsg: error.message, ...error.extra }
      textBytes += calculateObjectSize(told)
      writeErrors.push({ index, code: error.code, ...(textBytes > maxTextBytes ? { errmsg: '' } : told) })
      // A transaction cannot go on after an error, whatever the order.
      if (ordered || request.unit.isTransaction) break
    }
  }
  return writeErrors.length === 0 ? {} : { writeErrors: writeErrors as unknown as Doc[] }
}
