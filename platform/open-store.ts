// Opens the store: the MongoDB of MONGODB_URI, or else the embedded server in a worker thread of this process.

import { resolve } from 'node:path'
import { openMongoDb } from '../common/service/connections.ts'
import { hideCredentials, type Settings, SettingsError } from '../common/service/settings.ts'
import { closeAll } from '../common/service/shutdown.ts'
import type { StoreObserver } from '../common/store/observe.ts'
import { connectStore, type Store } from '../common/store/store.ts'
import { startEmbeddedWorker } from '../embedded/worker.ts'

export type OpenedStore = {
  store: Store
  /** Where the data is, as text for the welcome. */
  storage: string
  /** Rejects when the embedded server has failed. */
  failed: Promise<never>
  close(): Promise<void>
}

/** Throws SettingsError when the person who starts it can correct the cause. */
export async function openStore(settings: Settings, observer?: StoreObserver): Promise<OpenedStore> {
  const { mongodbUri, dataDir } = settings
  if (!mongodbUri) return openEmbedded(resolve(dataDir), observer)
  const store = await openMongoDb(mongodbUri, observer)
  const storage = `MongoDB at ${hideCredentials(mongodbUri)}`
  return { store, storage, failed: new Promise(() => {}), close: () => store.close() }
}

async function openEmbedded(dataDir: string, observer?: StoreObserver): Promise<OpenedStore> {
  const embedded = await startEmbeddedWorker({ dataDir }).catch((error: Error) => {
    throw new SettingsError(`DATA_DIR: ${error.message}`)
  })
  const failed = embedded.failed.then((error) => Promise.reject(error))
  failed.catch(() => {}) // the caller handles it through `failed`
  try {
    const store = await connectStore({ uri: embedded.uri, now: Date.now, observer }).catch((error: Error) => {
      throw new SettingsError(`DATA_DIR: ${dataDir}: ${error.message}`)
    })
    const storage = `${dataDir} (the embedded server, for trying out and development)`
    const parts = [
      { name: 'embedded server', close: () => embedded.close() },
      { name: 'store', close: () => store.close() },
    ]
    const close = () => closeAll(parts, observer?.log)
    return { store, storage, failed, close }
  } catch (error) {
    await embedded.close()
    throw error
  }
}
