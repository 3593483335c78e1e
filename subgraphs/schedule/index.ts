// The schedule subgraph as a process of its own: `node subgraphs/schedule/index.ts`.

import { startSubgraphProcess } from '../../common/service/subgraph-process.ts'
import { findSubgraph } from '../registry.ts'

await startSubgraphProcess(findSubgraph('schedule'), process.env)
