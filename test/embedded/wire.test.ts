// The wire protocol. An invalid message closes its connection, and affects no other.
import { once } from 'node:events'
import { expect, test } from '@jest/globals'
import { Decimal128, Long, serialize, Timestamp } from 'bson'
import { message, rawClient } from './raw.ts'
import { describeEmbedded, errorOf, useServer } from './support.ts'

const fixture = useServer()

describeEmbedded('a connection', () => {
  const truncatedBody = Buffer.from(serialize({ ping: 1, $db: 'x' })).subarray(0, 12)
  const garbage: [string, Buffer][] = [
    ['text', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a length that is too large', Buffer.from([0, 0, 0, 0x7f, ...Array(12).fill(0)])],
    ['a length that is too small', Buffer.from([3, 0, 0, 0, ...Array(12).fill(0)])],
    ['an unknown operation', message({ ping: 1 }, 0, 2012)],
    ['unknown flags', message({ ping: 1, $db: 'x' }, 4)],
    ['a wrong checksum', message({ ping: 1, $db: 'x' }, 1)],
    ['a body that is cut off', message(truncatedBody)],
    ['random bytes', Buffer.from(Array.from({ length: 64 }, (_, at) => (at * 151 + 17) % 256))],
  ]
  for (const [name, bytes] of garbage) {
    test(`is closed on ${name}, and the server goes on`, async () => {
      const raw = await rawClient(fixture.uri)
      const closed = once(raw.socket, 'close')
      raw.socket.write(bytes)
      await closed
      expect(await fixture.db.command({ ping: 1 })).toMatchObject({ ok: 1 })
    })
  }

  test('accepts a message in pieces, and several messages at once', async () => {
    const raw = await rawClient(fixture.uri)
    const bytes = message({ ping: 1, $db: 'x' })
    raw.socket.write(bytes.subarray(0, 3))
    await new Promise((resolve) => setTimeout(resolve, 5))
    raw.socket.write(bytes.subarray(3, 20))
    await new Promise((resolve) => setTimeout(resolve, 5))
    raw.socket.write(bytes.subarray(20))
    await once(raw.socket, 'data')
    expect(await raw.command({ ping: 1, $db: 'x' })).toEqual({ ok: 1 })
    raw.socket.destroy()
  })

  test('gets no reply to a write without acknowledgement', async () => {
    const raw = await rawClient(fixture.uri)
    const { collectionName } = fixture.collection()
    const $db = fixture.db.databaseName
    raw.socket.write(message({ insert: collectionName, documents: [{ _id: 1 }], writeConcern: { w: 0 }, $db }, 2))
    expect(await raw.command({ count: collectionName, $db })).toEqual({ n: 1, ok: 1 })
    raw.socket.destroy()
  })

  test('survives text that is not UTF-8', async () => {
    const raw = await rawClient(fixture.uri)
    const bytes = Buffer.from(serialize({ insert: 'c', documents: [{ a: 'QQ' }], $db: 'x' }))
    bytes.set([0xc3, 0x28], bytes.indexOf('QQ'))
    raw.socket.write(message(bytes))
    await once(raw.socket, 'data')
    expect(await raw.command({ ping: 1, $db: 'x' })).toEqual({ ok: 1 })
    raw.socket.destroy()
  })
})

describeEmbedded('the embedded server refuses', () => {
  const refused: [string, Record<string, unknown>, number, RegExp][] = [
    ['an unknown command', { frobnicate: 1 }, 59, /frobnicate/],
    ['bulkWrite of the client', { bulkWrite: 1 }, 59, /bulkWrite/],
    ['an unknown option', { find: 'c', hint: 'x' }, 238, /'hint' of find/],
    [
      'an unknown option of a statement',
      { update: 'c', updates: [{ q: {}, u: {}, collation: {} }] },
      238,
      /'collation'/,
    ],
    [
      'an update operator that is not supported',
      { update: 'c', updates: [{ q: {}, u: { $bit: { a: 1 } } }] },
      238,
      /\$bit/,
    ],
    ['a query operator that is not supported', { find: 'c', filter: { $where: 'x' } }, 238, /\$where/],
    ['a stage that is not supported', { aggregate: 'c', pipeline: [{ $geoNear: 1 }], cursor: {} }, 238, /\$geoNear/],
    [
      'an expression it does not have',
      { aggregate: 'c', pipeline: [{ $project: { a: { $sin: 1 } } }], cursor: {} },
      238,
      /\$sin/,
    ],
    ['a numeric type by name', { find: 'c', filter: { a: { $type: 'int' } } }, 238, /int/],
    [
      'decimals, by field',
      { insert: 'c', documents: [{ a: { b: new Decimal128('1') } }] },
      238,
      /decimal.*documents\.0\.a\.b/,
    ],
    ['timestamps, by field', { insert: 'c', documents: [{ t: new Timestamp(1n) }] }, 238, /timestamp.*documents\.0\.t/],
    [
      'integers beyond 2^53, by field',
      { insert: 'c', documents: [{ n: Long.MAX_VALUE }] },
      238,
      /2\^53.*documents\.0\.n/,
    ],
    ['an invalid namespace', { find: '' }, 73, /namespace/],
    [
      'a write concern that one node cannot meet',
      { insert: 'c', documents: [{}], writeConcern: { w: 2 } },
      100,
      /nodes/,
    ],
    ['a snapshot of the past', { find: 'c', readConcern: { level: 'snapshot' } }, 238, /snapshot/],
    ['a getMore of an unknown cursor', { getMore: Long.fromNumber(5), collection: 'c' }, 43, /cursor/],
  ]
  for (const [name, command, code, text] of refused) {
    test(`${name} (${code})`, async () => {
      const raw = await rawClient(fixture.uri)
      const reply = await raw.command({ ...command, $db: 'x' })
      const error = reply.writeErrors?.[0] ?? reply
      expect(error).toMatchObject({ code })
      expect(error.errmsg).toMatch(text)
      raw.socket.destroy()
    })
  }

  test('documents that are too large', async () => {
    const large = { a: 'x'.repeat(9_000_000), b: 'x'.repeat(8_000_000) }
    const raw = await rawClient(fixture.uri)
    expect(await raw.command({ insert: 'c', documents: [large], $db: 'x' })).toMatchObject({
      n: 0,
      writeErrors: [{ code: 2 }],
    })
    expect(await raw.command({ count: 'c', $db: 'x' })).toEqual({ n: 0, ok: 1 })
    raw.socket.destroy()
  })

  test('documents that are too deep', async () => {
    let deep: Record<string, unknown> = {}
    for (let depth = 0; depth < 101; depth++) deep = { a: deep }
    expect(await errorOf(fixture.collection().insertOne(deep))).toMatchObject({ code: 15 })
    for (let depth = 0; depth < 200; depth++) deep = { a: deep }
    expect(await errorOf(fixture.collection().insertOne(deep))).toMatchObject({ code: 15 })
  })

  test('names that begin with $, and an _id that is an array', async () => {
    expect(await errorOf(fixture.collection().insertOne({ a: { $b: 1 } }))).toMatchObject({ code: 52 })
    expect(await errorOf(fixture.collection().insertOne({ _id: [1] }))).toMatchObject({ code: 53 })
  })
})
