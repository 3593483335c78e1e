// The creative subgraph as a process of its own: `node subgraphs/creative/index.ts`.

import { buildSubgraph } from '../../common/graphql/subgraph.ts'
import { startSubgraph } from '../../common/service/subgraph-process.ts'
import { portOf } from '../registry.ts'
import { creative } from './app.ts'

await startSubgraph(
  {
    name: 'creative',
    about: 'what is shown, and its revisions.',
    port: portOf('creative'),
    async build(services, { verify }) {
      const subgraph = await buildSubgraph(creative, services, verify)
      return { subgraph, stop: () => subgraph.stop() }
    },
  },
  process.env,
)
