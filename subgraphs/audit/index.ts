// The audit subgraph as a process of its own: `node subgraphs/audit/index.ts`.

import { buildSubgraph } from '../../common/graphql/subgraph.ts'
import { startSubgraph } from '../../common/service/subgraph-process.ts'
import { portOf } from '../registry.ts'
import { audit } from './app.ts'

await startSubgraph(
  {
    name: 'audit',
    about: 'what is sent to the reviewers, what they decide, and who changed what.',
    port: portOf('audit'),
    async build(services, { verify }) {
      const subgraph = await buildSubgraph(audit, services, verify)
      return { subgraph, stop: () => subgraph.stop() }
    },
  },
  process.env,
)
