// The cost of a page of an admin frontend: one query through the gateway, for 100 things with the fields of every subgraph. The tests
// count the commands that reach MongoDB: for a whole page, each collection is read at most once.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { CommandStartedEvent } from 'mongodb'
import type { Store } from '../../common/store/store.ts'
import { bookPage, OF_THE_WORKER, pageOfSchedules } from '../support/page-of-schedules.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWholeGraph, type WholeGraph } from '../support/whole-graph.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

const PAGE = 100

describeEachStore('A page of a hundred', (open) => {
  let store: Store
  let flow: Workflow
  let graph: WholeGraph

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
    graph = await startWholeGraph(flow)
    await bookPage(flow, graph, PAGE)
  }, 120_000)
  afterAll(async () => {
    await graph.stop()
    await flow.stop()
  })

  /** The data of an answer, and collection -> the commands that read it: `find` or `aggregate`, and `count`. */
  async function ask(query: string) {
    const reads = new Map<string, string[]>()
    const listen = ({ commandName, command }: CommandStartedEvent) => {
      const collection = command[commandName]
      if (typeof collection !== 'string' || OF_THE_WORKER.has(collection)) return
      const isCount = commandName === 'aggregate' && JSON.stringify(command.pipeline).includes('"$sum":1')
      reads.set(collection, [...(reads.get(collection) ?? []), isCount ? 'count' : commandName])
    }
    store.client.on('commandStarted', listen)
    try {
      const data = await graph.ask('viewer', query, { app: flow.app })
      return { data, reads: Object.fromEntries(reads) }
    } finally {
      store.client.off('commandStarted', listen)
    }
  }

  test('schedules with slot, creatives, strategy, review, delivery, history, totals of 24 hours and a count', async () => {
    const { data, reads } = await ask(pageOfSchedules(flow.services.now()))
    expect(data.schedules.total).toBe(PAGE)
    expect(data.schedules.nodes).toHaveLength(PAGE)
    for (const [index, node] of data.schedules.nodes.entries()) {
      const live = index % 2 === 1 // the newest first
      expect(node).toMatchObject({
        slot: { code: expect.any(String) },
        creatives: [{ creative: { title: `Creative ${PAGE - 1 - index}` } }],
        strategy: { name: 'A strategy', segments: [{ name: 'A segment' }] },
        review: { state: 'OPEN', submittedBy: 'operator' },
        delivery: live ? { state: 'LIVE', schedule: { revision: 1 } } : null,
        stats: { total: { impressions: live ? 1 : 0 } },
      })
      expect(node.history.length).toBeGreaterThan(1)
    }
    expect(reads).toEqual({
      schedules: expect.arrayContaining(['find', 'count']),
      slots: ['find'],
      creatives: ['find'],
      strategies: ['find'],
      segments: ['find'],
      reviews: ['find'],
      pins: ['find'],
      changes: ['aggregate'],
      rollups: ['aggregate'],
    })
    expect(reads.schedules).toHaveLength(2)
  })

  test('schedules with the contents of everything that is live', async () => {
    const { data, reads } = await ask(LIVE)
    const live = data.schedules.nodes.filter(({ delivery }: { delivery: object | null }) => delivery)
    expect(live).toHaveLength(PAGE / 2)
    for (const { delivery } of live) {
      expect(delivery).toMatchObject({
        schedule: { revision: 1, content: { name: 'A schedule' }, review: { state: 'APPROVED' } },
        creatives: [{ content: { title: expect.stringMatching(/^Creative /) } }],
        strategy: { content: { name: 'A strategy' } },
        segments: [{ content: { name: 'A segment' } }],
      })
    }
    expect(reads).toEqual({
      ...{ schedules: ['find'], pins: ['find'], reviews: ['find'], scheduleRevisions: ['find'] },
      ...{ creativeRevisions: ['find'], strategyRevisions: ['find'], segmentRevisions: ['find'] },
    })
  })

  test('the review queue with the reviewed content, its differences, and a count', async () => {
    const { data, reads } = await ask(QUEUE)
    expect(data.reviewQueue.nodes).toHaveLength(PAGE)
    expect(data.reviewQueue.total).toBe((PAGE / 2) * 5)
    for (const node of data.reviewQueue.nodes) {
      expect(node).toMatchObject({ state: 'OPEN', subject: { content: { name: expect.any(String) } } })
      expect(node.diff.length).toBeGreaterThan(0)
    }
    const commands = Object.entries(reads)
    const most = commands.filter(([, read]) => read.filter((name) => name !== 'count').length > 1)
    expect(most).toEqual([])
    expect(commands.filter(([, read]) => read.filter((name) => name === 'count').length > 1)).toEqual([])
    expect(reads.reviews).toEqual(['aggregate'])
  })

  test('creatives with their approved revisions, the reviews of these revisions, and where each is live', async () => {
    const { data, reads } = await ask(APPROVED)
    expect(data.creatives.nodes).toHaveLength(PAGE)
    for (const [index, { review, approvedRevisions }] of data.creatives.nodes.entries()) {
      const live = index % 2 === 1 // the newest first
      expect(review).toMatchObject({ state: live ? 'APPROVED' : 'OPEN' })
      const pinnedBy = { total: 1, schedules: [{ name: 'Revised', slot: { code: expect.any(String) } }], slots: [] }
      const content = { title: `Creative ${PAGE - 1 - index}` }
      expect(approvedRevisions).toMatchObject(
        live ? [{ revision: 1, review: { version: 2, decidedBy: 'reviewer' }, content, pinnedBy }] : [],
      )
    }
    expect(reads).toEqual({
      creatives: ['find'],
      reviews: ['aggregate'],
      creativeRevisions: ['find'],
      pins: ['count'], // and read, in one
      slotHeads: ['count'],
      schedules: ['find'],
      slots: ['find'],
    })
  })

  test('creatives with their reviews, history and a count', async () => {
    const { data, reads } = await ask(CREATIVES)
    expect(data.creatives.total).toBe(PAGE)
    expect(data.creatives.nodes[0]).toMatchObject({ review: { state: 'OPEN' }, app: { name: 'An app' } })
    expect(reads).toEqual({
      creatives: expect.arrayContaining(['find', 'count']),
      reviews: ['find'],
      changes: ['aggregate'],
      apps: ['find'],
    })
    expect(reads.creatives).toHaveLength(2)
  })
})

const LIVE = `query ($app: ID!) {
  schedules(app: $app, first: 100) {
    nodes {
      id
      delivery {
        schedule { revision content review { state } }
        creatives { revision content }
        strategy { revision content }
        segments { revision content }
      }
    }
  }
}`

const APPROVED = `query ($app: ID!) {
  creatives(app: $app, first: 100) {
    nodes {
      id
      review { id state }
      approvedRevisions(first: 5) {
        revision content
        review { id version decidedBy }
        pinnedBy(first: 5) { total schedules { id name slot { code } } slots { id code } }
      }
    }
  }
}`

const REVISION = 'id revision content author writtenAt'
const QUEUE = `query ($app: ID!) {
  reviewQueue(app: $app, first: 100) {
    total
    nodes {
      id version state submittedBy submittedAt
      subject {
        __typename
        ... on ScheduleRevision { ${REVISION} }
        ... on CreativeRevision { ${REVISION} }
        ... on StrategyRevision { ${REVISION} }
        ... on SegmentRevision { ${REVISION} }
      }
      diff { path kind before after }
    }
  }
}`

const CREATIVES = `query ($app: ID!) {
  creatives(app: $app, first: 100) {
    total
    nodes { id name title reviewState app { name } review { id state } history(first: 3) { actor mutation } }
  }
}`
