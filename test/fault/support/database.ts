// The database as a process of its own: the embedded server (as `npm run embedded` starts it), or a mongod where MONGOD_BIN or the PATH
// gives one. Killed, it comes back with what it had acknowledged.

import { spawnSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MongoClient } from 'mongodb'
import { type ManagedProcess, manageProcess } from './managed-process.ts'
import { stablePort } from './ports.ts'

export type DatabaseKind = 'embedded' | 'mongod'

export type Database = { kind: DatabaseKind; uri: string; process: ManagedProcess }

/** A service that is killed leaves its transaction open, and what it was about to change locked. Tests need not wait long for that. */
const TRANSACTION_SECONDS = '2'

const mongod = process.env.MONGOD_BIN ?? 'mongod'

/** The kinds that there are on this machine. */
export const databaseKinds: readonly DatabaseKind[] =
  spawnSync(mongod, ['--version']).status === 0 ? ['embedded', 'mongod'] : ['embedded']

/** @param folder where it keeps its data; the caller deletes it. */
export function startDatabase(kind: DatabaseKind, folder: string): Promise<Database> {
  return kind === 'embedded' ? startEmbedded(join(folder, 'embedded')) : startMongod(join(folder, 'mongod'))
}

async function startEmbedded(folder: string): Promise<Database> {
  let uri = ''
  const server = manageProcess({
    name: 'embedded',
    args: ['embedded/index.ts', '--data-dir', folder, '--transaction-seconds', TRANSACTION_SECONDS],
    ready(firstLine) {
      uri ||= firstLine ?? ''
      return firstLine !== undefined
    },
  })
  await server.start()
  return { kind: 'embedded', uri, process: server }
}

async function startMongod(folder: string): Promise<Database> {
  await mkdir(folder, { recursive: true })
  const port = await stablePort()
  const host = `127.0.0.1:${port}`
  const uri = `mongodb://${host}/?directConnection=true`
  const admin = async (command: Record<string, unknown>) => {
    const client = new MongoClient(uri, { serverSelectionTimeoutMS: 500 })
    try {
      return await client.db('admin').command(command)
    } finally {
      await client.close()
    }
  }
  const server = manageProcess({
    name: 'mongod',
    program: mongod,
    args: [
      ...['--dbpath', folder, '--port', `${port}`, '--bind_ip', '127.0.0.1', '--replSet', 'rs0', '--quiet'],
      ...['--setParameter', `transactionLifetimeLimitSeconds=${TRANSACTION_SECONDS}`],
    ],
    async ready() {
      const { setName, isWritablePrimary } = await admin({ hello: 1 })
      if (!setName) await admin({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host }] } })
      return isWritablePrimary === true
    },
  })
  await server.start()
  return { kind: 'mongod', uri, process: server }
}
