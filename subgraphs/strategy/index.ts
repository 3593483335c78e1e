// The strategy subgraph as a process of its own: `node subgraphs/strategy/index.ts`.

import { buildSubgraph } from '../../common/graphql/subgraph.ts'
import { startSubgraph } from '../../common/service/subgraph-process.ts'
import { portOf } from '../registry.ts'
import { strategy } from './app.ts'

await startSubgraph(
  {
    name: 'strategy',
    about: 'who sees a schedule, and its revisions.',
    port: portOf('strategy'),
    async build(services, { verify }) {
      const subgraph = await buildSubgraph(strategy, services, verify)
      return { subgraph, stop: () => subgraph.stop() }
    },
  },
  process.env,
)
