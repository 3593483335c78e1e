// `bench -- serve`: how many requests a second a distribution node answers on one core, beside a bare `node:http` server and other
// GraphQL servers. Each round starts every variant as a fresh process, checks its answers, warms it up, and measures it. Every
// second round goes backwards, so that a machine which becomes slower or faster favours nobody.

import { type Bench, listOf, type Measurement, type Options, summarise, wholeNumber } from '../bench.ts'
import type { ClosedLoopResult } from '../load/closed-loop.ts'
import { driveClosedLoop } from '../load/drive.ts'
import { ratios } from '../statistics.ts'
import { LATENCY, measureLatency } from './latency.ts'
import { installPeers } from './peers.ts'
import { checkVariant, type Kind } from './reference.ts'
import { onStage, type Stage } from './stage.ts'
import { CONNECTIONS, type Variant, variants } from './variants.ts'

/**
 * Where the server may use both cores, the load generator takes its share of them, so it has to be cheap. Then it sends several requests
 * in one packet and reads several answers at once. This costs it a fraction of what single requests do.
 */
const PIPELINING = 16

const NAMES = variants.map(({ name }) => name)

/** Of the first variant to the second. Source: the table of numbers in the design. */
const ROWS = [
  { above: 'lane', below: 'bare', atLeast: 0.7 },
  { above: 'lane', below: 'apolloGateway', atLeast: 35 },
  { above: 'lane', below: 'apolloSubgraph' },
  { above: 'lane', below: 'mercurius', atLeast: 2.5 },
  { above: 'lane304', below: 'bare', atLeast: 0.85 },
  { above: 'relay', below: 'apolloGateway', atLeast: 8 },
  { above: 'workers2', below: 'workers1', atLeast: 1.5 },
] as const

export const serve: Bench = {
  summary:
    'requests a second of a distribution node on one core, beside bare node:http and other GraphQL servers; then `latency`',
  options: {
    rounds: { placeholder: 'N', about: 'how often every variant is measured (default: 5)' },
    seconds: { placeholder: 'S', about: 'how long each time (default: 3), after half of that to warm up' },
    only: { placeholder: 'a,b', about: `some of ${NAMES.join(', ')}; without \`latency\`` },
    quick: { about: 'one round of one second, to try it out' },
  },
  async run(options, print) {
    const wanted = choose(options)
    const isQuick = options.quick === true
    const rounds = wholeNumber(options, 'rounds', isQuick ? 1 : 5, 1, 100)
    const seconds = wholeNumber(options, 'seconds', isQuick ? 1 : 3, 1, 600)
    if (wanted.some(({ isPeer }) => isPeer)) installPeers(print)
    return onStage(print, async (stage) => {
      const chosen = wanted.filter(({ onBothCores }) => !onBothCores || stage.redisUrl !== undefined)
      if (chosen.length < wanted.length) print('without Redis a node has one worker: several ones are left out')
      const runs = new Map(chosen.map(({ name }) => [name, [] as ClosedLoopResult[]]))
      for (let round = 0; round < rounds; round += 1) {
        for (const variant of round % 2 === 0 ? chosen : chosen.toReversed()) {
          const result = await measure(stage, variant, seconds * 1000)
          runs.get(variant.name)!.push(result)
          print(`round ${round + 1} of ${rounds}: ${describe(variant.name, result)}`)
        }
      }
      const measured = [...speeds(runs), ...costs(runs), ...comparisons(runs)]
      if (options.only !== undefined) return measured
      const timing = { rounds: Math.min(rounds, 3), seconds: isQuick ? 1 : 5 }
      return [...measured, ...(await measureLatency(stage, { ...timing, isQuick, print }))]
    })
  },
  fields: (measurements) => ({
    requestsPerSecond: valuesOf(measurements, SPEED, Math.round),
    processorMicroseconds: valuesOf(measurements, COST, (us) => Number(us.toPrecision(3))),
    ratios: valuesOf(measurements, RATIO, (ratio) => Number(ratio.toPrecision(4))),
    latencyMs: valuesOf(measurements, LATENCY, (ms) => Number(ms.toPrecision(3))),
  }),
}

function choose(options: Options): Variant[] {
  const names = listOf(options, 'only', NAMES)
  return variants.filter(({ name, isExtra }) => (names === undefined ? !isExtra : names.includes(name)))
}

async function measure(stage: Stage, variant: Variant, measureMs: number): Promise<ClosedLoopResult> {
  const server = await variant.start(stage)
  try {
    const { requests, expected } = await checkVariant(server.port, stage.reference, kindOf(variant))
    const load = { port: server.port, pids: server.pids, requests, expected }
    const [pipelining, core] = variant.onBothCores ? ([PIPELINING, 'both'] as const) : ([1, 'load'] as const)
    return await driveClosedLoop(
      { ...load, connections: CONNECTIONS, pipelining, warmUpMs: measureMs / 2, measureMs },
      core,
    )
  } finally {
    await server.stop()
  }
}

function kindOf({ isPeer, isConditional, isBare }: Variant): Kind {
  if (isPeer) return 'peer'
  if (isConditional) return 'conditional'
  return isBare ? 'bare' : 'lane'
}

/** The generator must have time left, otherwise it is the limit and not the server. */
function describe(name: string, { perSecond, ownCpu, serverCpu }: ClosedLoopResult): string {
  const percent = (share: number) => `${Math.round(share * 100)} %`
  const server = serverCpu === undefined ? '' : `server ${percent(serverCpu)} busy, `
  return `${name.padEnd(15)} ${Math.round(perSecond)}/s (${server}load generator ${percent(ownCpu)})`
}

const SPEED = 'requests: '
const COST = 'processor per request: '
const RATIO = 'ratio: '

type Runs = ReadonlyMap<string, readonly ClosedLoopResult[]>

function speeds(runs: Runs): Measurement[] {
  return [...runs].map(([name, results]) => summarise(SPEED + name, '/s', results.map(speedOf)))
}

const speedOf = ({ perSecond }: ClosedLoopResult) => perSecond

/** How long the server's processes computed for one request. Other programs on the machine disturb it less than the speed. */
function costs(runs: Runs): Measurement[] {
  return [...runs].flatMap(([name, results]) => {
    if (results.some(({ serverCpu }) => serverCpu === undefined)) return []
    const microseconds = results.map(({ serverCpu, perSecond }) => (serverCpu! * 1e6) / perSecond)
    return [summarise(COST + name, 'µs', microseconds)]
  })
}

/** Each round gives one ratio. */
function comparisons(runs: Runs): Measurement[] {
  return ROWS.flatMap(({ above, below, ...bound }) => {
    const [first, second] = [runs.get(above), runs.get(below)]
    if (!first || !second) return []
    const perRound = ratios(first.map(speedOf), second.map(speedOf))
    return [{ ...summarise(`${RATIO}${above}/${below}`, 'x', perRound), ...bound }]
  })
}

function valuesOf(measurements: readonly Measurement[], prefix: string, round: (value: number) => number) {
  const ours = measurements.filter(({ name }) => name.startsWith(prefix))
  return Object.fromEntries(ours.map(({ name, value }) => [name.slice(prefix.length), round(value)]))
}
