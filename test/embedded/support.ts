// Helpers of the tests of the embedded server. They run on a real MongoDB if TEST_MONGODB_URI names one.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from '@jest/globals'
import { type Collection, type Db, MongoClient, type MongoClientOptions } from 'mongodb'
import { type EmbeddedServer, type EmbeddedServerOptions, startEmbeddedServer } from '../../embedded/server.ts'

// biome-ignore lint/suspicious/noExplicitAny: the suites store whatever MongoDB can
export type AnyDocument = any

/** For tests of features that only the embedded server has: its refusals, files and restarts. */
export const describeEmbedded = process.env.TEST_MONGODB_URI ? describe.skip : describe

export interface Fixture {
  client: MongoClient
  db: Db
  uri: string
  /** A new, empty collection. */
  collection(): Collection<AnyDocument>
}

/** One server, client and database for all tests of a file. */
export function useServer(
  options: Partial<EmbeddedServerOptions> = {},
  clientOptions: MongoClientOptions = {},
): Fixture {
  const fixture = {} as Fixture
  let stop: () => Promise<void>
  let collections = 0
  beforeAll(async () => {
    const server = await serverForTests(options)
    fixture.uri = server.uri
    fixture.client = await new MongoClient(server.uri, clientOptions).connect()
    fixture.db = fixture.client.db(`test-${randomUUID()}`)
    stop = server.close
  })
  afterAll(async () => {
    // A failed test can leave sessions open. They must not block the end of the server.
    if (process.env.TEST_MONGODB_URI) await fixture.db.dropDatabase()
    await fixture.client.close()
    await stop()
  })
  fixture.collection = () => fixture.db.collection(`c${++collections}`)
  return fixture
}

async function serverForTests(options: Partial<EmbeddedServerOptions>): Promise<Pick<EmbeddedServer, 'uri' | 'close'>> {
  const uri = process.env.TEST_MONGODB_URI
  if (uri) return { uri, close: async () => {} }
  const directory = await temporaryDirectory()
  const server = await startEmbeddedServer({ dataDir: directory.path, ...options })
  return {
    uri: server.uri,
    async close() {
      await server.close()
      await directory.remove()
    },
  }
}

export async function temporaryDirectory(prefix = 'alkaid-test-'): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), prefix))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** The error of a call that must fail. */
export async function errorOf(call: Promise<unknown>): Promise<AnyDocument> {
  const outcome = await call.then(
    () => undefined,
    (error: unknown) => error as AnyDocument,
  )
  expect(outcome).toBeDefined()
  return outcome!
}
