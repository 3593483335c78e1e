// The embedded server in the calling thread: opens the data directory, listens on its socket, and closes both.
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server as Listener, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Server } from './commands/command.ts'
import { Intake, serve } from './connection.ts'
import { Cursors } from './cursors.ts'
import { Sessions } from './sessions.ts'
import { chooseSocket, removeStaleFolder, uriOf } from './socket-path.ts'
import { Store } from './store/store.ts'
import { deleteExpired } from './ttl.ts'
import type { Doc } from './values.ts'

export interface EmbeddedServerOptions {
  dataDir: string
  /** Where the socket goes, if not into `dataDir`. */
  socketDir?: string
  /** How often documents past their TTL are deleted, in ms. */
  expiryInterval?: number
  /** How long a transaction may be open, in ms. */
  transactionLifetime?: number
  /** How long a cursor may be idle, in ms. */
  cursorLifetime?: number
  /** How many bytes of unfinished and waiting messages all connections together may hold. */
  maxIntake?: number
  /** For tests of what a client misses: called when what a command did is durable, before it is answered. */
  onDurable?: (command: Doc) => void
}

export interface EmbeddedServer {
  uri: string
  /** Ends open transactions, makes everything else durable, and frees the data directory. */
  close(): Promise<void>
  /** Resolves if the server had to end by itself (a disk error); whatever it answered before is durable. */
  failed: Promise<Error>
}

const sessionIdle = 30 * 60_000
const maxConnections = 10_000

/** Throws if another process has the data directory open. */
export async function startEmbeddedServer(options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const store = new Store(options.dataDir)
  try {
    return await serveStore(store, options)
  } catch (error) {
    await store.close()
    throw error
  }
}

async function serveStore(store: Store, options: EmbeddedServerOptions): Promise<EmbeddedServer> {
  const cursors = new Cursors()
  const sessions = new Sessions(store, cursors, options.transactionLifetime ?? 60_000)
  const socket = chooseSocket(options.dataDir, options.socketDir)
  const server: Server = { store, cursors, sessions, host: socket.toLowerCase(), onDurable: options.onDurable }
  const intake = new Intake(options.maxIntake ?? 256 * 1024 * 1024)

  let fail!: (error: Error) => void
  const failed = new Promise<Error>((resolve) => {
    fail = resolve
  })
  const connections = new Set<Socket>()
  const listener = await listen(socket, (connection) => {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
    serve(connection, connectionNumber(), server, intake, fail)
  })

  const sweeper = setInterval(() => {
    cursors.killIdle(Date.now() - (options.cursorLifetime ?? 10 * 60_000))
    sessions.expire(Date.now() - sessionIdle)
    deleteExpired(store, Date.now())
  }, options.expiryInterval ?? 30_000)
  sweeper.unref()

  const stop = async () => {
    clearInterval(sweeper)
    listener.close()
    intake.closed = true
    for (const connection of connections) connection.destroy()
    sessions.abortEverything()
  }
  void Promise.race([store.failed, failed]).then(async (error) => {
    await stop()
    fail(error)
  })

  let closing: Promise<void> | undefined
  const close = async () => {
    await stop()
    // Writes that waited for a transaction go on now that it is gone, and must be on disk before it closes.
    await nextTurn()
    await Promise.race([store.close(), store.failed])
    removeStaleFolder(options.dataDir)
  }
  return {
    uri: uriOf(socket),
    failed,
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

async function listen(path: string, onConnection: (socket: Socket) => void): Promise<Listener> {
  // The data directory is ours alone by now, so a socket that is there belongs to a server that was killed.
  rmSync(path, { force: true })
  const listener = createServer({ noDelay: true }, onConnection)
  listener.maxConnections = maxConnections
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen({ path, backlog: maxConnections }, () => resolve())
    // A Unix socket exists as soon as listen() returns: no turn of the event loop with a wider mode.
    chmodSync(path, 0o600)
  })
  return listener
}

let connectionCount = 0
function connectionNumber(): number {
  return ++connectionCount
}
