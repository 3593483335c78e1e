// The delivery subgraph as a process of its own, with its reconciliation: `node subgraphs/delivery/index.ts`.

import { startSubgraph } from '../../common/service/subgraph-process.ts'
import { portOf } from '../registry.ts'
import { startDelivery } from './app.ts'

await startSubgraph(
  {
    name: 'delivery',
    about: 'what is on the nodes, and what puts it there and takes it off.',
    port: portOf('delivery'),
    redis: 'announces',
    build: (services, { verify }) => startDelivery(services, verify),
  },
  process.env,
)
