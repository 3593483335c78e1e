// The whole graph in this process: the gateway over the subgraphs of a workflow, with stats and a distribution node beside them.

import { readFileSync } from 'node:fs'
import { tokenVerifier } from '../../common/access/tokens.ts'
import { createLogger } from '../../common/base/log.ts'
import { createMetrics } from '../../common/base/metrics.ts'
import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import { buildGateway } from '../../gateway/app.ts'
import { PERSISTED_QUERIES } from '../../scripts/shared/operation-ids.ts'
import { buildDistribution } from '../../subgraphs/distribution/app.ts'
import { createStats } from '../../subgraphs/stats/app.ts'
import { tokenFor, tokenSettings } from './subgraphs.ts'
import type { Workflow } from './workflow.ts'

export type WholeGraph = Awaited<ReturnType<typeof startWholeGraph>>

export async function startWholeGraph(flow: Workflow) {
  const log = createLogger('silent')
  const verify = tokenVerifier(tokenSettings)
  const operations = readPersistedOperations(PERSISTED_QUERIES)
  const { channel, keys, now } = flow.services
  const stats = await createStats(flow.services, {
    stream: undefined,
    verify,
    operations,
    laneFields: ['recordEvents'],
  })
  const node = {
    channel,
    keys,
    node: 'test',
    verify,
    operations,
    laneFields: ['decisions'],
    now,
    random: Math.random,
    log,
  }
  const distribution = await buildDistribution(node)
  const subgraphs = Object.values(flow.subgraphs).map(({ subgraph }) => subgraph)
  const gateway = await buildGateway({
    supergraphSdl: readFileSync(new URL('../../schema/supergraph.graphql', import.meta.url), 'utf8'),
    upstreams: [...subgraphs, stats.subgraph, distribution.subgraph],
    maxUpstreamRequests: 256,
    lanes: [],
    verify,
    production: false,
    corsOrigins: [],
    sandbox: undefined,
    log,
    metrics: createMetrics(),
  })

  return {
    stats,
    distribution,

    /** The data of an answer; throws when there are errors. */
    // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
    async ask(actor: string, query: string, variables: object = {}): Promise<any> {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${await tokenFor(actor)}` }
      const body = JSON.stringify({ query, variables })
      const request = {
        method: 'POST',
        path: '/graphql',
        search: '',
        headers,
        requestId: 'test',
        body: async () => body,
      }
      const { data, errors } = JSON.parse((await gateway.handle(request)).body!)
      if (errors) throw new Error(JSON.stringify(errors))
      return data
    },

    async stop() {
      await gateway.stop()
      await distribution.stop()
      await stats.stop()
    },
  }
}
