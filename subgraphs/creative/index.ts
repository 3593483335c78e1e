// The creative subgraph as a process of its own: `node subgraphs/creative/index.ts`.

import { startSubgraphProcess } from '../../common/service/subgraph-process.ts'
import { findSubgraph } from '../registry.ts'

await startSubgraphProcess(findSubgraph('creative'), process.env)
