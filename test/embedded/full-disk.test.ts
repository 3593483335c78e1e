// A disk that takes no more: what is refused is as if it had never been, what was acknowledged stays, and all goes on by itself
// when there is room again.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Document, Long, UUID } from 'bson'
import { MongoClient } from 'mongodb'
import { type EmbeddedServer, startEmbeddedServer } from '../../embedded/server.ts'
import { limitFileSize, mountSmallDisk, type SmallDisk } from '../support/small-disk.ts'
import { rawClient } from './raw.ts'
import { type AnyDocument, describeEmbedded, errorOf, temporaryDirectory } from './support.ts'

const probe = mountSmallDisk(1)
probe?.unmount()
const describeOnDisk = probe ? describeEmbedded : describe.skip
if (!probe) process.stderr.write('One may not mount a tmpfs here: the suites on a full disk are skipped\n')

const BIG = 'x'.repeat(400_000)

describeOnDisk('an embedded server on a full disk', () => {
  let disk: SmallDisk
  let server: EmbeddedServer
  let client: MongoClient
  beforeEach(async () => {
    disk = mountSmallDisk(24)!
    await start()
  })
  afterEach(async () => {
    await stop()
    disk.unmount()
  })

  async function start(): Promise<void> {
    server = await startEmbeddedServer({ dataDir: `${disk.path}/data` })
    client = new MongoClient(server.uri, { retryWrites: false })
  }
  async function stop(): Promise<void> {
    await client.close()
    await server.close()
  }
  async function restart(): Promise<void> {
    await stop()
    await start()
  }
  const things = () => client.db('d').collection<AnyDocument>('things')

  /** Until nothing goes in any more; answers what went in. */
  async function fill(): Promise<number> {
    disk.fill()
    for (let n = 0; ; n++) {
      const error = await things()
        .insertOne({ _id: `fill-${n}`, body: BIG })
        .catch((error: AnyDocument) => error)
      if (!error.code) continue
      expect(error).toMatchObject({ code: 14031, codeName: 'OutOfDiskSpace', message: /full/ })
      return n
    }
  }

  test('refuses writes with a code, answers reads, and takes writes again when there is room', async () => {
    await things().insertMany([
      { _id: 1, n: 1 },
      { _id: 2, n: 2 },
    ])
    const filled = await fill()
    for (const refused of [
      () => things().insertOne({ _id: 3, body: BIG }),
      () => things().updateOne({ _id: 1 }, { $set: { n: 9, body: BIG } }),
      () => things().replaceOne({ _id: 2 }, { n: 9, body: BIG }),
      () => things().findOneAndUpdate({ _id: 2 }, { $set: { n: 9, body: BIG } }),
      () => things().bulkWrite([{ insertOne: { document: { _id: 4, body: BIG } } }]),
    ] as (() => Promise<unknown>)[]) {
      expect(await errorOf(refused())).toMatchObject({ code: 14031 })
    }
    const expected = [
      { _id: 1, n: 1 },
      { _id: 2, n: 2 },
    ]
    expect(
      await things()
        .find({ n: { $exists: true } })
        .toArray(),
    ).toEqual(expected)
    expect(await things().countDocuments()).toBe(filled + 2)

    disk.free()
    await things().insertOne({ _id: 3, body: BIG })
    await things().updateOne({ _id: 1 }, { $set: { n: 5 } })
    await restart()
    expect(await things().countDocuments()).toBe(filled + 3)
    expect(await things().findOne({ _id: 1 })).toEqual({ _id: 1, n: 5 })
  })

  test('starts on a full disk, and reads', async () => {
    await things().insertOne({ _id: 1 })
    await stop()
    disk.fill()
    await start()
    expect(await things().find().toArray()).toEqual([{ _id: 1 }])
    expect(await errorOf(things().insertOne({ _id: 2, body: BIG }))).toMatchObject({ code: 14031 })
    disk.free()
    await things().insertOne({ _id: 2, body: BIG })
  })

  test('takes back what it indexed: the same key is free again, and the old one is not', async () => {
    await things().createIndex({ k: 1 }, { unique: true })
    await things().insertOne({ _id: 1, k: 'old' })
    await fill()
    expect(await errorOf(things().updateOne({ _id: 1 }, { $set: { k: 'new', body: BIG } }))).toMatchObject({
      code: 14031,
    })
    expect(await errorOf(things().insertOne({ _id: 2, k: 'other', body: BIG }))).toMatchObject({ code: 14031 })
    expect(
      await things()
        .find({ k: { $in: ['new', 'other'] } })
        .toArray(),
    ).toEqual([])
    expect(await things().find({ k: 'old' }).toArray()).toEqual([{ _id: 1, k: 'old' }])
    disk.free()
    await things().insertMany([
      { _id: 2, k: 'other' },
      { _id: 3, k: 'new' },
    ])
    expect(await errorOf(things().insertOne({ _id: 4, k: 'old' }))).toMatchObject({ code: 11000 })
    expect(await errorOf(things().insertOne({ _id: 1 }))).toMatchObject({ code: 11000 })
  })

  test('changes no definition that it cannot store', async () => {
    const others = () => client.db('d').collection<AnyDocument>('others')
    await things().insertMany(Array.from({ length: 20 }, (_, n) => ({ _id: n, k: n })))
    await things().createIndex({ k: 1 })
    await others().insertOne({ _id: 1 })
    const definitions = async () => ({
      collections: (await client.db('d').listCollections().toArray()).map(({ name }) => name).sort(),
      indexes: (await things().indexes()).map(({ name }) => name),
    })
    await fill()
    const before = await definitions()
    const names = Array.from({ length: 200 }, (_, n) => n)
    const refused: string[] = []
    const attempt = async (what: string, work: () => Promise<unknown>) => {
      const error = await work().then(
        () => undefined,
        (error: AnyDocument) => error,
      )
      if (error === undefined) return
      expect(error).toMatchObject({ code: 14031 })
      refused.push(what)
    }
    // The last bytes of a disk may take a small thing: what counts is that a refusal changes nothing.
    const created: string[] = []
    for (const n of names) {
      await attempt('create', async () => {
        await client.db('d').createCollection(`new-${n}`)
        created.push(`new-${n}`)
      })
      if (refused.length > 0) break
    }
    await attempt('createIndexes', () => things().createIndex({ body: 1 }))
    await attempt('dropIndexes', () => things().dropIndex('k_1'))
    await attempt('drop', () => others().drop())
    await attempt('dropDatabase', () => client.db('d').dropDatabase())
    expect(refused).toEqual(['create', 'createIndexes', 'dropIndexes', 'drop', 'dropDatabase'])
    expect(await definitions()).toEqual({ ...before, collections: [...before.collections, ...created].sort() })
    disk.free()
    await restart()
    expect(await definitions()).toEqual({ ...before, collections: [...before.collections, ...created].sort() })
    await things().dropIndex('k_1')
    await things().createIndex({ body: 1 })
    await others().drop()
    expect((await definitions()).indexes).toEqual(['_id_', 'body_1'])
  })

  test('aborts a transaction that it cannot store, whole, and the next one goes on', async () => {
    await things().insertMany([
      { _id: 'a', n: 0 },
      { _id: 'b', n: 0 },
    ])
    await fill()
    const both = (more: object) => async () => {
      const session = client.startSession()
      try {
        session.startTransaction()
        for (const _id of ['a', 'b']) await things().updateOne({ _id }, { $inc: { n: 1 }, $set: more }, { session })
        await session.commitTransaction()
      } finally {
        await session.endSession()
      }
    }
    expect(await errorOf(both({ body: BIG })())).toMatchObject({ code: 14031 })
    const seen = async () =>
      (
        await things()
          .find({ n: { $exists: true } })
          .toArray()
      ).map(({ n }) => n)
    expect(await seen()).toEqual([0, 0])
    disk.free()
    await both({})()
    await restart()
    expect(await seen()).toEqual([1, 1])
  })

  test('says of a refused commit that is tried again that its transaction is gone, and does a refused write once', async () => {
    await things().insertOne({ _id: 'a', n: 0 })
    await fill()
    const raw = await rawClient(server.uri)
    const of = (txnNumber: number): Document => ({
      $db: 'd',
      lsid: { id: lsid },
      txnNumber: Long.fromNumber(txnNumber),
    })
    const lsid = new UUID()
    const updates = [{ q: { _id: 'a' }, u: { $inc: { n: 1 }, $set: { body: BIG } } }]
    const inTransaction = { ...of(1), autocommit: false }
    expect(await raw.command({ update: 'things', updates, startTransaction: true, ...inTransaction })).toMatchObject({
      ok: 1,
    })
    const commit = { commitTransaction: 1, ...inTransaction, $db: 'admin' }
    expect(await raw.command(commit)).toMatchObject({ ok: 0, code: 14031 })
    expect(await raw.command(commit)).toMatchObject({ ok: 0, code: 251, errorLabels: ['TransientTransactionError'] })

    const write = { update: 'things', updates, ...of(2) }
    expect(await raw.command(write)).toMatchObject({ ok: 0, code: 14031 })
    disk.free()
    expect(await raw.command(write)).toMatchObject({ ok: 1, nModified: 1 })
    expect(await raw.command(write)).toMatchObject({ ok: 1, nModified: 1 })
    expect(await things().findOne({ _id: 'a' }, { projection: { n: 1 } })).toEqual({ _id: 'a', n: 1 })
    raw.socket.destroy()
  })

  test('answers reads that come with a refused write as if that had never been', async () => {
    await things().insertOne({ _id: 'a', n: 0 })
    await fill()
    const clients = await Promise.all(Array.from({ length: 6 }, () => rawClient(server.uri)))
    for (let round = 0; round < 30; round++) {
      const [writer, ...readers] = clients
      const update = {
        update: 'things',
        updates: [{ q: { _id: 'a' }, u: { $inc: { n: 1 }, $set: { body: BIG } } }],
        $db: 'd',
      }
      const refused = writer!.command(update)
      const find = { find: 'things', filter: { n: { $exists: true } }, projection: { n: 1 }, $db: 'd' }
      const found = await Promise.all(readers.map((reader) => reader.command(find)))
      expect(await refused).toMatchObject({ ok: 0, code: 14031 })
      for (const reply of found) expect(reply.cursor.firstBatch).toEqual([{ _id: 'a', n: 0 }])
    }
    for (const { socket } of clients) socket.destroy()
  })

  test('goes on deleting what has expired once there is room', async () => {
    await stop()
    server = await startEmbeddedServer({ dataDir: `${disk.path}/data`, expiryInterval: 10 })
    client = new MongoClient(server.uri, { retryWrites: false })
    await things().createIndex({ at: 1 }, { expireAfterSeconds: 0 })
    const later = new Date(Date.now() + 1_500)
    await things().insertMany(Array.from({ length: 200 }, (_, n) => ({ _id: n, at: later })))
    await fill()
    while (Date.now() < later.getTime() + 200) await things().findOne()
    disk.free()
    while ((await things().countDocuments({ at: { $exists: true } })) > 0) await things().findOne()
  })

  test('whatever is written while room comes and goes, it holds what it acknowledged and nothing else', async () => {
    const names = ['a', 'b', 'c', 'd']
    const model = new Map<string, number>()
    for (const _id of names) {
      await things().insertOne({ _id, n: 0 })
      model.set(_id, 0)
    }
    await things().createIndex({ n: 1 })
    let refused = 0
    const bump = async (_id: string, round: number) => {
      const more = round % 3 === 0 ? { body: BIG } : { body: 'small' }
      try {
        await things().updateOne({ _id }, { $inc: { n: 1 }, $set: more })
        model.set(_id, model.get(_id)! + 1)
      } catch (error) {
        expect(error).toMatchObject({ code: 14031 })
        refused++
      }
    }
    const move = async (from: string, to: string) => {
      const session = client.startSession()
      try {
        session.startTransaction()
        await things().updateOne({ _id: from }, { $inc: { n: -100 }, $set: { body: BIG } }, { session })
        await things().updateOne({ _id: to }, { $inc: { n: 100 } }, { session })
        await session.commitTransaction()
        model.set(from, model.get(from)! - 100)
        model.set(to, model.get(to)! + 100)
      } catch (error) {
        expect([14031, 112, 251]).toContain((error as AnyDocument).code)
        refused++
      } finally {
        await session.endSession()
      }
    }
    const agrees = async () => {
      const found = await things()
        .find({ n: { $exists: true } }, { projection: { n: 1 }, sort: { _id: 1 } })
        .toArray()
      expect(found).toEqual(names.map((_id) => ({ _id, n: model.get(_id) })))
      for (const _id of names) expect(await things().findOne({ n: model.get(_id) })).not.toBeNull()
    }
    for (let round = 0; round < 40; round++) {
      if (round % 4 === 1) disk.fill()
      if (round % 4 === 3) disk.free()
      await Promise.all([...names.slice(2).map((_id) => bump(_id, round)), move('a', 'b')])
      await agrees()
      if (round % 10 === 9) {
        await restart()
        await agrees()
      }
    }
    expect(refused).toBeGreaterThan(0)
  })
})

describeEmbedded('an embedded server of its own whose files may not grow', () => {
  test('refuses writes, reads, goes on by itself, and ends as ever', async () => {
    const directory = await temporaryDirectory()
    const script = new URL('./crash-writer.ts', import.meta.url).pathname
    const child: ChildProcess = spawn(process.execPath, [script, directory.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const [line] = (await once(child.stdout!, 'data')) as [Buffer]
      const client = new MongoClient(line.toString().trim(), { retryWrites: false })
      const things = client.db('d').collection<AnyDocument>('things')
      limitFileSize(child.pid!, 1_000_000)
      let acknowledged = 0
      let error: AnyDocument
      for (; error === undefined; ) {
        error = await things.insertOne({ _id: acknowledged, body: BIG }).then(
          () => undefined,
          (error) => error,
        )
        if (error === undefined) acknowledged++
      }
      // It is not for want of room, and SQLite does not say why.
      expect(error).toMatchObject({ code: 39, codeName: 'FileStreamFailed' })
      expect(await things.countDocuments()).toBe(acknowledged)
      limitFileSize(child.pid!, undefined)
      await things.insertOne({ _id: acknowledged++, body: BIG })
      await client.close()
      child.kill('SIGKILL')
      await once(child, 'exit')
      const server = await startEmbeddedServer({ dataDir: directory.path })
      const after = new MongoClient(server.uri)
      expect(await after.db('d').collection('things').countDocuments()).toBe(acknowledged)
      await after.close()
      await server.close()
    } finally {
      child.kill('SIGKILL')
      await directory.remove()
    }
  })
})
