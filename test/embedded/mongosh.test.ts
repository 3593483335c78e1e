// mongosh works with the printed URI. Runs only if mongosh is installed (on the PATH, or at MONGOSH_BIN).
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { describeEmbedded, temporaryDirectory, useServer } from './support.ts'

const binary = process.env.MONGOSH_BIN ?? 'mongosh'
const suite = isInstalled() ? describeEmbedded : describe.skip

function isInstalled(): boolean {
  try {
    execFileSync(binary, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false // then there is nothing to test with
  }
}

suite('mongosh', () => {
  const fixture = useServer()

  test('connects, writes, reads, runs a transaction and lists databases and collections', async () => {
    const home = await temporaryDirectory()
    const script = `
      db.c.insertMany([{ _id: 1, a: 1 }, { _id: 2, a: 2 }]);
      db.c.createIndex({ a: 1 });
      const session = db.getMongo().startSession();
      session.startTransaction();
      session.getDatabase('test').c.updateOne({ _id: 1 }, { $inc: { a: 10 } });
      session.commitTransaction();
      print(JSON.stringify({
        documents: db.c.find().sort({ _id: 1 }).toArray(),
        collections: db.getCollectionNames(),
        indexes: db.c.getIndexes().length,
        databases: db.adminCommand({ listDatabases: 1, nameOnly: true }).databases,
        version: db.version(),
        cores: db.hostInfo().system.numCores > 0,
        users: db.runCommand({ connectionStatus: 1 }).authInfo.authenticatedUsers,
        compatibility: db.adminCommand({ getParameter: 1, featureCompatibilityVersion: 1 }).featureCompatibilityVersion,
      }))`
    const env = { ...process.env, HOME: home.path }
    const { stdout } = await promisify(execFile)(binary, [fixture.uri, '--quiet', '--norc', '--eval', script], { env })
    await home.remove()
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toEqual({
      documents: [
        { _id: 1, a: 11 },
        { _id: 2, a: 2 },
      ],
      collections: ['c'],
      indexes: 2,
      databases: [{ name: 'test' }],
      version: '7.0.0',
      cores: true,
      users: [],
      compatibility: { version: '7.0' },
    })
  })
})
