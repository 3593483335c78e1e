// The reconciliation of MongoDB with the channel: when a round runs, and what operators see of it. The first round runs at
// start, before nodes load; then one every few seconds, and sooner when a node names a document that it cannot read.
// A failing round is counted and logged, and the next one tries again.

import { counter, gauge, type Metrics } from '../../common/base/metrics.ts'
import { createProblemLog } from '../../common/base/problem-log.ts'
import type { Services } from '../../common/command/services.ts'
import type { Finding } from '../../common/service/health.ts'
import { type RoundReport, runRound } from './reconciliation-round.ts'

export type Reconciliation = {
  /** Runs a whole round, after the one that is under way. Never rejects: `error` of the report says what went wrong. */
  runOnce(): Promise<RoundReport>
  status(): ReconciliationStatus
  /** Resolves when no round is under way any more. */
  stop(): Promise<void>
}

/** `rewritten` and `replaced` count since the start; `ahead` and `corrupt` are those of the last round. */
export type ReconciliationStatus = {
  rounds: number
  failed: number
  rewritten: number
  ahead: number
  corrupt: number
  replaced: number
  /** When a document was last replaced, in ms since the Unix epoch. */
  replacedAt: number | null
  last: RoundReport | null
}

/** How often nodes are asked what they cannot read, in ms. */
const LISTEN_MS = 1_000
/** A node whose last heartbeat is older than this, in ms, is not alive. */
const ALIVE_MS = 10_000
/** For this long after a document was replaced, `/readyz` warns: somebody else writes to the channel. In ms. */
const WARN_MS = 15 * 60_000

/** @param options.fullEvery every so many rounds all documents are read, not only the manifests. The first round is full. */
export function startReconciliation(
  services: Services,
  { everyMs = 5_000, fullEvery = 12 }: { everyMs?: number; fullEvery?: number } = {},
): Reconciliation {
  const problems = createProblemLog(services.log)
  let rounds = 0
  let failed = 0
  let rewritten = 0
  let replaced = 0
  let replacedAt: number | null = null
  let last: RoundReport | null = null
  let unreadableAtLastRound: ReadonlySet<string> = new Set()
  let stopped = false
  let running: Promise<unknown> = Promise.resolve()
  let due = performance.now() + everyMs
  let ticking: Promise<void> = Promise.resolve()
  let timer = scheduleTick()

  function runOnce(): Promise<RoundReport> {
    const round = running.then(async () => {
      const unreadableOnNodes = await readUnreadableOnNodes(services)
      unreadableAtLastRound = unreadableOnNodes
      last = await runRound({ services, problems, full: rounds % fullEvery === 0, unreadableOnNodes })
      rounds += 1
      rewritten += last.rewritten
      replaced += last.replaced
      if (last.replaced > 0) replacedAt = services.now()
      if (last.error !== null) failed += 1
      due = performance.now() + everyMs
      return last
    })
    running = round
    return round
  }

  function scheduleTick(): NodeJS.Timeout {
    const tick = () => {
      ticking = runIfDue()
    }
    return setTimeout(tick, Math.min(everyMs, LISTEN_MS)).unref()
  }

  async function runIfDue(): Promise<void> {
    const isDue = performance.now() >= due || (await nodesReportOthers())
    if (isDue && !stopped) await runOnce()
    if (!stopped) timer = scheduleTick()
  }

  /** True when nodes cannot read other documents than at the last round. The same ones wait for the next regular round. */
  async function nodesReportOthers(): Promise<boolean> {
    const unreadable = await readUnreadableOnNodes(services)
    if (unreadable.size === 0) return false
    const isSame = [...unreadable].every((name) => unreadableAtLastRound.has(name))
    return !isSame || unreadable.size !== unreadableAtLastRound.size
  }

  return {
    runOnce,
    status: () => ({
      ...{ rounds, failed, rewritten, replaced, replacedAt, last },
      ...{ ahead: last?.ahead ?? 0, corrupt: last?.corrupt ?? 0 },
    }),
    async stop() {
      stopped = true
      clearTimeout(timer)
      await ticking
      await running
    },
  }
}

/** The names of documents that living nodes cannot read. Empty while Redis is out of reach: the round itself reports that. */
async function readUnreadableOnNodes({ channel }: Services): Promise<Set<string>> {
  const heartbeats = await channel.heartbeats(ALIVE_MS).catch(() => [])
  return new Set(heartbeats.flatMap(({ unreadable = [] }) => unreadable))
}

/** For `/readyz`. These are only warnings: publishing goes on, and what is not on the nodes is PENDING. */
export function reconciliationFinding(reconciliation: Reconciliation, now: number): Finding {
  const status = reconciliation.status()
  const { ahead, corrupt, replaced, replacedAt, last } = status
  const warnings: string[] = []
  if (ahead > 0) {
    warnings.push(
      `the channel is ahead of MongoDB in ${ahead} documents, as after a restore: run \`npm run raise-epoch\``,
    )
  }
  if (last && corrupt > last.replaced) warnings.push(`${corrupt} documents of the channel are corrupt`)
  if (replacedAt !== null && now - replacedAt < WARN_MS) {
    warnings.push(
      `${replaced} documents of the channel were corrupt or those of another place, and were replaced, the last at ` +
        `${new Date(replacedAt).toISOString()}: find out who else writes to Redis`,
    )
  }
  if (last?.error) warnings.push(`${last.failures} parts of the last round failed: ${last.error}`)
  return { ...status, warning: warnings.join('; ') || undefined }
}

export function measureReconciliation(metrics: Metrics, reconciliation: Reconciliation): void {
  const status = () => reconciliation.status()
  const name = (what: string) => `alkaid_delivery_reconciliation_${what}`
  counter(
    metrics,
    { name: name('rounds_total'), help: 'Rounds of the reconciliation of MongoDB and channel.' },
    () => status().rounds,
  )
  counter(
    metrics,
    { name: name('failed_rounds_total'), help: 'Rounds in which something failed.' },
    () => status().failed,
  )
  counter(
    metrics,
    {
      name: name('rewritten_total'),
      help: 'Documents that the channel lacked or had in an older version, and that were written.',
    },
    () => status().rewritten,
  )
  counter(
    metrics,
    {
      name: name('replaced_total'),
      help: 'Documents that were corrupt or those of another address, and were replaced.',
    },
    () => status().replaced,
  )
  gauge(
    metrics,
    {
      name: name('ahead_documents'),
      help: 'Documents that are newer in the channel than in MongoDB, in the last round: run `npm run raise-epoch`.',
    },
    () => status().ahead,
  )
  gauge(
    metrics,
    { name: name('corrupt_documents'), help: 'Documents of the channel that could not be read, in the last round.' },
    () => status().corrupt,
  )
}
