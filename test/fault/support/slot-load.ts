// A load of slot queries at a constant rate (open loop): each request leaves at its own time, whether earlier ones were answered or not.
// Latency counts from the intended time, so a server that hangs cannot hide it. Every answer is compared.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request } from 'undici'

const manifest = JSON.parse(
  readFileSync(new URL('../../../schema/persisted-queries.json', import.meta.url), 'utf8'),
) as {
  operations: { id: string; name: string }[]
}

export function operationId(name: string): string {
  return manifest.operations.find((operation) => operation.name === name)!.id
}

export type SlotQuery = { app: string; appKey: string; slots: readonly string[]; userId: string }

export type SlotAnswer = { status: number; body: string }

/** The path of a GET for these slots. */
export function slotPath({ app, slots, userId }: SlotQuery): string {
  const search = new URLSearchParams({
    variables: JSON.stringify({ app, slots, context: { userId } }),
    extensions: JSON.stringify({ persistedQuery: { version: 1, sha256Hash: operationId('Decisions') } }),
  })
  return `/graphql?${search}`
}

/** One query of a node. Rejects when there is no answer. */
export async function askSlots(url: string, query: SlotQuery): Promise<SlotAnswer> {
  const response = await fetch(url + slotPath(query), {
    headers: { 'x-app-key': query.appKey },
    signal: AbortSignal.timeout(5_000),
  })
  return { status: response.status, body: await response.text() }
}

export type SlotLoadOptions = {
  /** Asked for each request, so it may change. Requests go round. */
  urls(): readonly string[]
  perSecond: number
  queries: readonly SlotQuery[]
  /** Says what is wrong with an answer; undefined: it is right. */
  check(answer: SlotAnswer, query: SlotQuery, url: string): string | undefined
}

export type LoadReport = {
  sent: number
  /** The first twenty of them, in words. */
  failures: string[]
  failed: number
  /** In ms, of the answered ones. `share`: 0.99 for the p99. */
  latency(share: number): number
}

export type SlotLoad = {
  /** So far, or since `mark`. */
  report(): LoadReport
  /** Begins a new report. */
  mark(): void
  /** Resolves once everything that was sent is answered. */
  stop(): Promise<LoadReport>
}

/** A request without an answer after this time has failed, in ms. */
const ANSWER_MS = 5_000

export function startSlotLoad({ urls, perSecond, queries, check }: SlotLoadOptions): SlotLoad {
  const dispatcher = new Agent({ connections: 64, headersTimeout: ANSWER_MS, bodyTimeout: ANSWER_MS })
  const prepared = queries.map((query) => ({ query, path: slotPath(query), headers: { 'x-app-key': query.appKey } }))
  const underWay = new Set<Promise<void>>()
  let [sent, failed] = [0, 0]
  let failures: string[] = []
  let latencies: number[] = []
  let isOver = false

  function fail(what: string): void {
    failed += 1
    if (failures.length < 20) failures.push(what)
  }

  async function send(number: number, intended: number): Promise<void> {
    const targets = urls()
    const url = targets[number % targets.length]
    const { query, path, headers } = prepared[number % prepared.length]!
    if (url === undefined) return fail('there is no node to ask')
    try {
      const { statusCode, body } = await request(url + path, { dispatcher, headers })
      const text = await body.text()
      latencies.push(performance.now() - intended)
      const wrong = check({ status: statusCode, body: text }, query, url)
      if (wrong !== undefined) fail(`${url} ${query.slots}: ${wrong}`)
    } catch (error) {
      fail(`${url} ${query.slots}: ${(error as Error).message}`)
    }
  }

  async function run(): Promise<void> {
    const began = performance.now()
    for (let number = 0; !isOver; ) {
      const due = Math.floor(((performance.now() - began) * perSecond) / 1000)
      for (; number < due; number++) {
        sent += 1
        const work = send(number, began + ((number + 1) * 1000) / perSecond).finally(() => underWay.delete(work))
        underWay.add(work)
      }
      await sleep(2)
    }
  }
  const running = run()
  let closed: Promise<void> | undefined

  function report(): LoadReport {
    const sorted = latencies.toSorted((a, b) => a - b)
    const latency = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
    return { sent, failed, failures: [...failures], latency }
  }

  return {
    report,
    mark() {
      ;[sent, failed, failures, latencies] = [0, 0, [], []]
    },
    async stop() {
      isOver = true
      await running
      await Promise.all(underWay)
      closed ??= dispatcher.close()
      await closed
      return report()
    },
  }
}
