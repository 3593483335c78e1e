// Delivery's reconciliation: finishes revocations that a crash cut off, and heals the channel. It runs at start, before
// nodes load, and then every few seconds, sooner when a node says what it cannot read. What fails is counted and logged, does
// not keep the rest from being done, and is tried again by the next round.

import { createProblemLog } from '../../common/base/problem-log.ts'
import type { Services } from '../../common/command/services.ts'
import { reviews } from '../audit/repository.ts'
import { eachApart } from './each-apart.ts'
import { type Healed, healChannel } from './heal.ts'
import { finishRevocation } from './revoke.ts'

/** What one round did. `failures`: what could not be done of it. `error`: the first of these. */
export type Report = Healed & { revocations: number; failures: number; error: string | null }

export type Reconciliation = {
  /** A whole round, after the one that is under way. Never rejects: `error` says what went wrong. */
  runOnce(): Promise<Report>
  /** `rewritten` and `replaced` count since the start; `ahead` and `corrupt` are the last round's. */
  status(): {
    rounds: number
    failed: number
    rewritten: number
    ahead: number
    corrupt: number
    replaced: number
    /** When the last one was, in ms since the Unix epoch. */
    replacedAt: number | null
    last: Report | null
  }
  /** Resolves once nothing is under way any more. */
  stop(): Promise<void>
}

const REVOCATIONS_AT_ONCE = 100
/** How often to ask what nodes cannot read, in ms. */
const LISTEN_MS = 1_000
/** A node whose last heartbeat is older is not alive. */
const ALIVE_MS = 10_000

/** @param options.fullEvery every how many rounds each document is read, not only the manifests. The first one is such. */
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
  let last: Report | null = null
  /** What nodes could not read at the last round, as one text. */
  let namedBefore = ''
  let stopped = false
  let running: Promise<unknown> = Promise.resolve()
  let due = performance.now() + everyMs
  let ticking: Promise<void> = Promise.resolve()
  let timer = nextTick()

  function runOnce(): Promise<Report> {
    const round = running.then(async () => {
      const named = await unreadableOnNodes(services)
      namedBefore = [...named].sort().join()
      last = await reconcile({ services, problems, full: rounds % fullEvery === 0, named })
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

  function nextTick(): NodeJS.Timeout {
    const tick = () => {
      ticking = roundIfDue()
    }
    return setTimeout(tick, Math.min(everyMs, LISTEN_MS)).unref()
  }

  async function roundIfDue(): Promise<void> {
    const isDue = performance.now() >= due || (await isAnythingNew())
    if (isDue && !stopped) await runOnce()
    if (!stopped) timer = nextTick()
  }

  /** What a round could not heal waits for the next one. */
  async function isAnythingNew(): Promise<boolean> {
    const named = await unreadableOnNodes(services)
    return named.size > 0 && [...named].sort().join() !== namedBefore
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

/** Names of documents that living nodes cannot read; none while the channel is out of reach, which the round tells of. */
async function unreadableOnNodes({ channel }: Services): Promise<Set<string>> {
  const beats = await channel.heartbeats(ALIVE_MS).catch(() => [])
  return new Set(beats.flatMap(({ unreadable = [] }) => unreadable))
}

type Round = Omit<Parameters<typeof healChannel>[0], 'healed' | 'onFailure'>

async function reconcile(round: Round): Promise<Report> {
  const { services, problems } = round
  const healed: Healed = { checked: 0, rewritten: 0, replaced: 0, ahead: 0, corrupt: 0 }
  let revocations = 0
  const errors: string[] = []
  const onFailure = (error: unknown) => void errors.push(error instanceof Error ? error.message : String(error))
  const parts = {
    'finishing revocations': async () => {
      revocations = await finishRevocations(services, onFailure)
    },
    'healing the channel': () => healChannel({ ...round, healed, onFailure }),
  }
  for (const [what, work] of Object.entries(parts)) {
    try {
      await work()
      problems.resolve(what)
    } catch (error) {
      problems.report(what, 'did not get to its end: the next round tries again', error)
      onFailure(error)
    }
  }
  return { ...healed, revocations, failures: errors.length, error: errors[0] ?? null }
}

/** Answers how many were finished. */
async function finishRevocations(services: Services, onFailure: (error: unknown) => void): Promise<number> {
  let finished = 0
  for (let after = ''; ; ) {
    const page = await reviews.toRecompose(services.store, REVOCATIONS_AT_ONCE, after)
    if (page.length === 0) return finished
    await eachApart(
      page,
      async ({ _id }) => {
        await finishRevocation(services, _id, null)
        finished += 1
      },
      ({ _id }, error) => {
        services.log.error({ err: error, review: _id }, 'a revocation is not finished: slots may still serve it')
        onFailure(error)
      },
    )
    after = page.at(-1)!._id
  }
}
