// The stats subgraph as a process of its own, with its worker and the lane for events: `node subgraphs/stats/index.ts`.

import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import { openRedisStream } from '../../common/service/connections.ts'
import { redisUrlOf, startSubgraph } from '../../common/service/subgraph-process.ts'
import { portOf } from '../registry.ts'
import { createStats } from './app.ts'

await startSubgraph(
  {
    name: 'stats',
    about: 'events in, from apps at /graphql and from operators through the gateway, and reports out.',
    port: portOf('stats'),
    redis: 'reads',
    async build(services, frame) {
      const stream = await openRedisStream(redisUrlOf(frame), frame.log, frame.setup.redis({ holdsEvents: true }))
      frame.closing('event stream', () => stream.close())
      const operations = readPersistedOperations(new URL('../../schema/persisted-queries.json', import.meta.url))
      return createStats(services, { stream, operations, verify: frame.verify })
    },
  },
  process.env,
)
