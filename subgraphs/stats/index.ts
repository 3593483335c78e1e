// The stats subgraph as a process of its own: `node subgraphs/stats/index.ts`.

import { startSubgraphProcess } from '../../common/service/subgraph-process.ts'
import { findSubgraph } from '../registry.ts'

await startSubgraphProcess(findSubgraph('stats'), process.env)
