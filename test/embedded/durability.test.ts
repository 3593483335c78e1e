// What survives the end of the server, and that a retry takes effect once.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type Document, Long, UUID } from 'bson'
import { MongoClient } from 'mongodb'
import { startEmbeddedServer } from '../../embedded/server.ts'
import { Disk } from '../../embedded/store/disk.ts'
import { startEmbeddedWorker } from '../../embedded/worker.ts'
import { NODE_COMPILE_CACHE } from '../support/compile-cache.ts'
import { rawClient, socketPath } from './raw.ts'
import { type AnyDocument, describeEmbedded, errorOf, temporaryDirectory } from './support.ts'

let directory: Awaited<ReturnType<typeof temporaryDirectory>>
beforeEach(async () => {
  directory = await temporaryDirectory('Alkaid-Test-')
})
afterEach(() => directory.remove())

/** Runs `work` on a server on the directory of the test, and closes the server. */
async function withServer<T>(run: (client: MongoClient, uri: string) => Promise<T>): Promise<T> {
  const server = await startEmbeddedServer({ dataDir: directory.path })
  const client = new MongoClient(server.uri)
  try {
    return await run(client, server.uri)
  } finally {
    await client.close()
    await server.close()
  }
}

const things = (client: MongoClient) => client.db('d').collection<AnyDocument>('things')

/** Starts a server process. The caller ends it. */
async function spawnServer(): Promise<{ child: ChildProcess; uri: string }> {
  const script = new URL('./crash-writer.ts', import.meta.url).pathname
  const env = { ...process.env, NODE_COMPILE_CACHE }
  const child = spawn(process.execPath, [script, directory.path], { stdio: ['ignore', 'pipe', 'inherit'], env })
  const [line] = (await once(child.stdout!, 'data')) as [Buffer]
  return { child, uri: line.toString().trim() }
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

describeEmbedded('a restart', () => {
  test('keeps documents, collections and indexes', async () => {
    const documents = [
      { _id: 1, a: new Date(5), b: [1, { c: null }] },
      { _id: 2, k: 'x' },
    ]
    await withServer(async (client) => {
      await things(client).insertMany(documents)
      await things(client).createIndex({ k: 1 }, { unique: true, sparse: true })
      await client.db('d').createCollection('empty')
      await things(client).insertOne({ _id: 3 })
      await things(client).deleteOne({ _id: 3 })
    })
    await withServer(async (client) => {
      expect(await things(client).find().toArray()).toEqual(documents)
      expect(await errorOf(things(client).insertOne({ k: 'x' }))).toMatchObject({ code: 11000 })
      const names = (await client.db('d').listCollections().toArray()).map(({ name }) => name)
      expect(names).toEqual(['empty', 'things'])
    })
  })

  test('loses an open transaction', async () => {
    await withServer(async (client) => {
      await things(client).insertOne({ _id: 1 })
      const session = client.startSession()
      session.startTransaction()
      await things(client).insertOne({ _id: 2 }, { session })
    })
    await withServer(async (client) => expect(await things(client).countDocuments()).toBe(1))
  })

  test('answers a retried write as before, and runs it once', async () => {
    const write = retryable({ update: 'things', updates: [{ q: { _id: 1 }, u: { $inc: { n: 1 } }, upsert: true }] })
    const first = await withServer((_, uri) => send(uri, write))
    const second = await withServer((_, uri) => send(uri, write))
    expect(first).toMatchObject({ ok: 1, n: 1, upserted: [{ index: 0, _id: 1 }] })
    expect(second).toEqual(first)
    await withServer(async (client) => expect(await things(client).find().toArray()).toEqual([{ _id: 1, n: 1 }]))
  })

  test('answers a retried commit as before', async () => {
    const number = { lsid: { id: new UUID() }, txnNumber: Long.fromNumber(1), autocommit: false }
    const insert = { insert: 'things', documents: [{ _id: 1 }], $db: 'd', startTransaction: true, ...number }
    const commit = { commitTransaction: 1, $db: 'admin', ...number }
    await withServer(async (_, uri) => {
      expect(await send(uri, insert)).toMatchObject({ ok: 1, n: 1 })
      expect(await send(uri, commit)).toMatchObject({ ok: 1 })
    })
    await withServer(async (client, uri) => {
      expect(await send(uri, commit)).toMatchObject({ ok: 1 })
      expect(await things(client).countDocuments()).toBe(1)
    })
  })
})

function retryable(command: Document): Document {
  return { ...command, $db: 'd', lsid: { id: new UUID() }, txnNumber: Long.fromNumber(1) }
}

async function send(uri: string, command: Document): Promise<Document> {
  const raw = await rawClient(uri)
  const reply = await raw.command(command)
  raw.socket.destroy()
  return reply
}

describeEmbedded('a retried write', () => {
  test('runs once while the first attempt still waits, and both get its reply', async () => {
    await withServer(async (client, uri) => {
      await things(client).insertOne({ _id: 1, n: 0 })
      const session = client.startSession()
      session.startTransaction()
      await things(client).updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session })
      const write = retryable({ update: 'things', updates: [{ q: { _id: 1 }, u: { $inc: { n: 10 } } }] })
      const both = [send(uri, write), send(uri, write)]
      await delay(20)
      await session.commitTransaction()
      expect(await Promise.all(both)).toEqual([
        { ok: 1, n: 1, nModified: 1 },
        { ok: 1, n: 1, nModified: 1 },
      ])
      expect(await things(client).findOne()).toEqual({ _id: 1, n: 11 })
    })
  })

  test('runs once when its connection broke before the reply', async () => {
    await withServer(async (client, uri) => {
      const write = retryable({ insert: 'things', documents: [{ a: 1 }, { a: 2 }] })
      const raw = await rawClient(uri)
      void raw.command(write).catch(() => {})
      await delay(0)
      raw.socket.destroy()
      expect(await send(uri, write)).toEqual({ n: 2, ok: 1 })
      expect(await things(client).countDocuments()).toBe(2)
    })
  })

  test('is refused if it is another command', async () => {
    await withServer(async (_, uri) => {
      const write = retryable({ insert: 'things', documents: [{ a: 1 }] })
      await send(uri, write)
      const other = { ...write, insert: 'others' }
      expect(await send(uri, other)).toMatchObject({ ok: 0, code: 217 })
    })
  })
})

describeEmbedded('a kill', () => {
  test('loses no acknowledged write, leaves no half transaction, and lets the next server start', async () => {
    const acknowledged = { single: 0, pairs: 0 }
    for (let round = 0; round < 20; round++) {
      const { child, uri } = await spawnServer()
      const client = new MongoClient(uri, { serverSelectionTimeoutMS: 300, retryWrites: false })
      const collection = client.db('d').collection<AnyDocument>('c')
      if (round === 0)
        await collection.insertMany([
          { _id: 'single', n: 0 },
          { _id: 'a', n: 0 },
          { _id: 'b', n: 0 },
        ])
      await verify(collection, acknowledged)
      const writing = [writeSingles(collection, acknowledged), writePairs(client, collection, acknowledged)]
      await delay(5 + Math.random() * 40)
      await kill(child)
      await Promise.all(writing)
      await client.close()
    }
    await withServer((client) => verify(client.db('d').collection<AnyDocument>('c'), acknowledged))
  })
})

type Things = ReturnType<typeof things>
interface Acknowledged {
  single: number
  pairs: number
}

/** Each counter equals its acknowledged writes, or one more: the kill can cut off the reply of the last write. */
async function verify(collection: Things, acknowledged: Acknowledged): Promise<void> {
  const [a, b, single] = await collection.find().sort({ _id: 1 }).toArray()
  expect(a.n).toBe(b.n)
  expect([acknowledged.pairs, acknowledged.pairs + 1]).toContain(a.n)
  expect([acknowledged.single, acknowledged.single + 1]).toContain(single.n)
  acknowledged.pairs = a.n
  acknowledged.single = single.n
}

async function writeSingles(collection: Things, acknowledged: Acknowledged): Promise<void> {
  for (;;) {
    const done = await collection.updateOne({ _id: 'single' }, { $inc: { n: 1 } }).catch(() => undefined)
    if (done === undefined) return
    acknowledged.single++
  }
}

async function writePairs(client: MongoClient, collection: Things, acknowledged: Acknowledged): Promise<void> {
  for (;;) {
    const session = client.startSession()
    try {
      session.startTransaction()
      await collection.updateOne({ _id: 'a' }, { $inc: { n: 1 } }, { session })
      await collection.updateOne({ _id: 'b' }, { $inc: { n: 1 } }, { session })
      await session.commitTransaction()
      acknowledged.pairs++
    } catch {
      return // the server is gone
    } finally {
      await session.endSession().catch(() => {})
    }
  }
}

describeEmbedded('the data directory', () => {
  test('belongs to one server at a time, and the error names it', async () => {
    await withServer(async () => {
      const error = await errorOf(startEmbeddedServer({ dataDir: directory.path }))
      expect(error.message).toContain(`The data directory ${directory.path} is in use by another embedded server.`)
    })
  })

  test('is free again after a kill', async () => {
    const { child } = await spawnServer()
    await kill(child)
    await withServer((client) => things(client).insertOne({ _id: 1 }))
  })

  test('is written with full synchronisation', () => {
    const disk = new Disk(directory.path)
    expect(disk.synchronous).toBe(2)
    expect(disk.journal).toBe('wal')
    disk.close()
  })
})

describeEmbedded('the socket', () => {
  test('is accessible to its owner only, and is removed at the end', async () => {
    const uri = await withServer(async (_, uri) => {
      expect(statSync(socketPath(uri)).mode & 0o777).toBe(0o600)
      return uri
    })
    expect(() => statSync(socketPath(uri))).toThrow('ENOENT')
  })

  for (const [name, folder] of [
    ['is too long', 'x'.repeat(100)],
    ['contains a percent sign', 'a%41b'],
  ] as const) {
    test(`is in a private folder if the path ${name}`, async () => {
      const dataDir = join(directory.path, folder)
      mkdirSync(dataDir)
      const server = await startEmbeddedServer({ dataDir })
      const client = new MongoClient(server.uri)
      await things(client).insertOne({ _id: 1 })
      const path = socketPath(server.uri)
      expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100)
      expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700)
      await client.close()
      await server.close()
      expect(() => statSync(join(path, '..'))).toThrow('ENOENT')
    })
  }
})

describeEmbedded('the server in a worker thread', () => {
  test('serves, closes, and leaves its data', async () => {
    const worker = await startEmbeddedWorker({ dataDir: directory.path })
    const client = new MongoClient(worker.uri)
    await things(client).insertOne({ _id: 1 })
    await client.close()
    await worker.close()
    await withServer(async (client) => expect(await things(client).findOne()).toEqual({ _id: 1 }))
  })

  test('reports an unexpected end, and the next server finds its data', async () => {
    const script = new URL('./failing-thread.ts', import.meta.url)
    const worker = await startEmbeddedWorker({ dataDir: directory.path }, script)
    const client = new MongoClient(worker.uri)
    await things(client).insertOne({ _id: 1 })
    expect((await worker.failed).message).toMatch(/a defect/)
    await client.close()
    await worker.close()
    await withServer(async (client) => expect(await things(client).findOne()).toEqual({ _id: 1 }))
  })

  test('says why it cannot start', async () => {
    await withServer(async () => {
      const error = await errorOf(startEmbeddedWorker({ dataDir: directory.path }))
      expect(error.message).toMatch(/is in use by another embedded server/)
    })
  })
})
