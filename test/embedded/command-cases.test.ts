// Runs the cases of commands. The driver sends them, and adds the database, the session and the read preference.
import { randomUUID } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { type ClientSession, Long } from 'mongodb'
import { commands } from '../../embedded/commands/registry.ts'
import { type CommandStep, known } from './cases/command-steps.ts'
import { commandCases, handshakes, refusedByEmbedded } from './cases/commands.ts'
import { rawClient } from './raw.ts'
import { type AnyDocument, describeEmbedded, errorOf, useServer } from './support.ts'

const fixture = useServer()

/** Rises with each case, because the driver reuses sessions, and a session refuses older numbers. */
let numbers = 0

describe.each([
  ['a command', {}],
  ['a command with a comment and a time limit', { comment: 'x', maxTimeMS: 30_000 }],
])('%s:', (_title, generic) => {
  for (const [sentence, ...steps] of commandCases) {
    test(sentence, () => run(steps, generic))
  }
})

async function run(steps: CommandStep[], generic: AnyDocument): Promise<void> {
  const { client } = fixture
  const db = client.db(`test-${randomUUID()}`)
  const [own, other] = [newSession(), newSession()]
  const values: AnyDocument = {
    [known.database]: db.databaseName,
    [known.session]: own.id,
    [known.number]: Long.fromNumber(own.serverSession.txnNumber),
  }
  try {
    for (const [given, answer, { on, otherSession, readPreference = 'primary' } = {}] of steps) {
      const command = { ...given, ...generic, ...given }
      // MongoDB refuses a time limit in getMore, which does not wait.
      if ('getMore' in given && given.maxTimeMS === undefined) delete command.maxTimeMS
      const call = (on === undefined ? db : client.db(on)).command(filledIn(command, values), {
        session: otherSession ? other : own,
        readPreference,
      })
      if (typeof answer === 'number') {
        expect(await errorOf(call)).toMatchObject({ code: answer })
        continue
      }
      const reply = await call
      const id = reply.cursor?.id
      // The driver would send a plain number as a double, which is not valid as the id of a cursor.
      if (id) values[known.cursor] = Long.fromValue(id)
      expect(narrowed(reply, answer)).toEqual(filledIn(answer, { ...values, [known.cursor]: id || shown(values) }))
    }
  } finally {
    // A case may leave its transaction open. Without an open transaction this is refused, which is fine.
    const abort = { abortTransaction: 1, txnNumber: values[known.number], autocommit: false }
    await client
      .db('admin')
      .command(abort, { session: own })
      .catch(() => {})
    await db.dropDatabase()
    await Promise.all([own.endSession(), other.endSession()])
  }
}

function newSession(): ClientSession {
  const session = fixture.client.startSession({ causalConsistency: false })
  session.serverSession.txnNumber = ++numbers
  return session
}

/** The id of the last cursor, as replies show it. */
function shown(values: AnyDocument): unknown {
  const id: Long | undefined = values[known.cursor]
  return id !== undefined && Number.isSafeInteger(id.toNumber()) ? id.toNumber() : id
}

/** A copy in which the placeholders of `known` are replaced by their values. */
function filledIn(value: AnyDocument, values: AnyDocument): AnyDocument {
  if (typeof value === 'string') {
    if (value in values) return values[value]
    return value.replace(known.database, values[known.database])
  }
  if (Array.isArray(value)) return value.map((one) => filledIn(one, values))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, filledIn(inner, values)]))
}

/** The fields of a reply that the answer names, also inside its cursor. */
function narrowed(reply: AnyDocument, answer: AnyDocument): AnyDocument {
  return Object.fromEntries(
    Object.keys(answer).map((name) => [name, name === 'cursor' ? narrowed(reply.cursor, answer.cursor) : reply[name]]),
  )
}

describeEmbedded('the embedded server', () => {
  for (const command of handshakes) {
    test(`accepts the handshake by ${Object.keys(command)[0]}`, async () => {
      const raw = await rawClient(fixture.uri)
      expect(await raw.command({ ...command, $db: 'admin' })).toMatchObject({ ok: 1 })
      raw.socket.destroy()
    })
  }

  for (const [what, command, code = 238] of refusedByEmbedded) {
    test(`refuses ${what} (${code})`, async () => {
      expect(await errorOf(fixture.db.command(command))).toMatchObject({ code })
    })
  }

  test('refuses a read preference that asks for more than a mode', async () => {
    const command = { ping: 1, $db: 'admin', $readPreference: { mode: 'nearest', tags: [] } }
    const raw = await rawClient(fixture.uri)
    expect(await raw.command(command)).toMatchObject({ ok: 0, code: 238 })
    raw.socket.destroy()
  })

  test.each(Object.keys(commands))('names the unknown option of %s that it refuses', async (name) => {
    const error = await errorOf(fixture.client.db('admin').command({ [name]: 1, madeUp: 1 }))
    expect(error).toMatchObject({ code: 238 })
    expect(error.message).toContain(`'madeUp' of ${name}`)
  })
})
