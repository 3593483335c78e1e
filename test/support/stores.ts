// The stores that integration suites run on: the embedded server always, and a real MongoDB replica set where
// TEST_MONGODB_URI, MONGOD_BIN or the PATH gives one.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { connectStore, type Store } from '../../common/store/store.ts'
import { startEmbeddedServer } from '../../embedded/server.ts'
import { freePort } from './ports.ts'

/** Opens an empty database; the suite's end drops it. */
export type OpenStore = (now?: () => number) => Promise<Store>

type Server = { uri: string; stop(): Promise<void> }
type ServerKind = { name: string; start(): Promise<Server> }

const realServer = findRealServer()

/** Runs a suite on each store that there is. Call `open` inside hooks or tests. */
export function describeEachStore(title: string, body: (open: OpenStore) => void): void {
  for (const kind of realServer ? [embedded, realServer] : [embedded]) {
    describe(`${title} [${kind.name}]`, () => {
      let server: Server
      const opened: Store[] = []
      beforeAll(async () => {
        server = await kind.start()
      }, 60_000)
      afterAll(async () => {
        for (const store of opened) {
          await store.client.db(store.database).dropDatabase()
          await store.close()
        }
        await server.stop()
      }, 60_000)
      body(async (now = Date.now) => {
        const store = await connectStore({ uri: server.uri, database: newDatabaseName(), now })
        opened.push(store)
        return store
      })
    })
  }
}

// The clock of the tests is behind the real one: a server that deletes what is past its TTL would take away what a
// test has only just written, if the suite runs long enough.
const NEVER_MS = 24 * 3_600_000

let databases = 0

function newDatabaseName(): string {
  databases += 1
  return `test_${process.pid}_${databases}`
}

const embedded: ServerKind = {
  name: 'embedded',
  async start() {
    const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-'))
    const server = await startEmbeddedServer({ dataDir, expiryInterval: NEVER_MS })
    return {
      uri: server.uri,
      async stop() {
        await server.close()
        await rm(dataDir, { recursive: true, force: true })
      },
    }
  },
}

function findRealServer(): ServerKind | undefined {
  const uri = process.env.TEST_MONGODB_URI
  if (uri) return { name: 'MongoDB', start: async () => ({ uri, stop: async () => {} }) }
  const program = process.env.MONGOD_BIN ?? 'mongod'
  if (spawnSync(program, ['--version']).status === 0) return { name: 'MongoDB', start: () => startMongod(program) }
  if (!process.env.ALKAID_SAID_NO_MONGOD) {
    process.env.ALKAID_SAID_NO_MONGOD = '1'
    process.stderr.write(
      'No real MongoDB here (TEST_MONGODB_URI, MONGOD_BIN, PATH): these suites run on the embedded server only\n',
    )
  }
  return undefined
}

async function startMongod(program: string): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'alkaid-mongod-'))
  const port = await freePort()
  const options = ['--dbpath', folder, '--port', `${port}`, '--bind_ip', '127.0.0.1', '--replSet', 'rs0', '--quiet']
  options.push('--setParameter', 'ttlMonitorEnabled=false')
  const child: ChildProcess = spawn(program, options, { stdio: 'ignore' })
  const uri = `mongodb://127.0.0.1:${port}/?directConnection=true`
  const client = await MongoClient.connect(uri, { serverSelectionTimeoutMS: 20_000 })
  await client
    .db('admin')
    .command({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host: `127.0.0.1:${port}` }] } })
  for (let tries = 0; tries < 100; tries++) {
    if ((await client.db('admin').command({ hello: 1 })).isWritablePrimary) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await client.close()
  return {
    uri,
    async stop() {
      child.kill('SIGTERM')
      await new Promise((resolve) => child.once('exit', resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}
