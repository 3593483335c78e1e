// A connection to a Redis Cluster. It has one connection for each primary, sends a command to the primary that holds its keys, and follows
// slots that move (MOVED, ASK). It asks for the layout every two seconds, so that it finds new primaries and failovers even when no command
// is sent. It resends what a lost connection left unanswered: every write of Alkaid may be repeated.

import { Cluster, type Redis } from 'ioredis'
import { ChannelUnavailable } from './channel.ts'
import {
  backoffMs,
  CALL_MS,
  causeOf,
  isPermanent,
  logConnection,
  type OpenOptions,
  orTimeout,
  PING_EVERY_MS,
  type RedisConnection,
  reasonOf,
  serverOptions,
  unavailable,
} from './redis-connection.ts'
import { type ClusterTarget, nameOf, type SingleTarget } from './redis-url.ts'

const LAYOUT_EVERY_MS = 2_000
const LAYOUT_MS = 1_000

export type RedisClusterConnection = RedisConnection & {
  /** The primaries that have slots, as far as is known. */
  primaries(): SingleTarget[]
  /** Calls `listener` each time the layout was read. Returns the function that ends it. */
  onLayout(listener: () => void): () => void
}

/** As `openServer`. `prepare` runs for each connection to a primary. A primary that is down does not delay the others. */
export async function openCluster(options: OpenOptions<ClusterTarget>): Promise<RedisClusterConnection> {
  const { target, log, timeoutMs, prepare } = options
  const name = nameOf(target)
  const cluster = new Cluster(target.nodes, {
    lazyConnect: true,
    redisOptions: serverOptions(target),
    // Keeps host names: a certificate names the host, and a name can get another address.
    dnsLookup: (host, callback) => callback(null, host),
    clusterRetryStrategy: backoffMs,
    slotsRefreshInterval: LAYOUT_EVERY_MS,
    slotsRefreshTimeout: LAYOUT_MS,
  })
  cluster.on('+node', catchFailedAsking)
  const { lastError, isClosed, stopLogging } = logConnection(cluster, name, log, timeoutMs > 0)
  /** The newest error of one server of the cluster. */
  let serverError: Error | undefined
  cluster.on('node error', (error: Error) => {
    serverError = error
  })
  const reason = () => lastServerError(lastError()) ?? serverError

  const pings = setInterval(() => {
    for (const primary of cluster.nodes('master')) if (primary.status === 'ready') primary.ping().catch(() => {})
  }, PING_EVERY_MS)

  // ioredis makes a new object for each connection to a server. So each is prepared once.
  const prepared = new WeakMap<Redis, Promise<void>>()
  async function prepareOnce(primary: Redis): Promise<void> {
    const work = prepared.get(primary) ?? prepare?.(primary, nameOf(targetOf(primary))) ?? Promise.resolve()
    prepared.set(primary, work)
    try {
      await work
    } catch (error) {
      prepared.delete(primary) // the next layout tries again
      if (primary.status !== 'ready') return
      log({ level: 'warn', kind: 'setup-failed', message: `Could not set up a connection: ${reasonOf(error)}` })
    }
  }
  const preparePrimaries = () => Promise.all(cluster.nodes('master').map(prepareOnce))

  const targetOf = ({ options: { host = '', port = 0 } }: Redis): SingleTarget => {
    const { tls, username, password } = target
    return { kind: 'single', host, port, tls, username, password, db: 0 }
  }

  const connection: RedisClusterConnection = {
    name,
    defineScripts: (define) => define(cluster),
    servers: () => connection.primaries().map(nameOf),
    primaries: () => (cluster.status === 'ready' ? cluster.nodes('master').map(targetOf) : []),
    onLayout(listener) {
      cluster.on('refresh', listener)
      return () => cluster.off('refresh', listener)
    },
    async call(work) {
      if (isClosed()) throw new ChannelUnavailable(`The connection to ${name} is closed.`)
      try {
        return await orTimeout(CALL_MS, () => work(cluster))
      } catch (error) {
        const isOneAlive =
          cluster.status === 'ready' && cluster.nodes('master').some(({ status }) => status === 'ready')
        throw unavailable(name, error, reason(), isOneAlive ? 'app' : 'all')
      }
    },
    async close() {
      if (isClosed()) return
      stopLogging()
      clearInterval(pings)
      cluster.disconnect()
    },
  }

  try {
    const ready = firstReady().then(preparePrimaries)
    cluster.on('refresh', () => void preparePrimaries())
    if (timeoutMs > 0) await orTimeout(timeoutMs, () => ready)
    return connection
  } catch (error) {
    await connection.close()
    throw new ChannelUnavailable(`${name} could not be reached: ${causeOf(reason() ?? error)}`)
  }

  /** Tries again until it succeeds. When the connection is awaited, an error that is permanent rejects. */
  function firstReady(): Promise<void> {
    return new Promise((resolve, reject) => {
      cluster.once('ready', () => resolve())
      if (timeoutMs > 0) cluster.on('node error', (error: Error) => isPermanent(error) && reject(error))
      cluster.connect().catch(() => {}) // the events have the details, and ioredis tries again
    })
  }
}

/**
 * While a slot moves, ioredis sends ASKING to its new server before each command, and drops the promise of ASKING. If that connection
 * is lost or silent, the promise rejects. Without this, nothing would catch that, and the process would end. The command that follows
 * ASKING fails as well, and its caller sees that.
 */
function catchFailedAsking(server: Redis): void {
  const asking = server.asking.bind(server)
  server.asking = (...given: []) => {
    const answer = asking(...given)
    answer.catch(() => {})
    return answer
  }
}

/** What a server answered, when none of the servers told the layout. */
function lastServerError(error: unknown): Error | undefined {
  if (!(error instanceof Error)) return undefined
  const { lastNodeError } = error as Error & { lastNodeError?: Error | null }
  return lastNodeError ?? error
}
