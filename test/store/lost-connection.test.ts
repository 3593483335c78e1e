// A connection that the server ends just before the driver writes to it. Without common/store/driver-repair.ts the driver waits for ever:
// a heartbeat never ends, and the client never finds the server again.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
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

  test('fails a command that is written before its socket has closed, and the next one succeeds', async () => {
    await (await connectStore({ uri: proxy.uri, database: direct.database, now: Date.now })).close() // it repairs the driver
    const sockets: Socket[] = []
    const note = (message: unknown) => void sockets.push((message as { socket: Socket }).socket)
    subscribe('net.client.socket', note)
    const client = await MongoClient.connect(proxy.uri, { retryReads: false, maxPoolSize: 1 })
    unsubscribe('net.client.socket', note)
    try {
      const ping = () => client.db('admin').command({ ping: 1 })
      await ping()
      const port = Number(new URL(proxy.uri.replace('mongodb', 'http')).port)
      // Destroyed as by the end of the other side, and not closed yet: `close` comes in a later phase of the event loop.
      for (const socket of sockets) if (socket.remotePort === port) socket.destroy()
      await expect(ping()).rejects.toThrow('the server has ended the connection')
      await expect(ping()).resolves.toMatchObject({ ok: 1 })
    } finally {
      await client.close()
    }
  })
})
