// From a request to its reply: finds the command, checks its options, and runs it by itself, in a transaction, or as a
// retryable write. A reply is sent only when everything that it tells is durable.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Long } from 'bson'
import type { Command, Request, Server } from './commands/command.ts'
import { checkOptions, wholeOption } from './commands/options.ts'
import { commands } from './commands/registry.ts'
import { checkReplySize } from './encode.ts'
import { CommandError, fail, isTransient } from './errors.ts'
import { type Reply, sessionId } from './sessions.ts'
import type { Change } from './store/disk.ts'
import type { Store } from './store/store.ts'
import { BlockedError } from './store/unit-of-work.ts'
import type { Doc } from './values.ts'

/** An error of the client becomes a reply. If this throws, the server itself has a defect. */
export async function dispatch(server: Server, connectionId: number, body: Doc): Promise<Reply> {
  try {
    const reply = await route(server, connectionId, body)
    server.onDurable?.(body)
    return { ...reply, ok: 1 }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return errorReply(error, body)
  }
}

export function errorReply(error: CommandError, body: Doc): Reply {
  const labels = body.autocommit === false && isTransient(error) ? { errorLabels: ['TransientTransactionError'] } : {}
  return { ok: 0, errmsg: error.message, code: error.code, codeName: error.codeName, ...error.extra, ...labels }
}

/** Every failure ends its transaction: aborts the transaction that a refused command names, if it is open. */
export function abortTransactionOf(server: Server, body: Doc): void {
  const { lsid, txnNumber, autocommit } = body
  if (autocommit !== false || lsid === undefined || typeof txnNumber !== 'number') return
  try {
    server.sessions.abortIfOpen(sessionId(lsid), txnNumber)
  } catch (error) {
    // An invalid session has no transaction.
    if (!(error instanceof CommandError)) throw error
  }
}

async function route(server: Server, connectionId: number, body: Doc): Promise<Reply> {
  const { command, request, number } = parse(server, connectionId, body)
  if (body.autocommit !== undefined) return runInTransaction(command, request, number)
  if (body.startTransaction !== undefined) fail('InvalidOptions', 'startTransaction needs autocommit: false')
  if (number === undefined) return runPlain(command, request, () => [])
  const { name } = request
  if (!command.retryable) {
    fail(
      'NotARetryableWriteCommand',
      `txnNumber may only be provided for multi-document transactions and retryable write commands. autocommit:false was not provided, and ${name} is not a retryable write command.`,
    )
  }
  if (request.session === undefined)
    return fail('InvalidOptions', 'Transaction number requires a session ID to also be specified')
  return server.sessions.runOnce(request.session, number, `${name} ${body[name]}`, (recordOf) =>
    runPlain(command, request, (reply) => [recordOf(reply)]),
  )
}

type UnitlessRequest = Omit<Request, 'unit'>

/** Finds the command and checks its options. Throws if this server cannot run it. */
function parse(
  server: Server,
  connectionId: number,
  body: Doc,
): { command: Command; request: UnitlessRequest; number: number | undefined } {
  try {
    const name = Object.keys(body)[0] ?? ''
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (command === undefined) return fail('CommandNotFound', `no such command: '${name}'`)
    checkOptions(name, command, body)
    const database = checkedDatabase(body.$db)
    if (command.adminOnly && database !== 'admin')
      fail('Unauthorized', `${name} may only be run against the admin database.`)
    const session = body.lsid === undefined ? undefined : sessionId(body.lsid)
    const request = { name, body, database, server, connectionId, session, transaction: undefined }
    return { command, request, number: wholeOption(body, 'txnNumber') }
  } catch (error) {
    abortTransactionOf(server, body)
    throw error
  }
}

/**
 * Runs a command outside transactions, in a unit of work of its own. If it is blocked, it waits and runs again. If it has
 * read what the disk then refused, it runs again; if it has written that, it fails.
 */
async function runPlain(
  command: Command,
  request: UnitlessRequest,
  record: (reply: Reply) => Change[],
): Promise<Reply> {
  const { store } = request.server
  const maxTime = wholeOption(request.body, 'maxTimeMS') ?? 0
  const deadline = maxTime === 0 ? Number.POSITIVE_INFINITY : Date.now() + maxTime
  for (;;) {
    const unit = store.begin(false)
    let reply: Reply
    try {
      reply = command.run({ ...request, unit })
      if (!unit.isReadOnly) checkReplySize(reply)
      store.commit(unit, unit.isReadOnly ? [] : record(reply))
    } catch (error) {
      store.abort(unit)
      if (error instanceof BlockedError) {
        await waitForUnlock(error, deadline)
        continue
      }
      // An error can also tell of data that is not durable yet, as that of a duplicate key does.
      if ((await refusalOf(store)) === undefined) throw error
      continue
    }
    const refusal = await refusalOf(store)
    if (refusal === undefined || command.runsOnce) return reply
    if (!unit.isReadOnly) throw refusal
    discard(request, reply)
  }
}

/** Waits for the flush. The error of the disk if it refused what was committed; else undefined. */
function refusalOf(store: Store): Promise<unknown> {
  return store.settled().then(
    () => undefined,
    (error: unknown) => error,
  )
}

/** Closes the cursor of a reply that is not sent. */
function discard({ server }: UnitlessRequest, { cursor }: Reply): void {
  if (!cursor) return
  const { id, ns } = cursor as { id: Long; ns: string }
  server.cursors.kill(id.toNumber(), ns)
}

/** Waits for the end of the blocking unit. Commands that wait for one unit go on in the order in which they came. */
async function waitForUnlock(blocked: BlockedError, deadline: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const turn = new Promise<void>((resolve, reject) => {
    blocked.by.whenEnded(resolve)
    if (deadline === Number.POSITIVE_INFINITY) return
    const late = new CommandError('MaxTimeMSExpired', 'operation exceeded time limit')
    timer = setTimeout(() => reject(late), Math.max(0, deadline - Date.now()))
  })
  const { redefining } = blocked
  if (redefining !== undefined) redefining.waitingDefinitions++
  try {
    await turn
  } finally {
    clearTimeout(timer)
    if (redefining !== undefined) redefining.waitingDefinitions--
  }
}

async function runInTransaction(
  command: Command,
  request: UnitlessRequest,
  number: number | undefined,
): Promise<Reply> {
  const { body, name, server, session: id } = request
  if (body.autocommit !== false) return fail('InvalidOptions', 'Specifying autocommit=true is not allowed.')
  if (id === undefined || number === undefined)
    return fail('InvalidOptions', "'autocommit' field requires a transaction number and a session")
  if (body.startTransaction !== undefined && body.startTransaction !== true) {
    return fail('InvalidOptions', 'Specifying startTransaction=false is not allowed.')
  }
  const start = body.startTransaction === true
  if (start) await server.sessions.waitForOlderWrite(id, number)
  if (name === 'commitTransaction' || name === 'abortTransaction') {
    if (start) return fail('OperationNotSupportedInTransaction', `Cannot start a transaction with ${name}`)
    if (name === 'commitTransaction') await server.sessions.commit(id, number)
    else server.sessions.abort(id, number)
    return {}
  }
  if (!command.inTransaction) return refuseInTransaction(request, number, start)
  const { unit, session, end } = server.sessions.enterTransaction(id, number, start)
  try {
    if (body.readConcern !== undefined && !start) {
      fail('InvalidOptions', 'Only the first command in a transaction may specify a readConcern')
    }
    if (body.writeConcern !== undefined)
      fail('InvalidOptions', 'writeConcern is not allowed within a multi-statement transaction')
    const reply = command.run({ ...request, unit, transaction: number })
    if (reply.cursor === undefined) checkReplySize(reply)
    // Every failure ends the transaction, also a duplicate key in one of several statements.
    if (reply.writeErrors !== undefined) server.sessions.abortOpen(session)
    // Let the commands that have arrived on other connections run first, so that overlapping commands are refused.
    await nextTurn()
    await refusalOf(server.store)
    if (unit.isLost) fail('NoSuchTransaction', `Transaction with { txnNumber: ${number} } has been aborted.`)
    return reply
  } catch (error) {
    server.sessions.abortOpen(session)
    await refusalOf(server.store) // an error can also tell of data that is not durable yet
    throw error
  } finally {
    end()
  }
}

function refuseInTransaction(request: UnitlessRequest, number: number, start: boolean): never {
  const { session, end } = request.server.sessions.enterTransaction(request.session!, number, start)
  request.server.sessions.abortOpen(session)
  end()
  return fail('OperationNotSupportedInTransaction', `Cannot run '${request.name}' in a multi-document transaction.`)
}

function checkedDatabase(name: unknown): string {
  if (typeof name !== 'string') return fail('Location40571', 'OP_MSG requests require a $db argument')
  return name
}
