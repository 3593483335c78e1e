// Runs in the worker thread of worker.ts: starts the server, and closes it when a message comes.
import { parentPort, workerData } from 'node:worker_threads'
import { type EmbeddedServerOptions, startEmbeddedServer } from './server.ts'
import type { WorkerMessage } from './worker.ts'

function send(message: WorkerMessage): void {
  parentPort!.postMessage(message)
}

try {
  const server = await startEmbeddedServer(workerData as EmbeddedServerOptions)
  parentPort!.once('message', async () => {
    await server.close()
    parentPort!.close()
  })
  void server.failed.then((error) => {
    send({ kind: 'failed', message: error.message })
    process.exit(1) // in a worker thread, this ends the thread only
  })
  send({ kind: 'listening', uri: server.uri })
} catch (error) {
  send({ kind: 'failed', message: (error as Error).message })
  parentPort!.close()
}
