// The whole platform in one process: store, channel, subgraphs, a distribution node and the gateway. The composition
// root of `npm start`, of `npm run replay` and of the end-to-end tests.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { signToken, type TokenSettings, tokenVerifier } from '../common/auth.ts'
import type { Channel } from '../common/channel/channel.ts'
import type { EventStream } from '../common/channel/event-stream.ts'
import { createInProcessChannel } from '../common/channel/in-process.ts'
import { connectRedisChannel } from '../common/channel/redis.ts'
import { connectRedisEventStream } from '../common/channel/redis-event-stream.ts'
import { hideCredentials, type Settings, SettingsError } from '../common/config.ts'
import { buildSubgraph, type Subgraph } from '../common/graphql/subgraph.ts'
import { type HttpServer, listen } from '../common/http.ts'
import { readPersistedOperations } from '../common/lane/persisted-operations.ts'
import { createLogger, type Logger } from '../common/log.ts'
import { deriveSigningKeys } from '../common/publication/sign.ts'
import { readSecrets } from '../common/secrets.ts'
import type { Services } from '../common/services.ts'
import { buildGateway } from '../gateway/app.ts'
import { audit } from '../subgraphs/audit/app.ts'
import { creative } from '../subgraphs/creative/app.ts'
import { delivery } from '../subgraphs/delivery/app.ts'
import { startReconciliation } from '../subgraphs/delivery/reconcile.ts'
import { buildDistribution } from '../subgraphs/distribution/app.ts'
import { schedule } from '../subgraphs/schedule/app.ts'
import { createStats } from '../subgraphs/stats/app.ts'
import { strategy } from '../subgraphs/strategy/app.ts'
import { openStore } from './open-store.ts'
import { distributionRoutes, gatewayRoutes, startingUp } from './routes.ts'

export type Platform = {
  gatewayUrl: string
  distributionUrl: string
  /** Where the data is, in words. */
  storage: string
  channel: string
  tokens: TokenSettings
  /** Rejects when a part without which nothing works has failed. */
  failed: Promise<never>
  stop(): Promise<void>
}

const root = new URL('../', import.meta.url)

/** Throws SettingsError, with the setting in each line, for what the person who starts it can mend. */
export async function startPlatform(settings: Settings): Promise<Platform> {
  const log = createLogger(settings.logLevel)
  const closers: (() => Promise<void>)[] = []
  const stop = async () => {
    for (const close of closers.splice(0).reverse()) await close()
  }
  try {
    return { ...(await build(settings, log, closers)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function build(
  settings: Settings,
  log: Logger,
  closers: (() => Promise<void>)[],
): Promise<Omit<Platform, 'stop'>> {
  const { tokens, signingSecret } = readSecrets(settings)
  const keys = deriveSigningKeys(signingSecret)
  const gatewayServer = startingUp()
  const distributionServer = startingUp()
  const gatewayHttp = await listenOn(settings, settings.port, log, gatewayServer.handle)
  closers.push(gatewayHttp.stop)
  const distributionPort = settings.port === 0 ? 0 : settings.port + 10
  const distributionHttp = await listenOn(settings, distributionPort, log, distributionServer.handle)
  closers.push(distributionHttp.stop)

  const { store, storage, failed, close: closeStore } = await openStore(settings)
  closers.push(closeStore)
  const { channel, stream: redisStream, channelName } = await openChannel(settings, log)
  closers.push(() => channel.close())
  if (redisStream) closers.push(() => redisStream.close())

  const services: Services = { store, channel, keys, now: Date.now, log }
  const verify = tokenVerifier(tokens)
  const operations = readPersistedOperations(new URL('schema/persisted-queries.json', root))
  const stats = await createStats(services, { stream: redisStream, operations, verify })
  closers.push(() => stats.stop())
  const subgraphs: Subgraph[] = [stats.subgraph]
  for (const definition of [schedule, creative, strategy, audit, delivery]) {
    const subgraph = await buildSubgraph(definition as never, services, verify)
    closers.push(() => subgraph.stop())
    subgraphs.push(subgraph)
  }

  const reconciliation = startReconciliation(services)
  closers.push(() => reconciliation.stop())
  await reconciliation.runOnce()
  const node = `${hostname()}-${randomUUID().slice(0, 8)}`
  const distribution = await buildDistribution({
    channel,
    keys,
    node,
    verify,
    operations,
    now: Date.now,
    random: Math.random,
    log,
  })
  closers.push(() => distribution.stop())

  const gateway = await buildGateway({
    supergraphSdl: readFileSync(new URL('schema/supergraph.graphql', root), 'utf8'),
    upstreams: [...subgraphs, distribution.subgraph],
    lanes: [distribution.lane, stats.lane],
    verify,
    production: settings.production,
    sandboxToken:
      settings.production || !('secret' in tokens.key)
        ? undefined
        : await signToken(tokens, { actor: 'sandbox', roles: { '*': ['admin'] } }),
    log,
  })
  closers.push(() => gateway.stop())
  gatewayServer.become(gatewayRoutes({ gateway, store, reconciliation }))
  distributionServer.become(distributionRoutes(distribution))
  return {
    gatewayUrl: gatewayHttp.url,
    distributionUrl: distributionHttp.url,
    storage,
    channel: channelName,
    tokens,
    failed,
  }
}

async function listenOn(
  settings: Settings,
  port: number,
  log: Logger,
  handle: Parameters<typeof listen>[1],
): Promise<HttpServer> {
  try {
    return await listen({ host: settings.host, port, log }, handle)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') {
      const role = port === settings.port ? 'the gateway' : 'distribution, PORT + 10'
      throw new SettingsError(
        `PORT: ${port} (${role}) is taken; expected a free port, as in \`npm start -- --port 4100\``,
      )
    }
    if (code === 'EACCES') throw new SettingsError(`PORT: ${port} may not be listened on; expected a port above 1023`)
    throw new SettingsError(
      `HOST: cannot listen on ${JSON.stringify(settings.host)}; expected an address of this machine (${message})`,
    )
  }
}

async function openChannel(
  settings: Settings,
  log: Logger,
): Promise<{ channel: Channel; stream: EventStream | undefined; channelName: string }> {
  const { redisUrl } = settings
  const tell = ({ level, message, kind }: { level: 'info' | 'warn' | 'error'; message: string; kind: string }) =>
    log[level]({ kind }, message)
  if (!redisUrl) return { channel: createInProcessChannel({ log: tell }), stream: undefined, channelName: 'in process' }
  const shown = hideCredentials(redisUrl)
  const explain = (error: Error) => {
    throw new SettingsError(
      `REDIS_URL: expected a Redis that can be reached at ${shown}: ${hideCredentials(error.message)}`,
    )
  }
  const channel = await connectRedisChannel({ url: redisUrl, log: tell }).catch(explain)
  const stream = await connectRedisEventStream({ url: redisUrl, log: tell }).catch(async (error: Error) => {
    await channel.close()
    return explain(error)
  })
  return { channel, stream, channelName: `Redis at ${shown}` }
}
