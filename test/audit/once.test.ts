import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { readsDuring } from '../support/reads.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

const BUNDLES = 25
const once = { reads: 1, counts: 0 }
const onceAndCounted = { reads: 1, counts: 1 }

describeEachStore('Reading each collection once', (open) => {
  let store: Store
  let flow: Workflow
  const schedules: Thing[] = []

  /** A hundred reviews, of each kind as many; each subject has an approved revision before the one that waits. */
  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
    for (let made = 0; made < BUNDLES; made++) {
      const segment = await flow.makeSegment()
      const strategy = await flow.makeStrategy({ constraint: { segment: segment.id } })
      const creative = await flow.makeCreative()
      const schedule = await flow.approved(await flow.makeSchedule({ creatives: [creative], strategy }))
      for (const thing of [segment, strategy, creative, schedule]) await flow.revise(thing, { name: `Anew ${made}` })
      await flow.submit(schedule)
      schedules.push(schedule)
    }
  }, 60_000)
  afterAll(() => flow.stop())

  test('a page of 100 reviews with contents, differences, states and the total', async () => {
    const revision = 'id revision content hash author writtenAt'
    const text = `query ($app: ID!) { reviewQueue(app: $app, first: 100) { total nodes {
      id version state submittedBy submissions diff { path before after } subject { __typename
        ... on ScheduleRevision { ${revision} } ... on CreativeRevision { ${revision} }
        ... on StrategyRevision { ${revision} } ... on SegmentRevision { ${revision} } } } } }`
    const { answer, reads } = await readsDuring(store, () =>
      flow.subgraphs.audit.must('viewer', text, { app: flow.app }),
    )
    expect(answer).toMatchObject({ total: 100 })
    expect(answer.nodes).toHaveLength(100)
    for (const { state, subject, diff } of answer.nodes) {
      expect([state, subject.revision, subject.content.name]).toEqual(['OPEN', 2, expect.stringMatching(/^Anew/)])
      expect(diff).toMatchObject([{ path: 'name', after: subject.content.name }])
    }
    expect(reads).toEqual({
      reviews: once,
      schedules: onceAndCounted,
      creatives: onceAndCounted,
      strategies: onceAndCounted,
      segments: onceAndCounted,
      scheduleRevisions: once,
      creativeRevisions: once,
      strategyRevisions: once,
      segmentRevisions: once,
    })
  })

  test('the reviews and changes of 100 schedules, without the schedules themselves', async () => {
    const text = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Schedule { id
      review { state submittedBy subject { ... on ScheduleRevision { content } } } history(first: 2) { mutation } } } }`
    const others = await Promise.all(Array.from({ length: 100 - BUNDLES }, () => flow.makeSchedule()))
    const of = [...schedules.map(({ id }) => ({ id, revision: 2 })), ...others.map(({ id }) => ({ id, revision: 1 }))]
    const representations = of.map((reference) => ({ __typename: 'Schedule', ...reference }))
    const { answer, reads } = await readsDuring(store, () =>
      flow.subgraphs.audit.must('viewer', text, { of: representations }),
    )
    for (const [index, { id, review, history }] of answer.entries()) {
      const submitted = index < BUNDLES
      expect(id).toBe(of[index]!.id)
      expect(review?.state).toBe(submitted ? 'OPEN' : undefined)
      expect(history.map((change: { mutation: string }) => change.mutation)).toEqual(
        submitted ? ['submitForReview', 'reviseSchedule'] : ['createSchedule'],
      )
    }
    expect(reads).toEqual({ reviews: once, scheduleRevisions: once, changes: once })
  })
})
