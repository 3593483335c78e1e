// Starts the gateway as its own process: `node gateway/index.ts`. It also starts when other services are down, since the supergraph
// is a file.

import { readFileSync } from 'node:fs'
import { readPersistedOperations } from '../common/lane/persisted-operations.ts'
import { type ProcessContext, startProcess } from '../common/service/process.ts'
import type { ServiceParts } from '../common/service/routes.ts'
import { readServiceSecrets } from '../common/service/secrets.ts'
import { gateway as entry, subgraphs } from '../subgraphs/registry.ts'
import { buildGateway } from './app.ts'
import { homePage } from './home.ts'
import { measureRelay, relayFinding, remoteLane } from './remote-lane.ts'
import { remoteService, remoteUpstream, upstreamChecks } from './remote-service.ts'
import { createSandbox } from './sandbox.ts'

const root = new URL('../', import.meta.url)

await startProcess(
  {
    ...entry,
    needs: ['SERVICE_SECRET'],
    upstreams: subgraphs,
    build,
  },
  process.env,
)

async function build({ settings, tokens, verify, log, metrics, closing }: ProcessContext): Promise<ServiceParts> {
  const { shown: serviceSecret } = readServiceSecrets(settings)
  const operations = readPersistedOperations(new URL('schema/persisted-queries.json', root))
  const { maxUpstreamRequests } = settings
  const urlsOf = (name: string) => settings.upstreams.get(name)!
  const remotes = subgraphs.map(({ name }) =>
    remoteService({ name, urls: urlsOf(name), maxRequests: maxUpstreamRequests }),
  )
  const lanes = subgraphs.flatMap(({ name, laneFields: rootFields }) =>
    rootFields
      ? [remoteLane({ name, urls: urlsOf(name), operations, rootFields, maxOutstanding: maxUpstreamRequests })]
      : [],
  )
  for (const { name, close } of [...remotes, ...lanes]) closing(`connections to ${name}`, close)
  const gateway = await buildGateway({
    supergraphSdl: readFileSync(new URL('schema/supergraph.graphql', root), 'utf8'),
    upstreams: remotes.map((remote) => remoteUpstream(remote, serviceSecret, log)),
    lanes,
    maxUpstreamRequests,
    verify,
    limits: settings.queryLimits,
    production: settings.production,
    corsOrigins: settings.corsOrigins,
    sandbox: createSandbox(settings, tokens),
    log,
    metrics,
  })
  closing('gateway', () => gateway.stop())
  measureRelay(metrics, lanes)
  return {
    home: homePage(settings, tokens),
    graphql: (request) => gateway.handle(request),
    checks: { ...gateway.checks, ...upstreamChecks(remotes), relay: () => relayFinding(lanes) },
  }
}
