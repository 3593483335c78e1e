// The delivery subgraph as a process of its own: `node subgraphs/delivery/index.ts`.

import { startSubgraphProcess } from '../../common/service/subgraph-process.ts'
import { findSubgraph } from '../registry.ts'

await startSubgraphProcess(findSubgraph('delivery'), process.env)
