// A connection that the server ends just before the driver writes to it, or while it writes. Without common/store/driver-repair.ts the
// driver waits for ever in the first case: a heartbeat never ends, and the client never finds the server again. In the second it throws
// Node's own error, which nobody recognizes as a lost connection.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoClient, MongoNetworkError } from 'mongodb'
import { connectStore, type Store } from '../../common/store/store.ts'
import { type MongoProxy, startMongoProxy } from '../support/mongo-proxy.ts'
import { describeEachStore } from '../support/stores.ts'

describeEachStore('A connection that the server has just ended', (open) => {
  let direct: Store
  let proxy: MongoProxy

  beforeAll(async () => {
    direct = await open()
    proxy = await startMongoProxy(direct.client, { async before() {}, after() {} })
  })
  afterAll(() => proxy.stop())

  /** A client with one connection, and the sockets of all its connections. */
  async function connect(): Promise<{ client: MongoClient; sockets: () => Socket[] }> {
    await (await connectStore({ uri: proxy.uri, database: direct.database, now: Date.now })).close() // it repairs the driver
    const all: Socket[] = []
    const note = (message: unknown) => void all.push((message as { socket: Socket }).socket)
    subscribe('net.client.socket', note)
    const options = { retryReads: false, retryWrites: false, maxPoolSize: 1 }
    const client = await MongoClient.connect(proxy.uri, options)
    await client.db('admin').command({ ping: 1 })
    unsubscribe('net.client.socket', note)
    const port = Number(new URL(proxy.uri.replace('mongodb', 'http')).port)
    return { client, sockets: () => all.filter(({ remotePort }) => remotePort === port) }
  }

  test('fails a command that is written before its socket has closed, and the next one succeeds', async () => {
    const { client, sockets } = await connect()
    try {
      const ping = () => client.db('admin').command({ ping: 1 })
      // Destroyed as by the end of the other side, and not closed yet: `close` comes in a later phase of the event loop.
      for (const socket of sockets()) socket.destroy()
      await expect(ping()).rejects.toThrow('the server has ended the connection')
      await expect(ping()).resolves.toMatchObject({ ok: 1 })
    } finally {
      await client.close()
    }
  })

  test('fails a command that is being written as a network error, and the next one succeeds', async () => {
    const { client, sockets } = await connect()
    try {
      const ping = () => client.db('admin').command({ ping: 1 })
      const epipe = Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' })
      for (const socket of sockets()) {
        socket.write = () => {
          setImmediate(() => socket.destroy(epipe))
          return false // the driver waits for `drain`
        }
      }
      const failure = await ping().catch((error) => error)
      expect(failure).toBeInstanceOf(MongoNetworkError)
      await expect(ping()).resolves.toMatchObject({ ok: 1 })
    } finally {
      await client.close()
    }
  })
})
