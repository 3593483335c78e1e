// The commands about the server itself and its databases, and the end of cursors.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { serialize } from 'bson'
import { message, rawClient } from './raw.ts'
import { describeEmbedded, errorOf, useServer } from './support.ts'

const fixture = useServer()
const admin = () => fixture.client.db('admin')

describe('the server', () => {
  test('describes its host, its version and the client', async () => {
    expect((await admin().command({ hostInfo: 1 })).system.numCores).toBeGreaterThan(0)
    const { authInfo } = await admin().command({ connectionStatus: 1 })
    expect(authInfo).toMatchObject({ authenticatedUsers: [], authenticatedUserRoles: [] })
    const parameter = { getParameter: 1, featureCompatibilityVersion: 1 }
    expect((await admin().command(parameter)).featureCompatibilityVersion.version).toMatch(/^\d/)
  })

  test('lists databases by name and by a filter', async () => {
    await fixture.collection().insertOne({})
    const name = fixture.db.databaseName
    const { databases } = await admin().command({ listDatabases: 1, nameOnly: true, filter: { name } })
    expect(databases).toEqual([{ name }])
    expect((await admin().command({ listDatabases: 1, filter: { name: 'nope' } })).databases).toEqual([])
  })

  test('runs admin commands on the database admin only', async () => {
    expect(await errorOf(fixture.db.command({ listDatabases: 1 }))).toMatchObject({ code: 13 })
  })
})

describeEmbedded('the embedded server refuses by code', () => {
  const refused: [string, Record<string, unknown>, number][] = [
    ['serverStatus', { serverStatus: 1 }, 59],
    ['collStats', { collStats: 'c' }, 59],
    ['dbStats', { dbStats: 1 }, 59],
    ['explain', { explain: { find: 'c' } }, 59],
    ['an unknown parameter', { getParameter: 1, logLevel: 1 }, 238],
    ['no parameter at all', { getParameter: 1 }, 72],
  ]
  for (const [name, command, code] of refused) {
    test(`${name} (${code})`, async () => {
      expect(await errorOf(admin().command(command))).toMatchObject({ code })
    })
  }

  test('bulkWrite of the client with a clear error', async () => {
    const namespace = `${fixture.db.databaseName}.bulk`
    const write = fixture.client.bulkWrite([{ name: 'insertOne', namespace, document: {} }])
    expect((await errorOf(write)).cause).toMatchObject({ code: 59 })
    expect(await fixture.db.collection('bulk').countDocuments()).toBe(0)
  })

  test('explain of a cursor', async () => {
    expect(await errorOf(fixture.collection().find().explain())).toMatchObject({ code: 59 })
  })

  test('any command except hello in the old message form', async () => {
    const raw = await rawClient(fixture.uri)
    const old = (body: object) => {
      const query = Buffer.concat([Buffer.alloc(4), Buffer.from('admin.$cmd\0'), Buffer.alloc(8), serialize(body)])
      const head = Buffer.alloc(16)
      head.writeInt32LE(16 + query.length, 0)
      head.writeInt32LE(2004, 12)
      return Buffer.concat([head, query])
    }
    raw.socket.write(old({ listDatabases: 1 }))
    const [refusal] = (await once(raw.socket, 'data')) as [Buffer]
    expect(refusal.toString('latin1')).toContain('UnsupportedOpQueryCommand')
    raw.socket.write(old({ isMaster: 1 }))
    const [answer] = (await once(raw.socket, 'data')) as [Buffer]
    expect(answer.toString('latin1')).toContain('maxWireVersion')
    raw.socket.write(message({ ping: 1, $db: 'x' }))
    await once(raw.socket, 'data')
    raw.socket.destroy()
  })
})

describe('a cursor', () => {
  const documents = Array.from({ length: 10 }, (_, _id) => ({ _id }))

  test('that is closed cannot be continued', async () => {
    const collection = fixture.collection()
    await collection.insertMany(documents)
    const { cursor } = await fixture.db.command({ find: collection.collectionName, batchSize: 2 })
    const kill = { killCursors: collection.collectionName, cursors: [cursor.id] }
    expect((await fixture.db.command(kill)).cursorsKilled).toHaveLength(1)
    expect((await fixture.db.command(kill)).cursorsNotFound).toHaveLength(1)
    const more = fixture.db.command({ getMore: cursor.id, collection: collection.collectionName })
    expect(await errorOf(more)).toMatchObject({ code: 43 })
  })

  describeEmbedded('of the embedded server', () => {
    const quick = useServer({ cursorLifetime: 100, expiryInterval: 10 })

    test('stays open while it is used, and expires when it is idle', async () => {
      const collection = quick.collection()
      await collection.insertMany(documents)
      const cursor = collection.find({}, { batchSize: 2 })
      for (let batch = 0; batch < 4; batch++) {
        await cursor.next()
        await cursor.next()
        await delay(40)
      }
      await delay(200)
      expect(await errorOf(cursor.next())).toMatchObject({ code: 43 })
    })

    test('ends with its session', async () => {
      const collection = fixture.collection()
      await collection.insertMany(documents)
      const session = fixture.client.startSession()
      const cursor = collection.find({}, { batchSize: 2, session })
      await cursor.next()
      await fixture.client.db('admin').command({ endSessions: [session.id] })
      await cursor.next()
      expect(await errorOf(cursor.next())).toMatchObject({ code: 43 })
      await session.endSession()
    })
  })
})
