// `bench -- latency`: how long an answer takes when requests come at half of what a node can answer, and the same while
// publications arrive and the node loads 100,000 schedules again. Requests come at a constant rate; a latency counts from the
// instant at which the request should have been sent (load/open-loop.ts).

import { setTimeout as sleep } from 'node:timers/promises'
import { type Bench, type Measurement, summarise, wholeNumber } from '../bench.ts'
import { driveClosedLoop, driveOpenLoop } from '../load/drive.ts'
import type { Latency } from '../load/latency.ts'
import { CATALOGUE_SLOTS, makeNodesReload, startPublisher, writeCatalogue } from './catalogue.ts'
import { type Checked, checkVariant } from './reference.ts'
import type { Server } from './servers.ts'
import { onStage, type Stage } from './stage.ts'
import { CONNECTIONS, startNode } from './variants.ts'

/** How the names of its measurements begin. */
export const LATENCY = 'latency '
const PUBLICATIONS_PER_MINUTE = 1_000
/** A reload takes up to five seconds. */
const RELOAD_EVERY_MS = 6_000

export const latency: Bench = {
  summary: 'latency of a node at half of its capacity, from the intended instant of sending; also while it loads',
  options: {
    rounds: { placeholder: 'N', about: 'how often it is measured (default: 3)' },
    seconds: { placeholder: 'S', about: 'how long each time (default: 10)' },
    quick: { about: 'one round of two seconds and a tenth of the schedules, to try it out' },
  },
  async run(options, print) {
    const isQuick = options.quick === true
    const rounds = wholeNumber(options, 'rounds', isQuick ? 1 : 3, 1, 100)
    const seconds = wholeNumber(options, 'seconds', isQuick ? 2 : 10, 1, 600)
    return onStage(print, (stage) => measureLatency(stage, { rounds, seconds, isQuick, print }))
  },
}

export type LatencyOptions = { rounds: number; seconds: number; isQuick: boolean; print: (line: string) => void }

export async function measureLatency(stage: Stage, options: LatencyOptions): Promise<Measurement[]> {
  const { rounds, seconds, isQuick, print } = options
  const measureMs = seconds * 1000
  const still = await onNode(stage, 'half of capacity', rounds, print, (node) =>
    openLoop(node, node.capacity / 2, measureMs),
  )
  const rows = rowsOf('at half of capacity', still, { average: 1, p99: 4 })
  const { redisUrl } = stage
  if (redisUrl === undefined) {
    print('without Redis nothing can be published in the node: latencies while it loads are left out')
    return rows
  }
  const slots = isQuick ? CATALOGUE_SLOTS / 10 : CATALOGUE_SLOTS
  print(`writing ${slots * 20} schedules in ${slots} slots`)
  await writeCatalogue(redisUrl, slots)
  const loading = await onNode(stage, 'the same, loading', rounds, print, (node) =>
    whileLoading(node, redisUrl, slots, print, () => openLoop(node, node.capacity / 2, measureMs)),
  )
  return [...rows, ...rowsOf(`the same, with publications and ${slots * 20} schedules loading`, loading, { p99: 10 })]
}

export type MeasuredNode = Server & Checked & { capacity: number }

const CAPACITY_MS = 3_000

/** Starts a node, measures its capacity in requests a second, and runs `measure` some times on it. */
async function onNode(
  stage: Stage,
  what: string,
  rounds: number,
  print: (line: string) => void,
  measure: (node: MeasuredNode) => Promise<Latency>,
): Promise<Latency[]> {
  const results: Latency[] = []
  await withMeasuredNode(stage, async (node) => {
    print(`${what}: the node answers ${Math.round(node.capacity)}/s at most`)
    for (let round = 0; round < rounds; round += 1) {
      const result = await measure(node)
      results.push(result)
      print(`${what}, round ${round + 1} of ${rounds}: ${describe(result)}`)
    }
  })
  return results
}

export async function withMeasuredNode<T>(stage: Stage, run: (node: MeasuredNode) => Promise<T>): Promise<T> {
  const server = await startNode(stage)
  try {
    const { requests, expected } = await checkVariant(server.port, stage.reference, 'lane')
    const load = { port: server.port, pids: server.pids, requests, expected, connections: CONNECTIONS, pipelining: 1 }
    const timing = { warmUpMs: CAPACITY_MS, measureMs: CAPACITY_MS }
    const { perSecond } = await driveClosedLoop({ ...load, ...timing }, 'load')
    return await run({ ...server, requests, expected, capacity: perSecond })
  } finally {
    await server.stop()
  }
}

export function openLoop(node: MeasuredNode, perSecond: number, measureMs: number): Promise<Latency> {
  const { port, requests, expected } = node
  const load = { port, requests, expected, connections: CONNECTIONS, perSecond }
  return driveOpenLoop({ ...load, warmUpMs: 1_000, measureMs }, 'load')
}

/** Runs while somebody publishes, and while the node is made to load everything again and again. Throws when it did not. */
async function whileLoading<T>(
  node: Server,
  redisUrl: string,
  slots: number,
  print: (line: string) => void,
  run: () => Promise<T>,
): Promise<T> {
  const publisher = await startPublisher(redisUrl, PUBLICATIONS_PER_MINUTE, slots)
  const before = await loadsOf(node)
  const began = performance.now()
  const over = new AbortController()
  const reloading = (async () => {
    while (!over.signal.aborted) {
      await makeNodesReload(redisUrl)
      await sleep(RELOAD_EVERY_MS, undefined, { signal: over.signal }).catch(() => {}) // it is over
    }
  })()
  try {
    const result = await Promise.race([run(), publisher.failed])
    const after = await loadsOf(node)
    const published = after.applied - before.applied
    const perMinute = (published * 60_000) / (performance.now() - began)
    const reloads = after.reloads - before.reloads
    print(
      `meanwhile ${published} documents were applied (${Math.round(perMinute)} a minute) and ${reloads} loads ended`,
    )
    if (published === 0 || reloads === 0)
      throw new Error('expected publications and a load meanwhile: the machine is too busy')
    return result
  } finally {
    over.abort()
    await reloading.catch(() => {}) // the error of `run` counts
    await publisher.stop()
  }
}

/** What the node says of itself. */
async function loadsOf({ port }: Server): Promise<{ applied: number; reloads: number }> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(10_000) })
  const { channel } = (await answer.json()) as { channel: { applied: number; reloads: number } }
  return channel
}

function rowsOf(what: string, results: readonly Latency[], bounds: { average?: number; p99?: number }): Measurement[] {
  const row = (name: string, of: (result: Latency) => number, atMost?: number): Measurement => ({
    ...summarise(`${LATENCY}${what}: ${name}`, 'ms', results.map(of)),
    ...(atMost !== undefined && { atMost }),
  })
  return [
    row('average', ({ average }) => average, bounds.average),
    row('p99', ({ p99 }) => p99, bounds.p99),
    row('p99.9', ({ p999 }) => p999),
    row('what the load generator adds to p99', ({ generatorP99 }) => generatorP99),
  ]
}

function describe({ requests, unanswered, average, p50, p99, p999, longest, generatorP99 }: Latency): string {
  const ms = (value: number) => `${value.toFixed(2)} ms`
  const lost = unanswered > 0 ? `, ${unanswered} WITHOUT AN ANSWER` : ''
  return (
    `${requests} requests, average ${ms(average)}, p50 ${ms(p50)}, p99 ${ms(p99)}, p99.9 ${ms(p999)}, ` +
    `longest ${ms(longest)}; load generator late by ${ms(generatorP99)} at p99${lost}`
  )
}
