// A page of an admin frontend: schedules with the fields of every subgraph. One test counts what it reads, and a bench measures how long
// it takes.

import { tokenFor } from './subgraphs.ts'
import type { WholeGraph } from './whole-graph.ts'
import type { Workflow } from './workflow.ts'

/** Collections that stats looks at by itself now and then. No page asks for them. */
export const OF_THE_WORKER: ReadonlySet<string> = new Set([
  'eventStream',
  'eventStreamEnds',
  'statsPosition',
  'appOperations', // the versions of apps' lists, every second
])

/** Books schedules, each in a slot of its own. Every second one is live with a newer revision in review, the others wait for a reviewer. */
export async function bookPage(flow: Workflow, graph: WholeGraph, count: number): Promise<void> {
  for (let made = 0; made < count; made++) await bookOne(flow, graph, made)
  await graph.stats.worker.drain()
}

async function bookOne(flow: Workflow, graph: WholeGraph, made: number): Promise<void> {
  const [slot, creative] = [await flow.makeSlot(), await flow.makeCreative({ title: `Creative ${made}` })]
  const segment = await flow.makeSegment()
  const strategy = await flow.makeStrategy({ constraint: { segment: segment.id } })
  const schedule = await flow.makeSchedule({ creatives: [creative], strategy, slot: slot.id })
  if (made % 2 === 1) return void (await flow.submit(schedule))
  await flow.publish(await flow.approved(schedule))
  const source = { slot: slot.id, schedule: schedule.id, creative: creative.id }
  const at = new Date(flow.services.now()).toISOString()
  const input = { app: flow.app, events: [{ id: `event-${made}`, type: 'IMPRESSION', at, source }] }
  const text = 'mutation ($input: RecordEventsInput!) { recordEvents(input: $input) { accepted } }'
  const authorization = `Bearer ${await tokenFor('operator')}`
  const { errors } = await graph.stats.subgraph.execute(
    { query: text, variables: { input } },
    { authorization, requestId: 'test' },
  )
  if (errors) throw new Error(JSON.stringify(errors))
  await flow.revise(schedule, { name: 'Revised' })
  await flow.submit(schedule)
}

/** @param now in ms: the totals are those of the 24 hours before. */
export function pageOfSchedules(now: number): string {
  const from = new Date(now - 86_400_000).toISOString()
  const to = new Date(now + 3_600_000).toISOString()
  return `query ($app: ID!) {
  schedules(app: $app, first: 100) {
    total
    nodes {
      id name version revision reviewState deliveryState windowState
      slot { id code name capacity }
      creatives { weight creative { id name title image { url } reviewState } }
      strategy { id name constraint rollout { percentage } segments { name } }
      review { id state submittedBy decidedBy comment }
      delivery { state publishedAt publishedBy schedule { revision } creatives { id revision } }
      history(first: 5) { actor mutation at }
      stats(from: "${from}", to: "${to}", interval: TOTAL) {
        total { impressions clicks ctr }
      }
    }
  }
}`
}
