// `bench -- heap`: whether the heap of a node grows while it answers millions of requests. After each tenth of them its garbage is
// collected, and what is left is a point of a line. Only the bench's own node has a way to ask for that (heap-probe.ts).

import { fileURLToPath } from 'node:url'
import { type Bench, type Measurement, wholeNumber } from '../bench.ts'
import type { Child } from '../children.ts'
import { driveClosedLoop } from '../load/drive.ts'
import { fitLine } from '../statistics.ts'
import type { HeapSize } from './heap-probe.ts'
import { checkVariant } from './reference.ts'
import { onStage } from './stage.ts'
import { CONNECTIONS, startNode } from './variants.ts'

const REQUESTS = 5_000_000
const POINTS = 10
const MB = 2 ** 20
/** For one tenth of the requests. */
const LONGEST_MS = 600_000
/** A leak of one byte in each of the requests would be more. */
const MOST_GROWTH_MB = 2
const PROBE = fileURLToPath(new URL('./heap-probe.ts', import.meta.url))

export const heap: Bench = {
  summary: 'whether the heap of a node grows while it answers millions of requests',
  options: {
    requests: { placeholder: 'N', about: `how many requests (default: ${REQUESTS})` },
    quick: { about: '50,000 requests, to try it out' },
  },
  async run(options, print) {
    const wanted = options.quick === true ? 50_000 : REQUESTS
    const requests = wholeNumber(options, 'requests', wanted, POINTS, 1_000_000_000)
    return onStage(print, async (stage) => {
      const node = await startNode(stage, ['--expose-gc', '--import', PROBE])
      try {
        const checked = await checkVariant(node.port, stage.reference, 'lane')
        const load = { ...checked, port: node.port, pids: node.pids, connections: CONNECTIONS, pipelining: 1 }
        const part = { warmUpMs: 0, measureMs: LONGEST_MS, maxRequests: Math.ceil(requests / POINTS) }
        const sizes: [number, HeapSize][] = []
        let answered = 0
        // The requests before the first point leave what every node keeps: compiled code, caches.
        for (let point = 0; point <= POINTS; point += 1) {
          answered += (await driveClosedLoop({ ...load, ...part }, 'load')).allAnswers
          const size = await heapOf(node.child)
          sizes.push([answered, size])
          print(`after ${answered} requests: heap ${inMb(size.heap)} MB, outside of it ${inMb(size.external)} MB`)
        }
        return [
          growth(
            'heap',
            sizes.map(([at, { heap }]) => [at, heap]),
          ),
          growth(
            'buffers outside of the heap',
            sizes.map(([at, { external }]) => [at, external]),
          ),
        ]
      } finally {
        await node.stop()
      }
    })
  },
}

/** By the line through all points, as one point may lie above or below it by chance. */
function growth(what: string, points: readonly [requests: number, bytes: number][]): Measurement {
  const [[first], [last]] = [points[0]!, points.at(-1)!]
  const value = (fitLine(points).slope * (last - first)) / MB
  const name = `${what}: growth over ${(last - first).toLocaleString('en')} requests`
  return { name, unit: 'MB', value, atMost: MOST_GROWTH_MB, runs: points.map(([, bytes]) => bytes / MB) }
}

async function heapOf(child: Child): Promise<HeapSize> {
  const answer = child.nextMessage()
  child.send('heap')
  return (await answer) as HeapSize
}

function inMb(bytes: number): string {
  return (bytes / MB).toFixed(2)
}
