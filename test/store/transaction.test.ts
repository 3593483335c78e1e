// A transaction of the store, when an answer of the database is lost or others write to the same.

import { createConnection, createServer, type Socket } from 'node:net'
import { expect, test } from '@jest/globals'
import { badInput } from '../../common/base/errors.ts'
import { createLogger } from '../../common/base/log.ts'
import { createMetrics } from '../../common/base/metrics.ts'
import { connectStore, type Store } from '../../common/store/store.ts'
import { describeEachStore } from '../support/stores.ts'

type Thing = { _id: string; at: number }
const things = (db: Pick<Store, 'collection'>) => db.collection<Thing>('things')

describeEachStore('A transaction', (open) => {
  test('whose commit loses its answer sends the commit again, and happens once', async () => {
    const direct = await open()
    const network = await startNetwork(direct)
    const store = await connectStore({ uri: network.uri, database: direct.database, now: Date.now })
    let runs = 0
    await store.transaction(async (tx) => {
      runs += 1
      await things(tx).insertOne({ _id: 'once', at: runs })
      network.loseNextAnswer()
    })
    expect(network.lost()).toBe(1)
    expect(await things(store).find({})).toEqual([{ _id: 'once', at: 1 }])
    await store.close()
    await network.stop()
  })

  test('that meets a write conflict runs again, until each has added its part', async () => {
    const store = await open()
    await things(store).insertOne({ _id: 'one', at: 0 })
    const raise = () =>
      store.transaction(async (tx) => {
        const { at } = (await things(tx).findOne({ _id: 'one' }))!
        await things(tx).updateOne({ _id: 'one' }, { $set: { at: at + 1 } })
      })
    await Promise.all(Array.from({ length: 8 }, raise))
    expect(await things(store).findOne({ _id: 'one' })).toEqual({ _id: 'one', at: 8 })
  })

  test('without a server is UNAVAILABLE and counts as failed, and one that a rule refuses counts as refused', async () => {
    const direct = await open()
    const network = await startNetwork(direct)
    const metrics = createMetrics()
    const observer = { log: createLogger('silent'), metrics }
    const store = await connectStore({ uri: network.uri, database: direct.database, now: Date.now, observer })
    await expect(store.transaction(() => Promise.reject(badInput('name', 'is wrong')))).rejects.toThrow('is wrong')
    await network.stop()
    const lost = store.transaction((tx) => things(tx).insertOne({ _id: 'lost', at: 1 }))
    await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const counted = await metrics.registry.metrics()
    expect(counted).toContain('alkaid_store_transactions_total{outcome="refused"} 1')
    expect(counted).toContain('alkaid_store_transactions_total{outcome="failed"} 1')
    await store.close()
  })

  test('that a rule refuses changes nothing, and its session is free for the next one', async () => {
    const store = await open()
    const refused = store.transaction(async (tx) => {
      await things(tx).insertOne({ _id: 'refused', at: 1 })
      throw new Error('the rule')
    })
    await expect(refused).rejects.toThrow('the rule')
    await store.transaction((tx) => things(tx).insertOne({ _id: 'next', at: 2 }))
    expect(await things(store).find({})).toEqual([{ _id: 'next', at: 2 }])
  })
})

/** Leads to the server of a store, and can reset a connection in place of passing an answer. */
async function startNetwork({ client }: Store) {
  const { socketPath, host, port } = client.options.hosts[0]!
  const sockets = new Set<Socket>()
  let loses = false
  let lost = 0
  const listener = createServer((driver) => {
    const upstream = socketPath ? createConnection(socketPath) : createConnection(port!, host!)
    for (const socket of [driver, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        driver.destroy()
        upstream.destroy()
      })
    }
    driver.on('data', (bytes) => {
      upstream.write(bytes)
      if (!loses || !bytes.includes('commitTransaction')) return
      loses = false
      upstream.removeAllListeners('data').once('data', () => {
        lost += 1
        driver.resetAndDestroy()
      })
    })
    upstream.on('data', (bytes) => driver.write(bytes))
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address() as { port: number }
  return {
    uri: `mongodb://127.0.0.1:${address.port}/?directConnection=true`,
    loseNextAnswer: () => {
      loses = true
    },
    lost: () => lost,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}
