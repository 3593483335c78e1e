// A subgraph over the store as a process of its own: opens what it needs, builds it, and answers the gateway at
// `/federation`. `npm start` builds the same in one process (platform/app.ts).

import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import { noChannel } from '../channel/in-process.ts'
import type { Services } from '../command/services.ts'
import { federationHandler } from '../graphql/federation.ts'
import type { Subgraph } from '../graphql/subgraph.ts'
import type { Lane } from '../lane/lane.ts'
import { openMongoDb, openRedisChannel } from './connections.ts'
import { type Checks, channelCheck, storeCheck } from './health.ts'
import { type Frame, type ProcessParts, startProcess } from './process.ts'
import { readServiceSecret } from './secrets.ts'

/** A subgraph, with what runs beside it. */
export type RunningSubgraph = {
  subgraph: Subgraph
  lane?: Lane
  /** Beside the store's. */
  checks?: Checks
  stop(): Promise<void>
}

export type SubgraphProcess = {
  name: string
  about: string
  port: number
  /** `announces`: it writes to the channel. `reads`: it needs Redis for something of its own. Both need REDIS_URL. */
  redis?: 'announces' | 'reads'
  build(services: Services, frame: Frame): Promise<RunningSubgraph>
}

/** Where a subgraph finds Redis; it is there, since the process does not start without. */
export function redisUrlOf({ settings }: Frame): string {
  return settings.redisUrl!
}

export async function startSubgraph(
  { name, about, port, redis, build }: SubgraphProcess,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const needs = ['MONGODB_URI', ...(redis ? ['REDIS_URL' as const] : []), 'SERVICE_SECRET'] as const
  await startProcess({ name, about, port, needs, build: buildParts }, env)

  async function buildParts(frame: Frame): Promise<ProcessParts> {
    const { settings, log, metrics, setup, closing } = frame
    const serviceSecret = readServiceSecret(settings)
    const store = await openMongoDb(settings.mongodbUri!, { log, metrics })
    closing('store', () => store.close())
    setup.store(store)
    const announces = () => openRedisChannel(redisUrlOf(frame), log, setup.redis({ holdsEvents: false }))
    const channel = redis === 'announces' ? await announces() : noChannel(name)
    closing('channel', () => channel.close())
    const keys = deriveSigningKeys(frame.signingSecret)
    const running = await build({ store, channel, keys, now: Date.now, log, metrics }, frame)
    closing(name, () => running.stop())
    const { subgraph, lane, checks } = running
    return {
      graphql: lane && ((request) => lane.handle(request)),
      federation: federationHandler(subgraph, serviceSecret),
      checks: {
        store: storeCheck(store),
        ...(redis === 'announces' && { channel: channelCheck(channel) }),
        ...checks,
      },
    }
  }
}
