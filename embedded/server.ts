// Starts the embedded server in the calling thread: opens the data directory, listens on a socket, and closes both.
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server as Listener, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Server } from './commands/command.ts'
import { MessageBudget, serveConnection } from './connection.ts'
import { Cursors } from './cursors.ts'
import { Sessions } from './sessions.ts'
import { chooseSocket, removeStaleFolder, uriOf } from './socket-path.ts'
import { Store } from './store/store.ts'
import { deleteExpired } from './ttl.ts'
import type { Doc } from './values.ts'

export interface EmbeddedServerOptions {
  dataDir: string
  /** The folder of the socket. Default: `dataDir`. */
  socketDir?: string
  /** How often expired documents, cursors and sessions are deleted, in ms. Default: 30 s. */
  expiryInterval?: number
  /** How long a transaction may be open, in ms. Default: 15 s (MongoDB: 60 s). Alkaid's take at most 10 s. */
  transactionLifetime?: number
  /** How long a cursor may be idle, in ms. Default: 10 min. */
  cursorLifetime?: number
  /** How many bytes of unfinished and waiting messages all connections together may hold. Default: 256 MB. */
  maxMessageMemory?: number
  /** For tests: called after a command is durable and before its reply is sent. */
  onDurable?: (command: Doc) => void
}

export interface EmbeddedServer {
  uri: string
  /** Aborts open transactions, makes everything else durable, and frees the data directory. */
  close(): Promise<void>
  /** Resolves if the server had to end by itself, by a defect. All earlier replies are durable. */
  failed: Promise<Error>
}

/** How long a session may be idle, in ms. `hello` tells clients the same in minutes. */
const sessionLifetime = 30 * 60_000
const maxConnections = 10_000
/** A killed client leaves its transaction open. Until it ends, others cannot write the same documents. */
const TRANSACTION_LIFETIME_MS = 15_000

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
  const sessions = new Sessions(store, cursors, options.transactionLifetime ?? TRANSACTION_LIFETIME_MS)
  const socket = chooseSocket(options.dataDir, options.socketDir)
  const server: Server = { store, cursors, sessions, host: socket.toLowerCase(), onDurable: options.onDurable }
  const budget = new MessageBudget(options.maxMessageMemory ?? 256 * 1024 * 1024)
  let closing = false

  let fail!: (error: Error) => void
  const failed = new Promise<Error>((resolve) => {
    fail = resolve
  })
  const host = { server, budget, onDefect: fail, isClosing: () => closing }
  const connections = new Set<Socket>()
  let connectionCount = 0
  const listener = await listen(socket, (connection) => {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
    serveConnection(connection, ++connectionCount, host)
  })

  const sweeper = setInterval(() => {
    cursors.killIdle(Date.now() - (options.cursorLifetime ?? 10 * 60_000))
    sessions.expire(Date.now() - sessionLifetime)
    deleteExpired(store, Date.now())
  }, options.expiryInterval ?? 30_000)
  sweeper.unref()

  const stop = async () => {
    clearInterval(sweeper)
    listener.close()
    closing = true
    for (const connection of connections) connection.destroy()
    sessions.abortEverything()
  }
  void failed.then(stop)

  let closed: Promise<void> | undefined
  const close = async () => {
    await stop()
    // Writes that waited for an aborted transaction go on now. They must be durable before the disk closes.
    await nextTurn()
    await store.close()
    removeStaleFolder(options.dataDir)
  }
  return {
    uri: uriOf(socket),
    failed,
    close: () => {
      closed ??= close()
      return closed
    },
  }
}

async function listen(path: string, onConnection: (socket: Socket) => void): Promise<Listener> {
  // This server has locked the data directory. So an existing socket belongs to a server that was killed.
  rmSync(path, { force: true })
  const listener = createServer({ noDelay: true }, onConnection)
  listener.maxConnections = maxConnections
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject)
    listener.listen({ path, backlog: maxConnections }, () => resolve())
    // The socket exists as soon as listen() returns. Set its mode at once, before any client can connect.
    chmodSync(path, 0o600)
  })
  return listener
}
