// `bench -- curve`: the latency of one node against its load, from 10 % to 95 % of its capacity, at a constant rate of requests.
// Writes docs/serving-curve.csv and docs/serving-curve.svg.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Bench, type Measurement, summarise, wholeNumber } from '../bench.ts'
import { drawChart } from '../chart.ts'
import type { Latency } from '../load/latency.ts'
import { median } from '../statistics.ts'
import { openLoop, withMeasuredNode } from './latency.ts'
import { onStage } from './stage.ts'

const SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
const docs = fileURLToPath(new URL('../../../docs/', import.meta.url))

/** The load that was wanted, as a part of the capacity, and the medians of what was measured, in ms. */
type Point = { share: number; perSecond: number; runs: Latency[] }

const LINES = [
  { name: 'average', colour: '#3e8e41', of: ({ average }: Latency) => average },
  { name: 'p99', colour: '#1f6feb', of: ({ p99 }: Latency) => p99 },
  { name: 'p99.9', colour: '#b3410e', of: ({ p999 }: Latency) => p999 },
] as const

export const curve: Bench = {
  summary: 'latency of a node against its load; writes serving-curve.svg and serving-curve.csv',
  options: {
    rounds: { placeholder: 'N', about: 'how often each load is measured (default: 3)' },
    seconds: { placeholder: 'S', about: 'how long each time (default: 4)' },
    folder: { placeholder: 'PATH', about: 'where the files go (default: docs)' },
    quick: { about: 'one round of one second, to try it out; name a --folder' },
  },
  async run(options, print) {
    const isQuick = options.quick === true
    const rounds = wholeNumber(options, 'rounds', isQuick ? 1 : 3, 1, 100)
    const seconds = wholeNumber(options, 'seconds', isQuick ? 1 : 4, 1, 600)
    const folder = typeof options.folder === 'string' ? options.folder : docs
    return onStage(print, (stage) =>
      withMeasuredNode(stage, async (node) => {
        print(`the node answers ${Math.round(node.capacity)}/s at most`)
        const points: Point[] = SHARES.map((share) => ({ share, perSecond: node.capacity * share, runs: [] }))
        for (let round = 0; round < rounds; round += 1) {
          for (const point of round % 2 === 0 ? points : points.toReversed()) {
            const measured = await openLoop(node, point.perSecond, seconds * 1000)
            point.runs.push(measured)
            print(`round ${round + 1} of ${rounds}: ${percent(point.share)}, p99 ${measured.p99.toFixed(2)} ms`)
          }
        }
        mkdirSync(folder, { recursive: true })
        writeFileSync(`${folder}/serving-curve.csv`, csvOf(points))
        writeFileSync(`${folder}/serving-curve.svg`, svgOf(points, node.capacity))
        print(`wrote serving-curve.svg and serving-curve.csv in ${folder}`)
        return points.flatMap(rowsOf)
      }),
    )
  },
}

function rowsOf({ share, perSecond, runs }: Point): Measurement[] {
  const what = `latency at ${percent(share)} of capacity, ${Math.round(perSecond)}/s`
  return LINES.map(({ name, of }) => summarise(`${what}: ${name}`, 'ms', runs.map(of)))
}

function csvOf(points: readonly Point[]): string {
  const lines = points.map(({ share, perSecond, runs }) => {
    const values = LINES.map(({ of }) => median(runs.map(of)).toFixed(3))
    return [share, Math.round(perSecond), ...values].join(',')
  })
  return `${['share of capacity,requests per second,average ms,p99 ms,p99.9 ms', ...lines].join('\n')}\n`
}

function svgOf(points: readonly Point[], capacity: number): string {
  return drawChart({
    title: 'Latency of one distribution node against its load',
    subtitle: `One core, 3 slots with 20 candidates each, capacity ${Math.round(capacity).toLocaleString('en')} requests a second. Measured from the intended instant of sending.`,
    x: { label: 'Requests a second, at a constant rate, from 10 % to 95 % of the capacity' },
    y: { label: 'Latency', unit: 'ms' },
    series: LINES.map(({ name, colour, of }) => ({
      ...{ name, colour },
      points: points.map(({ perSecond, runs }) => [perSecond, median(runs.map(of))] as const),
    })),
    limits: [{ y: 4, label: 'p99 wanted at half of the capacity: at most 4 ms' }],
  })
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
