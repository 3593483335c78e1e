// Starts the embedded server in a worker thread, so that it never blocks the thread that serves requests.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { EmbeddedServer, EmbeddedServerOptions } from './server.ts'

/** The messages of the worker. First it listens, or has failed to start. Later it can only fail. */
export type WorkerMessage = { kind: 'listening'; uri: string } | { kind: 'failed'; message: string }

/** `script` is what the thread runs. Only tests of failing threads give another one. */
export async function startEmbeddedWorker(
  options: EmbeddedServerOptions,
  script = new URL('./worker-thread.ts', import.meta.url),
): Promise<EmbeddedServer> {
  const worker = new Worker(script, { workerData: options })
  let closing = false
  let report!: (error: Error) => void
  const failed = new Promise<Error>((resolve) => {
    report = resolve
  })
  const exited = new Promise<void>((resolve) => {
    worker.once('exit', (code) => {
      if (!closing) report(new Error(`the embedded server's thread ended unexpectedly (code ${code})`))
      resolve()
    })
  })
  worker.once('error', (error) => report(error instanceof Error ? error : new Error(String(error))))

  const [first] = (await Promise.race([once(worker, 'message'), failed.then((error) => [error])])) as [
    WorkerMessage | Error,
  ]
  if (first instanceof Error) throw first
  if (first.kind !== 'listening') {
    closing = true
    await exited
    throw new Error(first.message)
  }
  worker.on('message', (message: WorkerMessage) => {
    if (message.kind === 'failed') report(new Error(message.message))
  })
  return {
    uri: first.uri,
    failed,
    async close() {
      closing = true
      worker.postMessage('close')
      await exited
    },
  }
}
