// A distribution node as a process of its own: `node subgraphs/distribution/index.ts`. It knows nothing of MongoDB.

import { federationHandler } from '../../common/graphql/federation.ts'
import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import { openRedisChannel } from '../../common/service/connections.ts'
import { startProcess } from '../../common/service/process.ts'
import { readServiceSecret } from '../../common/service/secrets.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import { portOf } from '../registry.ts'
import { buildDistribution, newNodeName } from './app.ts'

await startProcess(
  {
    name: 'distribution',
    about: 'answers apps at /graphql from its own memory, and keeps that in step with Redis.',
    port: portOf('distribution'),
    needs: ['REDIS_URL', 'SERVICE_SECRET'],
    async build({ settings, signingSecret, verify, log, metrics, setup, closing }) {
      const serviceSecret = readServiceSecret(settings)
      const channel = await openRedisChannel(settings.redisUrl!, log, setup.redis({ holdsEvents: false }))
      closing('channel', () => channel.close())
      const { subgraph, lane, checks, stop } = await buildDistribution({
        channel,
        keys: deriveSigningKeys(signingSecret),
        node: newNodeName(),
        verify,
        operations: readPersistedOperations(new URL('../../schema/persisted-queries.json', import.meta.url)),
        now: Date.now,
        random: Math.random,
        log,
        metrics,
      })
      closing('distribution', stop)
      return {
        graphql: (request) => lane.handle(request),
        federation: federationHandler(subgraph, serviceSecret),
        checks,
      }
    },
  },
  process.env,
)
