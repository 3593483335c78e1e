// A store that hangs: frozen as a process, or behind a network that swallows bytes. Every call ends in time, with an error that says
// right what became of it, and calls work again when the store goes on.

import { mkdtemp, rm } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { MongoClient } from 'mongodb'
import { connectStore, type Store } from '../../common/store/store.ts'
import { type Command, runFile } from '../support/command.ts'
import { startMongoProxy } from '../support/mongo-proxy.ts'
import { until } from '../support/until.ts'

type Thing = { _id: string; at: number }

/** A command may take 5 s and a transaction 10 s. The rest is for a busy machine. */
const COMMAND_MS = 7_000
const TRANSACTION_MS = 12_000
/** What a call costs once it is known that the store hangs: 2 s. */
const NEXT_MS = 4_000

let dataDir: string
let server: Command
let uri: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'alkaid-deadlines-'))
  server = runFile('embedded/index.ts', ['--data-dir', dataDir])
  uri = (await server.until('mongodb://')).trim()
}, 30_000)
afterAll(async () => {
  await server?.end('SIGTERM')
  await rm(dataDir, { recursive: true, force: true })
})

const things = (db: Pick<Store, 'collection'>) => db.collection<Thing>('things')
const add = (store: Store, _id: string) => store.transaction((tx) => things(tx).insertOne({ _id, at: 1 }))

/** How a call ended, and after how many ms. */
async function outcomeOf(call: () => Promise<unknown>): Promise<{ code: string; message: string; ms: number }> {
  const began = performance.now()
  try {
    await call()
    return { code: 'ok', message: '', ms: performance.now() - began }
  } catch (error) {
    const { code = 'no code', message } = error as { code?: string; message: string }
    return { code, message, ms: performance.now() - began }
  }
}

async function expectToEnd(call: () => Promise<unknown>, within: number): Promise<{ code: string; message: string }> {
  const { ms, ...outcome } = await outcomeOf(call)
  expect(['UNAVAILABLE', 'TIMEOUT']).toContain(outcome.code)
  expect(ms).toBeLessThan(within)
  return outcome
}

const works = (store: Store) => () =>
  outcomeOf(() => things(store).findOne({ _id: 'any' })).then(({ code }) => code === 'ok')

describe('a store whose process is frozen', () => {
  test('ends the first command and the next ones in time, and answers again when it goes on', async () => {
    const store = await connectStore({ uri, database: 'frozen', now: Date.now })
    try {
      process.kill(server.pid, 'SIGSTOP')
      const calls = [
        () => things(store).findOne({ _id: 'a' }),
        () => things(store).insertOne({ _id: 'b', at: 1 }),
        () => add(store, 'c'),
        () => things(store).find({}),
      ]
      await Promise.all(calls.map((call) => expectToEnd(call, TRANSACTION_MS)))
      for (const call of calls) await expectToEnd(call, NEXT_MS)
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
    await until('it answers', works(store), { within: 10_000 })
    await add(store, 'd')
    await store.close()
  }, 60_000)
})

describe('a store behind a network that swallows', () => {
  test('everything: each call ends in time, and a transaction says that nothing was changed', async () => {
    const { store, network } = await connectThroughProxy('black-hole')
    await add(store, 'before')
    network.swallow = 'everything'
    await Promise.all([
      expectToEnd(() => things(store).findOne({ _id: 'a' }), COMMAND_MS),
      expectToEnd(() => things(store).deleteMany({ _id: 'a' }), COMMAND_MS),
      expectToEnd(() => add(store, 'e'), TRANSACTION_MS),
    ])
    await expectToEnd(() => things(store).findOne({ _id: 'a' }), NEXT_MS)
    const { code, message } = await expectToEnd(() => add(store, 'f'), NEXT_MS)
    expect([code, message]).toEqual(['UNAVAILABLE', 'The store is out of reach: try again'])
    network.swallow = 'nothing'
    await until('it answers', works(store), { within: 10_000 })
    expect((await things(store).find({})).map(({ _id }) => _id)).toEqual(['before'])
    await close(store, network)
  }, 60_000)

  test('answers, from the commit on: the result is unknown, and the error says what to do', async () => {
    const { store, network } = await connectThroughProxy('lost-answer')
    const work = store.transaction(async (tx) => {
      await things(tx).insertOne({ _id: 'committed', at: 1 })
      network.swallow = 'answers'
    })
    const { code, message } = await expectToEnd(() => work, TRANSACTION_MS)
    expect(code).toBe('TIMEOUT')
    expect(message).toContain('It is not known whether the change was made')
    expect(message).toContain('`idempotencyKey`')
    network.swallow = 'nothing'
    await until('it answers', works(store), { within: 10_000 })
    expect(await things(store).findOne({ _id: 'committed' })).not.toBeNull()
    await close(store, network)
  }, 60_000)

  test('commits only: the server looks alive, and yet the transaction ends, and nothing goes on in the background', async () => {
    const direct = await connectStore({ uri, database: 'held-commit', now: Date.now })
    let commits = 0
    const proxy = await startMongoProxy(direct.client, {
      before(command) {
        if (!('commitTransaction' in command)) return Promise.resolve()
        commits += 1
        return new Promise(() => {})
      },
      after() {},
    })
    const store = await connectStore({ uri: proxy.uri, database: 'held-commit', now: Date.now })
    const { code } = await expectToEnd(() => add(store, 'a'), TRANSACTION_MS)
    expect(code).toBe('TIMEOUT')
    await expectToEnd(() => add(store, 'b'), TRANSACTION_MS)
    await sleep(6_000) // a command inside the driver ends within 5 s
    const sent = commits
    await sleep(6_000)
    expect(commits).toBe(sent)
    expect(await outcomeOf(() => things(store).findOne({ _id: 'a' }))).toMatchObject({ code: 'ok' })
    await store.close()
    await proxy.stop()
    await direct.close()
  }, 90_000)
})

type Network = {
  port: number
  swallow: 'nothing' | 'answers' | 'everything'
  stop(): Promise<void>
}

async function connectThroughProxy(database: string): Promise<{ store: Store; network: Network }> {
  const direct = await connectStore({ uri, database, now: Date.now })
  const network = await startNetwork(direct.client)
  await direct.close()
  const store = await connectStore({
    uri: `mongodb://127.0.0.1:${network.port}/?directConnection=true`,
    database,
    now: Date.now,
  })
  return { store, network }
}

async function close(store: Store, network: Network): Promise<void> {
  await store.close()
  await network.stop()
}

/** Leads to the server of a client. What it swallows is gone; connections stay open. */
async function startNetwork({ options }: MongoClient): Promise<Network> {
  const { socketPath } = options.hosts[0]!
  const sockets = new Set<Socket>()
  const listener = createServer((driver) => {
    const upstream = createConnection(socketPath!)
    for (const socket of [driver, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        driver.destroy()
        upstream.destroy()
      })
    }
    driver.on('data', (bytes) => {
      if (network.swallow !== 'everything') upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (network.swallow === 'nothing') driver.write(bytes)
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const network: Network = {
    port: (listener.address() as { port: number }).port,
    swallow: 'nothing',
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
  return network
}
