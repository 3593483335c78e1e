// Delivery at work: the subgraph, and the reconciliation beside it, with what it finds as metrics and in `/readyz`.

import type { TokenVerifier } from '../../common/access/tokens.ts'
import { counter, gauge, type Metrics } from '../../common/base/metrics.ts'
import type { Services } from '../../common/command/services.ts'
import { buildSubgraph, type Subgraph } from '../../common/graphql/subgraph.ts'
import { closeAll } from '../../common/service/ending.ts'
import type { Checks, Finding } from '../../common/service/health.ts'
import { delivery } from './app.ts'
import { type Reconciliation, startReconciliation } from './reconcile.ts'

export type Delivery = { subgraph: Subgraph; checks: Checks; stop(): Promise<void> }

/** Resolves after the first round: what the channel lacked is in it. */
export async function startDelivery(services: Services, verify: TokenVerifier): Promise<Delivery> {
  const subgraph = await buildSubgraph(delivery, services, verify)
  const reconciliation = startReconciliation(services)
  await reconciliation.runOnce()
  if (services.metrics) measure(services.metrics, reconciliation)
  return {
    subgraph,
    checks: { reconciliation: () => finding(reconciliation, services.now()) },
    stop() {
      const parts = [
        { name: 'subgraph delivery', close: () => subgraph.stop() },
        { name: 'reconciliation', close: () => reconciliation.stop() },
      ]
      return closeAll(parts, services.log)
    },
  }
}

/** For so long after a document was replaced somebody should look at who writes to the channel, in ms. */
const WARN_MS = 15 * 60_000

/** Nothing of it keeps delivery from its work: publishing goes on, and what is not on the nodes is PENDING. */
function finding(reconciliation: Reconciliation, now: number): Finding {
  const status = reconciliation.status()
  const { replaced, replacedAt } = status
  const warnings = [
    status.ahead > 0
      ? `the channel is ahead of MongoDB in ${status.ahead} documents, as after a restore: run \`npm run raise-epoch\``
      : '',
    status.last && status.corrupt > status.last.replaced
      ? `${status.corrupt} documents of the channel are corrupt`
      : '',
    replacedAt !== null && now - replacedAt < WARN_MS
      ? `${replaced} documents of the channel were corrupt or those of another place, and were replaced, the last at ${new Date(replacedAt).toISOString()}`
      : '',
    status.last?.error ? `${status.last.failures} parts of the last round failed: ${status.last.error}` : '',
  ]
  return { ...status, warning: warnings.filter(Boolean).join('; ') || undefined }
}

function measure(metrics: Metrics, reconciliation: Reconciliation): void {
  const status = () => reconciliation.status()
  const name = (what: string) => `alkaid_delivery_reconciliation_${what}`
  counter(
    metrics,
    { name: name('rounds_total'), help: 'Rounds of the reconciliation of MongoDB and channel.' },
    () => status().rounds,
  )
  counter(
    metrics,
    { name: name('failed_rounds_total'), help: 'Rounds that did not get to their end.' },
    () => status().failed,
  )
  counter(
    metrics,
    { name: name('rewritten_total'), help: 'Documents that the channel lacked, or had older, and that were written.' },
    () => status().rewritten,
  )
  counter(
    metrics,
    { name: name('replaced_total'), help: 'Documents that were corrupt or those of another place, and were replaced.' },
    () => status().replaced,
  )
  gauge(
    metrics,
    {
      name: name('ahead_documents'),
      help: 'Documents of which the channel has a higher one than MongoDB, in the last round: run `npm run raise-epoch`.',
    },
    () => status().ahead,
  )
  gauge(
    metrics,
    { name: name('corrupt_documents'), help: 'Documents of the channel that could not be read, in the last round.' },
    () => status().corrupt,
  )
}
