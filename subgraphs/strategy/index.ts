// The strategy subgraph as a process of its own: `node subgraphs/strategy/index.ts`.

import { startSubgraphProcess } from '../../common/service/subgraph-process.ts'
import { findSubgraph } from '../registry.ts'

await startSubgraphProcess(findSubgraph('strategy'), process.env)
