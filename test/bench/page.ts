// `bench -- page`: how long a page of 100 schedules takes through the gateway, with slot, creatives, strategy, review, delivery, history
// and totals. Gateway and subgraphs are in this process, as with `npm start`; the embedded server is in its worker thread.

import type { CommandStartedEvent } from 'mongodb'
import { connectStore, type Store } from '../../common/store/store.ts'
import { startEmbeddedWorker } from '../../embedded/worker.ts'
import { bookPage, OF_THE_WORKER, pageOfSchedules } from '../support/page-of-schedules.ts'
import { startWholeGraph } from '../support/whole-graph.ts'
import { startWorkflow } from '../support/workflow.ts'
import { type Bench, type Measurement, summarise, wholeNumber } from './bench.ts'
import { temporaryFolder } from './serving/servers.ts'
import { median } from './statistics.ts'

const SCHEDULES = 100
const PAGES_PER_ROUND = 20

export const page: Bench = {
  summary: 'an admin page of 100 schedules with everything, through the gateway',
  options: {
    rounds: { placeholder: 'N', about: `how often ${PAGES_PER_ROUND} pages are read (default: 5)` },
    quick: { about: 'one round, to try it out' },
  },
  async run(options, print) {
    const rounds = wholeNumber(options, 'rounds', options.quick === true ? 1 : 5, 1, 100)
    const folder = await temporaryFolder()
    const server = await startEmbeddedWorker({ dataDir: folder.path })
    try {
      const store = await connectStore({ uri: server.uri, now: Date.now })
      try {
        return await readPages(store, rounds, print)
      } finally {
        await store.close()
      }
    } finally {
      await server.close()
      await folder.remove()
    }
  },
}

async function readPages(store: Store, rounds: number, print: (line: string) => void): Promise<Measurement[]> {
  const flow = await startWorkflow(store)
  const graph = await startWholeGraph(flow)
  try {
    print(`booking ${SCHEDULES} schedules`)
    await bookPage(flow, graph, SCHEDULES)
    const query = pageOfSchedules(flow.services.now())
    const read = async () => {
      const began = performance.now()
      const { schedules } = await graph.ask('viewer', query, { app: flow.app })
      const took = performance.now() - began
      if (schedules.nodes.length !== SCHEDULES) throw new Error(`expected ${SCHEDULES} schedules`)
      return took
    }
    const reads = await countReads(store, read)
    print(`one page reads ${[...reads].map(([collection, count]) => `${collection} ${count} x`).join(', ')}`)
    const runs: number[] = []
    for (let round = -1; round < rounds; round += 1) {
      const times: number[] = []
      for (let count = 0; count < PAGES_PER_ROUND; count += 1) times.push(await read())
      // The first round only warms up.
      if (round >= 0) runs.push(median(times))
    }
    const most = Math.max(...[...reads].map(([collection, count]) => (collection === 'schedules' ? count - 1 : count)))
    return [
      { ...summarise('admin page of 100 schedules with everything, p50', 'ms', runs), atMost: 60 },
      // Schedules are also counted, for the total.
      { ...summarise('reads of one collection for the page, beside the total', 'x', [most]), atMost: 1 },
    ]
  } finally {
    await graph.stop()
    await flow.stop()
  }
}

/** Collection -> how many commands read it meanwhile. */
async function countReads(store: Store, work: () => Promise<unknown>): Promise<Map<string, number>> {
  const reads = new Map<string, number>()
  const listen = ({ commandName, command }: CommandStartedEvent) => {
    const collection: unknown = command[commandName]
    if (typeof collection !== 'string' || OF_THE_WORKER.has(collection)) return
    reads.set(collection, (reads.get(collection) ?? 0) + 1)
  }
  store.client.on('commandStarted', listen)
  try {
    await work()
    return reads
  } finally {
    store.client.off('commandStarted', listen)
  }
}
