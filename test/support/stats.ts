// The stats subgraph on a store of its own, with an app to count for. Time stands still, far in the future, so that
// nothing that the server deletes by its own clock is deleted under a test.

import { type ExecutionResult, execute, parse } from 'graphql'
import { insertApp } from '../../common/apps/apps.ts'
import { sha256 } from '../../common/base/content-hash.ts'
import { newId } from '../../common/base/ids.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import type { Services } from '../../common/command/services.ts'
import type { Store } from '../../common/store/store.ts'
import { mintEventToken } from '../../engine/publication/event-token.ts'
import { schedules, slots } from '../../subgraphs/schedule/repository.ts'
import { statsSubgraph } from '../../subgraphs/stats/app.ts'
import { statsLoaders } from '../../subgraphs/stats/loaders.ts'
import { connectMongoEventStream } from '../../subgraphs/stats/mongo-event-stream.ts'
import { type StatsWorker, startStatsWorker } from '../../subgraphs/stats/worker.ts'
import { fakeClock, startTestSubgraph, type TestSubgraph, testServices } from './subgraphs.ts'

export const NOW = Date.parse('2031-05-07T08:30:00Z')

export const RECORD = `mutation ($input: RecordEventsInput!) { recordEvents(input: $input) { accepted forged future expired } }`
const REPORT = `query ($app: ID!, $by: ReportSubject!, $ids: [ID!], $from: DateTime!, $to: DateTime!, $interval: ReportInterval!) {
  report(app: $app, by: $by, ids: $ids, from: $from, to: $to, interval: $interval) {
    rows { id at until impressions clicks conversions ctr }
    total { impressions clicks conversions ctr }
  }
}`

export type Counts = { impressions: number; clicks: number; conversions: number; ctr: number | null }
export type Report = { rows: ({ id: string; at: string; until: string } & Counts)[]; total: Counts }
export type Question = {
  by?: string
  ids?: string[] | null
  from: string | number
  to: string | number
  interval: string
}
export type TestEvent = { id: string; type: string; at?: string; token?: string; source?: object }

export type TestStats = {
  services: Services
  clock: ReturnType<typeof fakeClock>
  stream: EventStream
  api: TestSubgraph
  /** What an app is answered that shows its key. */
  asApp(app: string, events: readonly TestEvent[], input?: object): Promise<ExecutionResult>
  /** The same, the code of the error. */
  codeAsApp(app: string, events: readonly TestEvent[], input?: object): Promise<unknown>
  report(app: string, question: Question, actor?: string): Promise<Report>
  /** Starts a worker that only works when it is told to. */
  worker(): StatsWorker
  /** Folds everything with a worker that ends then. */
  fold(): Promise<void>
  token(of: { app: string; slot: string; schedule: string | null; creative: string }): string
  stop(): Promise<void>
}

export async function startStats(store: Store): Promise<TestStats> {
  const clock = fakeClock(NOW)
  const services = testServices(store, clock.now)
  const stream = await connectMongoEventStream(store)
  const api = await startTestSubgraph(statsSubgraph(stream), services)
  const workers: StatsWorker[] = []

  const stats: TestStats = {
    services,
    clock,
    stream,
    api,
    async asApp(app, events, input = {}) {
      const caller = { principal: null, requestId: 'test', appKey: { app } }
      return execute({
        schema: api.subgraph.graphQLSchema,
        document: parse(RECORD),
        variableValues: { input: { app, events, ...input } },
        contextValue: { caller, loaders: statsLoaders(services, caller) },
      })
    },
    async codeAsApp(app, events, input) {
      return (await stats.asApp(app, events, input)).errors?.[0]?.extensions?.code
    },
    async report(app, { by = 'SCHEDULE', from, to, ...rest }, actor = 'viewer') {
      const period = { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
      return api.must(actor, REPORT, { app, by, ...period, ...rest })
    },
    worker() {
      const worker = startStatsWorker(services, stream, { name: 'mongodb', pollMs: 3_600_000 })
      workers.push(worker)
      return worker
    },
    async fold() {
      const worker = stats.worker()
      await worker.drain()
      await worker.stop()
    },
    token: ({ app, slot, schedule, creative }) =>
      mintEventToken(services.keys, {
        app,
        slot,
        schedule: schedule === null ? null : { id: schedule, revision: 1 },
        creative: { id: creative, revision: 1 },
      }),
    async stop() {
      await Promise.all(workers.map((worker) => worker.stop()))
      await api.subgraph.stop()
    },
  }
  return stats
}

export type PlannedApp = { app: string; slot: string; fallback: string; schedule: string; creative: string }

/** An app with one slot and one schedule of one creative in it. */
export async function planApp(store: Store, app: string, zone = 'UTC', key = `key of ${app}`): Promise<PlannedApp> {
  const at = new Date(NOW)
  const [slot, fallback, creative] = [newId('slot', NOW), newId('creative', NOW), newId('creative', NOW)]
  const createdBy = 'operator'
  const settings = { linkSchemes: [], corsOrigins: [], fourEyes: true, maxAgeSeconds: 30, requestsPerSecond: 100 }
  return store.transaction(async (tx) => {
    await insertApp(tx, { _id: app, name: app, zone, ...settings, createdAt: at, createdBy }, sha256(key))
    const shown = {
      name: 'Home',
      capacity: 1,
      rotationSeconds: 86_400,
      caps: [],
      fallback: [fallback],
      format: null,
      pinnedFallback: [],
      guard: 0,
      archivedAt: null,
    }
    await slots.insert(tx, { _id: slot, app, code: 'home', version: 1, ...shown, createdAt: at, createdBy })
    const { _id: schedule } = await schedules.create(tx, {
      app,
      content: scheduleOf(creative),
      actor: createdBy,
      at,
      more: { slot, deliveryState: 'NONE', pinned: null },
    })
    return { app, slot, fallback, schedule, creative }
  })
}

export const scheduleOf = (creative: string) => ({
  name: 'A schedule',
  creatives: [{ creative, weight: 1 }],
  strategy: null,
  startsAt: null,
  endsAt: null,
  priority: 0,
  weight: 1,
  zone: 'UTC',
  dayParts: [],
  excludedDates: [],
  recurrence: null,
  exclusive: false,
})

/** `n` events of a kind, ids from `prefix`. */
export function eventsOf(n: number, prefix: string, event: Omit<TestEvent, 'id'>): TestEvent[] {
  return Array.from({ length: n }, (_, i) => ({ id: `${prefix}-${i}`, ...event }))
}
