// Hostile clients: invalid messages, and far too many valid ones. The server survives, and its memory stays bounded.
import { once } from 'node:events'
import { createConnection } from 'node:net'
import { expect, test } from '@jest/globals'
import { type Document, serialize, UUID } from 'bson'
import { message, rawClient, socketPath } from './raw.ts'
import { type AnyDocument, describeEmbedded, errorOf, useServer } from './support.ts'

const maxMessageMemory = 4_000_000
const fixture = useServer({ maxMessageMemory })
const roomy = useServer()

const isUp = async () => expect(await fixture.db.command({ ping: 1 })).toMatchObject({ ok: 1 })

async function ask(command: Document, uri = roomy.uri): Promise<Document> {
  const raw = await rawClient(uri)
  const reply = await raw.command(command.$db === undefined ? { ...command, $db: 'x' } : command)
  raw.socket.destroy()
  return reply
}

/** A document with these fields, as bytes. It can be larger than bson can write at once. */
function large(...parts: Document[]): Buffer {
  const fields = parts.map((part) => Buffer.from(serialize(part)).subarray(4, -1))
  const length = Buffer.alloc(4)
  length.writeInt32LE(5 + fields.reduce((sum, field) => sum + field.length, 0))
  return Buffer.concat([length, ...fields, Buffer.from([0])])
}

/** Inserts such a document without a driver. */
async function insertLarge(document: Buffer): Promise<Document> {
  const raw = await rawClient(roomy.uri)
  const sequence = Buffer.concat([Buffer.alloc(5), Buffer.from('documents\0'), document])
  sequence[0] = 1
  sequence.writeInt32LE(sequence.length - 1, 1)
  const body = Buffer.from(serialize({ insert: 'large', $db: 'x' }))
  const reply = await raw.command(Buffer.concat([body, sequence]))
  raw.socket.destroy()
  return reply
}

describeEmbedded('the server survives', () => {
  test('thousands of connections, opened and closed', async () => {
    for (let round = 0; round < 100; round++) {
      const sockets = Array.from({ length: 30 }, () => createConnection(socketPath(fixture.uri)))
      await Promise.all(sockets.map((socket) => once(socket, 'connect')))
      for (const [at, socket] of sockets.entries()) {
        if (at % 3 === 0) socket.write(message({ ping: 1, $db: 'x' }))
        if (at % 3 === 1) socket.write(Buffer.from([50, 0, 0, 0, 1]))
        socket.destroy()
      }
    }
    await isUp()
  })

  test('unfinished messages: it closes the connections with the most bytes', async () => {
    const begun = Buffer.alloc(1_000_000)
    begun.writeInt32LE(40_000_000, 0)
    const sockets = Array.from({ length: 8 }, () => createConnection(socketPath(fixture.uri)))
    await Promise.all(sockets.map((socket) => once(socket, 'connect')))
    let closed = 0
    for (const socket of sockets) {
      socket.on('error', () => {})
      socket.on('close', () => closed++)
      await new Promise((resolve) => socket.write(begun, resolve))
    }
    await isUp()
    expect(closed).toBeGreaterThan(0)
    expect(closed).toBeLessThan(sockets.length)
    for (const socket of sockets) socket.destroy()
    await isUp()
  })

  test('a client that sends many commands and never reads the replies', async () => {
    const collection = fixture.collection()
    await collection.insertOne({ _id: 1, body: 'x'.repeat(500_000) })
    const socket = createConnection(socketPath(fixture.uri))
    await once(socket, 'connect')
    const request = message({ find: collection.collectionName, $db: fixture.db.databaseName })
    const before = process.memoryUsage().rss
    for (let at = 0; at < 2_000; at++) socket.write(request)
    for (let at = 0; at < 20; at++) await isUp()
    // All replies together would have a gigabyte.
    expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000)
    socket.destroy()
    await isUp()
  })

  test('a message byte by byte', async () => {
    const socket = createConnection(socketPath(fixture.uri))
    await once(socket, 'connect')
    const bytes = message({ ping: 1, $db: 'x', comment: 'x'.repeat(300) })
    for (const byte of bytes) await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve))
    await once(socket, 'data')
    socket.destroy()
  })

  test('connections that stay open half-way', async () => {
    const socket = createConnection({ path: socketPath(fixture.uri), allowHalfOpen: true })
    await once(socket, 'connect')
    const ended = once(socket, 'end')
    socket.end(message({ ping: 1, $db: 'x' }))
    socket.resume()
    await ended
    await isUp()
  })

  test('a command whose name is twenty megabytes long', async () => {
    const raw = await rawClient(roomy.uri)
    const name = Buffer.concat([Buffer.from([0x10]), Buffer.alloc(20_000_000, 'x'), Buffer.alloc(5)])
    const length = Buffer.alloc(4)
    length.writeInt32LE(name.length + 5)
    const reply = await raw.command(Buffer.concat([length, name, Buffer.from([0])]))
    raw.socket.destroy()
    expect(reply).toMatchObject({ ok: 0, code: 59 })
    expect(reply.errmsg.length).toBeLessThan(20_000)
  })

  test('a batch of errors whose messages do not fit into a reply', async () => {
    const documents = Array.from({ length: 15 }, () => ({ _id: 'k'.repeat(1_000_000) }))
    const reply = await ask({ insert: 'errors', documents, ordered: false })
    expect(reply).toMatchObject({ ok: 1, n: 1 })
    expect(reply.writeErrors).toHaveLength(14)
    expect(reply.writeErrors.at(-1)).toEqual({ index: 14, code: 11000, errmsg: '' })
  })
})

describeEmbedded('a document', () => {
  const megabytes = (count: number) => 'x'.repeat(count * 1_000_000)

  test('of 17 MB is refused, whether it is inserted, updated or returned', async () => {
    const collection = roomy.collection()
    expect(await errorOf(collection.insertOne({ a: megabytes(17) }))).toBeDefined()
    expect(await insertLarge(large({ _id: 1, a: megabytes(17) }))).toMatchObject({ writeErrors: [{ code: 2 }] })
    const forty = large({ _id: 1 }, { a: megabytes(15) }, { b: megabytes(15) }, { c: megabytes(10) })
    expect(await insertLarge(forty)).toMatchObject({ writeErrors: [{ code: 2 }] })
    await collection.insertOne({ _id: 1, list: [megabytes(10)] } as AnyDocument)
    const grow = collection.updateOne({ _id: 1 }, { $push: { list: megabytes(10) } } as AnyDocument)
    expect(await errorOf(grow)).toMatchObject({ code: 17419 })
    const grouped = collection.aggregate([{ $addFields: { again: '$list', third: '$list' } }]).toArray()
    expect(await errorOf(grouped)).toMatchObject({ code: 10334 })
    expect(await collection.countDocuments()).toBe(1)
  })

  test('of just under 16 MB is stored, found and modified', async () => {
    const collection = roomy.collection()
    const body = 'x'.repeat(16 * 1024 * 1024 - 100)
    await collection.insertOne({ _id: 1, body } as AnyDocument)
    const found = await collection.findOneAndUpdate({ _id: 1 } as AnyDocument, { $set: { n: 1 } } as AnyDocument)
    expect(found.body).toHaveLength(body.length)
    expect(await collection.findOne({ n: 1 })).not.toBeNull()
  })

  test('with text that is not UTF-8 is refused by code, and nothing of it is stored', async () => {
    const raw = await rawClient(roomy.uri)
    const bytes = Buffer.from(serialize({ insert: 'utf', documents: [{ a: 'QQ' }], $db: 'x' }))
    bytes.set([0xc3, 0x28], bytes.indexOf('QQ'))
    raw.socket.write(message(bytes))
    const [reply] = (await once(raw.socket, 'data')) as [Buffer]
    expect(reply.toString('latin1')).toContain('InvalidBSON')
    expect(await raw.command({ count: 'utf', $db: 'x' })).toEqual({ n: 0, ok: 1 })
    raw.socket.destroy()
  })

  test('that cannot be read ends its transaction', async () => {
    const collection = roomy.collection()
    await collection.insertOne({ _id: 1 })
    const of = { lsid: { id: new UUID() }, txnNumber: 1n, autocommit: false }
    const $db = roomy.db.databaseName
    const insert = { insert: collection.collectionName, documents: [{ _id: 2 }], $db, ...of }
    expect(await ask({ ...insert, startTransaction: true })).toMatchObject({ ok: 1 })
    expect(await ask({ ...insert, documents: [{ _id: 3, n: 2n ** 60n }] })).toMatchObject({ ok: 0, code: 238 })
    expect(await ask({ commitTransaction: 1, ...of, $db: 'admin' })).toMatchObject({ ok: 0, code: 251 })
    expect(await collection.countDocuments()).toBe(1)
  })
})

describeEmbedded('a write without acknowledgement', () => {
  test('takes effect even if its client goes away at once, and its errors are not reported', async () => {
    const { collectionName } = roomy.collection()
    const $db = roomy.db.databaseName
    const write = (_id: number) =>
      message({ insert: collectionName, documents: [{ _id }], writeConcern: { w: 0 }, $db }, 2)
    const raw = await rawClient(roomy.uri)
    raw.socket.end(Buffer.concat([write(1), write(1), write(2)]))
    await once(raw.socket, 'close')
    for (let tries = 0; tries < 100; tries++) {
      if ((await ask({ count: collectionName, $db })).n === 2) return
    }
    throw new Error('the writes were not done')
  })
})
