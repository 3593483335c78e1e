// Runs inside the worker thread of worker.ts: starts the server there and closes it when told to.
import { parentPort, workerData } from 'node:worker_threads'
import { type EmbeddedServerOptions, startEmbeddedServer } from './server.ts'
import type { WorkerMessage } from './worker.ts'

function tell(message: WorkerMessage): void {
  parentPort!.postMessage(message)
}

try {
  const server = await startEmbeddedServer(workerData as EmbeddedServerOptions)
  parentPort!.once('message', async () => {
    await server.close()
    parentPort!.close()
  })
  void server.failed.then((error) => {
    tell({ kind: 'failed', message: error.message })
    process.exit(1) // in a worker thread this ends the thread alone
  })
  tell({ kind: 'listening', uri: server.uri })
} catch (error) {
  tell({ kind: 'failed', message: (error as Error).message })
  parentPort!.close()
}
