// The schedule subgraph as a process of its own: `node subgraphs/schedule/index.ts`.

import { buildSubgraph } from '../../common/graphql/subgraph.ts'
import { startSubgraph } from '../../common/service/subgraph-process.ts'
import { portOf } from '../registry.ts'
import { schedule } from './app.ts'

await startSubgraph(
  {
    name: 'schedule',
    about: 'apps, their slots, and what is booked in them.',
    port: portOf('schedule'),
    redis: 'announces', // the settings of apps
    async build(services, { verify }) {
      const subgraph = await buildSubgraph(schedule, services, verify)
      return { subgraph, stop: () => subgraph.stop() }
    },
  },
  process.env,
)
