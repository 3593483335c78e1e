// Opens the store that the settings name: MongoDB, or the embedded server in a worker thread of this process.

import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { hideCredentials, type Settings, SettingsError } from '../common/config.ts'
import { connectStore, type Store } from '../common/store/store.ts'
import { startEmbeddedWorker } from '../embedded/worker.ts'

export type OpenedStore = {
  store: Store
  /** Where the data is, in words. */
  storage: string
  /** Rejects when the embedded server had to end by itself. */
  failed: Promise<never>
  close(): Promise<void>
}

/** Throws SettingsError for what the person who starts it can mend. */
export async function openStore(settings: Settings): Promise<OpenedStore> {
  return settings.mongodbUri ? openMongoDb(settings.mongodbUri) : openEmbedded(resolve(settings.dataDir))
}

async function openMongoDb(uri: string): Promise<OpenedStore> {
  const shown = hideCredentials(uri)
  const store = await connectStore({ uri, now: Date.now }).catch((error: Error) => {
    const expected = `expected a MongoDB replica set or sharded cluster that can be reached at ${shown}`
    throw new SettingsError(`MONGODB_URI: ${expected}: ${hideCredentials(error.message)}`)
  })
  return { store, storage: `MongoDB at ${shown}`, failed: new Promise(() => {}), close: () => store.close() }
}

async function openEmbedded(dataDir: string): Promise<OpenedStore> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const embedded = await startEmbeddedWorker({ dataDir }).catch((error: Error) => {
    throw new SettingsError(`DATA_DIR: ${error.message}`)
  })
  const failed = embedded.failed.then((error) => Promise.reject(error))
  failed.catch(() => {}) // whoever waits for it hears of it
  try {
    const store = await connectStore({ uri: embedded.uri, now: Date.now })
    const storage = `${dataDir} (the embedded server, for trying out and development)`
    const close = async () => {
      await store.close()
      await embedded.close()
    }
    return { store, storage, failed, close }
  } catch (error) {
    await embedded.close()
    throw error
  }
}
