// A distribution node with its channel in process, for machines without Redis. Otherwise it is the same service, started the same way.

import { createInProcessChannel } from '../../../common/channel/in-process.ts'
import { readPersistedOperations } from '../../../common/lane/persisted-operations.ts'
import { startProcess } from '../../../common/service/process.ts'
import { buildDistribution } from '../../../subgraphs/distribution/app.ts'
import { findSubgraph } from '../../../subgraphs/registry.ts'
import { documents, writeDocuments } from './world.ts'

const entry = findSubgraph('distribution')

await startProcess(
  {
    ...{ name: entry.name, about: entry.about, port: entry.port },
    async build({ signingKeys, verify, log, metrics, closing }) {
      const channel = createInProcessChannel()
      await writeDocuments(channel, documents())
      const node = await buildDistribution({
        ...{ channel, verify, log, metrics, node: 'bench', now: Date.now, random: Math.random },
        keys: signingKeys,
        operations: readPersistedOperations(new URL('../../../schema/persisted-queries.json', import.meta.url)),
        laneFields: entry.laneFields ?? [],
      })
      closing('node', node.stop)
      return { lane: (request) => node.lane.handle(request), checks: node.checks }
    },
  },
  process.env,
)
