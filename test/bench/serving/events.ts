// `bench -- events`: how many events a second stats accepts on one core, in batches of 100, with a real Redis and the embedded server
// as a process of its own. In the end the worker folds all of them, and the rollups must hold exactly the accepted ones.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { insertApp } from '../../../common/apps/apps.ts'
import { sha256 } from '../../../common/base/content-hash.ts'
import { openMongoDb } from '../../../common/service/connections.ts'
import type { Store } from '../../../common/store/store.ts'
import { mintEventToken } from '../../../engine/publication/event-token.ts'
import { DAY_MS } from '../../../engine/time/days.ts'
import { startChild as startPrinting } from '../../../scripts/processes/child.ts'
import { rollups } from '../../../subgraphs/stats/repository.ts'
import { type Bench, type Measurement, summarise, wholeNumber } from '../bench.ts'
import { pinProcess, reportPinning } from '../children.ts'
import { driveClosedLoop } from '../load/drive.ts'
import { NUMBER } from '../load/requests.ts'
import { requestText } from './http-text.ts'
import { type Server, startBenchRedis, startService, temporaryFolder } from './servers.ts'
import { APP, APP_KEY, operationNamed, publication, SLOTS, signingKeys } from './world.ts'

const BATCH = 100
const CONNECTIONS = 16
/** Of a batch; the others are impressions. */
const CLICKS = 5
/** A run on a slow machine is given up after this time without progress. */
const STUCK_MS = 120_000
const REPORT_EVERY_MS = 5_000

export const events: Bench = {
  summary: 'events that stats accepts a second on one core, in batches of 100; the counts must be exact',
  options: {
    rounds: { placeholder: 'N', about: 'how often it is measured (default: 3)' },
    seconds: { placeholder: 'S', about: 'how long each time (default: 4)' },
    quick: { about: 'one round of one second, to try it out' },
  },
  async run(options, print) {
    const isQuick = options.quick === true
    const rounds = wholeNumber(options, 'rounds', isQuick ? 1 : 3, 1, 100)
    const seconds = wholeNumber(options, 'seconds', isQuick ? 1 : 4, 1, 600)
    print(reportPinning())
    return withStats(async (server, store) => {
      const runs: number[] = []
      let accepted = 0
      for (let round = 0; round < rounds; round += 1) {
        const result = await driveClosedLoop(
          {
            ...{ port: server.port, pids: server.pids, requests: [batchRequest()], numberedFrom: accepted },
            ...{ expected: expectedAnswer(), connections: CONNECTIONS, pipelining: 1 },
            ...{ warmUpMs: 1_000, measureMs: seconds * 1000 },
          },
          'load',
        )
        accepted += result.allAnswers * BATCH
        runs.push(result.perSecond * BATCH)
        print(
          `round ${round + 1} of ${rounds}: ${Math.round(result.perSecond * BATCH)} events/s ` +
            `(server ${percent(result.serverCpu)} busy, load generator ${percent(result.ownCpu)})`,
        )
      }
      const began = performance.now()
      await untilFolded(store, accepted, print)
      const folded = (accepted * 1000) / (performance.now() - began)
      print(
        `the rollups hold exactly the ${accepted} accepted events; folded ${Math.round(folded)}/s after the last round`,
      )
      return [{ ...summarise('events accepted in batches of 100', '/s', runs), atLeast: 50_000 }, exactness(accepted)]
    })
  },
  fields: (measurements) => ({ eventsPerSecond: Math.round(measurements[0]!.value) }),
}

function exactness(accepted: number): Measurement {
  return { name: 'events in the rollups, as accepted', unit: 'events', value: accepted, runs: [accepted] }
}

async function withStats<T>(run: (server: Server, store: Store) => Promise<T>): Promise<T> {
  const folder = await temporaryFolder()
  const closers: (() => Promise<void>)[] = [folder.remove]
  try {
    const redis = await startBenchRedis(folder.path)
    if (!redis) throw new Error('this bench needs a Redis: expected redis-server on the PATH')
    closers.push(redis.stop)
    const embedded = await startEmbedded(join(folder.path, 'store'))
    closers.push(embedded.stop)
    const store = await openMongoDb(embedded.uri)
    closers.push(() => store.close())
    await makeApp(store)
    const env = { MONGODB_URI: embedded.uri, REDIS_URL: redis.url }
    const server = await startService({ script: 'subgraphs/stats/index.ts', core: 'server', folder: folder.path, env })
    closers.push(server.stop)
    return await run(server, store)
  } finally {
    for (const close of closers.reverse()) await close()
  }
}

async function startEmbedded(dataDir: string): Promise<{ uri: string; stop(): Promise<void> }> {
  const child = startPrinting({
    ...{ name: 'embedded', program: process.execPath, args: ['embedded/index.ts', '--data-dir', dataDir] },
    ...{ env: process.env, cwd: process.cwd(), print: () => {}, endMs: 10_000 },
  })
  const uri = await Promise.race([child.firstLine, child.ended])
  if (typeof uri !== 'string') throw new Error('the embedded server did not start')
  pinProcess(child.pid!, 'load')
  return { uri, stop: () => child.end() }
}

async function makeApp(store: Store): Promise<void> {
  await store.transaction((tx) =>
    insertApp(
      tx,
      {
        ...{
          _id: APP,
          name: 'Bench',
          zone: 'UTC',
          linkSchemes: [],
          corsOrigins: [],
          fourEyes: true,
          maxAgeSeconds: 30,
        },
        ...{ requestsPerSecond: 1_000_000, createdAt: new Date(), createdBy: 'bench' },
      },
      sha256(APP_KEY),
    ),
  )
}

/** A batch about all creatives of all slots, as an app sends it. Each event gets an id of its own from the load generator. */
function batchRequest(): string {
  const tokens = SLOTS.flatMap((code) => {
    const { slot, entries } = publication({ app: APP, code, revision: 1 })
    return entries.map(({ schedule, creatives: [creative] }) =>
      mintEventToken(signingKeys, { app: APP, slot: slot.id, schedule, creative: creative! }),
    )
  })
  const at = new Date().toISOString()
  const events = Array.from({ length: BATCH }, (_, index) => ({
    id: `event-${NUMBER}`,
    type: index < CLICKS ? 'CLICK' : 'IMPRESSION',
    at,
    token: tokens[index % tokens.length]!,
  }))
  const extensions = { persistedQuery: { version: 1, sha256Hash: operationNamed('RecordEvents').id } }
  const body = JSON.stringify({ variables: { input: { app: APP, events } }, extensions })
  const headers = { 'x-app-key': APP_KEY, 'content-type': 'application/json', accept: 'application/json' }
  return requestText({ method: 'POST', path: '/graphql', headers, body })
}

function expectedAnswer() {
  const recordEvents = { accepted: BATCH, forged: 0, future: 0, expired: 0, __typename: 'RecordedEvents' }
  return { status: 200, bodyBytes: JSON.stringify({ data: { recordEvents } }).length }
}

/** Resolves when the rollups hold all accepted events. Throws when they hold more, or when nothing is folded for a while. */
async function untilFolded(store: Store, accepted: number, print: (line: string) => void): Promise<void> {
  let [count, progressAt, reportedAt] = [-1, performance.now(), performance.now()]
  for (;;) {
    const { impressions, clicks } = await countIn(store)
    const now = performance.now()
    if (impressions + clicks > accepted) throw new Error(`${impressions + clicks} events were counted, not ${accepted}`)
    if (impressions + clicks === accepted) {
      const wanted = (accepted / BATCH) * CLICKS
      if (clicks !== wanted) throw new Error(`${clicks} clicks were counted, not ${wanted}`)
      return
    }
    if (impressions + clicks > count) [count, progressAt] = [impressions + clicks, now]
    if (now - progressAt > STUCK_MS) throw new Error(`only ${count} of ${accepted} events were counted`)
    if (now - reportedAt > REPORT_EVERY_MS) {
      reportedAt = now
      print(`${count} of ${accepted} events are in the rollups`)
    }
    await sleep(200)
  }
}

async function countIn(store: Store): Promise<{ impressions: number; clicks: number }> {
  const now = Date.now()
  const query = { by: 'slot', app: APP, unit: 'DAY', from: now - DAY_MS, to: now + DAY_MS, limit: 1_000 } as const
  const sums = await rollups.byPeriod(store, query)
  const total = (of: 'impressions' | 'clicks') => sums.reduce((sum, one) => sum + one[of], 0)
  return { impressions: total('impressions'), clicks: total('clicks') }
}

function percent(share: number | undefined): string {
  return share === undefined ? '?' : `${Math.round(share * 100)} %`
}
