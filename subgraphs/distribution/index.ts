// The distribution subgraph as a process of its own: `node subgraphs/distribution/index.ts`.

import { startSubgraphProcess } from '../../common/service/subgraph-process.ts'
import { findSubgraph } from '../registry.ts'

await startSubgraphProcess(findSubgraph('distribution'), process.env)
