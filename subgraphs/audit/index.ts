// The audit subgraph as a process of its own: `node subgraphs/audit/index.ts`.

import { startSubgraphProcess } from '../../common/service/subgraph-process.ts'
import { findSubgraph } from '../registry.ts'

await startSubgraphProcess(findSubgraph('audit'), process.env)
