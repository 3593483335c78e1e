import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeEachStore } from '../support/stores.ts'
import { tokenFor } from '../support/subgraphs.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('Reading reviews and the change log', (open) => {
  let flow: Workflow

  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })
  afterAll(() => flow.stop())

  const QUEUE = `query ($app: ID!, $first: Int, $after: String) { reviewQueue(app: $app, first: $first, after: $after) {
    nodes { state diff { path kind before after }
      subject { ... on CreativeRevision { id revision } ... on ScheduleRevision { id revision } } }
    pageInfo { hasNextPage endCursor } } }`
  const ENTITIES = `query ($of: [_Any!]!) { _entities(representations: $of) {
    ... on Schedule { review { state } history { mutation } }
    ... on Creative { review { state diff { path kind before after } } history(first: 1) { mutation actor } } } }`
  const HISTORY = `query ($subject: SubjectInput!, $first: Int, $after: String) {
    history(subject: $subject, first: $first, after: $after) {
      nodes { mutation actor at before after requestId } pageInfo { hasNextPage endCursor } } }`

  const queue = (variables: object = {}) => flow.subgraphs.audit.must('viewer', QUEUE, { app: flow.app, ...variables })

  async function entity(typename: string, { id }: Thing) {
    const found = await flow.subgraphs.audit.must('viewer', ENTITIES, { of: [{ __typename: typename, id }] })
    return found[0]
  }

  async function historyOf({ type, id }: Thing, page: object = {}) {
    return flow.subgraphs.audit.must('viewer', HISTORY, { subject: { type, id }, ...page })
  }

  test('the queue holds what waits for a decision, oldest first, page by page', async () => {
    const creatives: Thing[] = []
    for (let count = 0; count < 5; count++) creatives.push(await flow.makeCreative())
    for (const creative of creatives) await flow.submit(creative)
    await flow.approve((await flow.reviewOf(creatives[1]!)).submissions[0]!)
    const first = await queue({ first: 2 })
    expect(first.nodes.map((review: { subject: Thing }) => review.subject.id)).toEqual([
      creatives[0]!.id,
      creatives[2]!.id,
    ])
    const rest = await queue({ first: 2, after: first.pageInfo.endCursor })
    expect(rest.nodes.map((review: { subject: Thing }) => review.subject.id)).toEqual([
      creatives[3]!.id,
      creatives[4]!.id,
    ])
    expect([first.pageInfo.hasNextPage, rest.pageInfo.hasNextPage]).toEqual([true, false])
    for (const index of [0, 2, 3, 4]) await flow.approve((await flow.reviewOf(creatives[index]!)).submissions[0]!)
  })

  test('a superseded review is not in the queue, which reads on until its page is full', async () => {
    const creatives: Thing[] = []
    for (let count = 0; count < 6; count++) creatives.push(await flow.makeCreative())
    for (const creative of creatives) await flow.submit(creative)
    for (const creative of creatives.slice(0, 4)) await flow.revise(creative, { title: 'Anew' })
    const page = await queue({ first: 2 })
    expect(page.nodes.map((review: { subject: Thing }) => review.subject.id)).toEqual([
      creatives[4]!.id,
      creatives[5]!.id,
    ])
    expect(page.nodes.every((review: { state: string }) => review.state === 'OPEN')).toBe(true)
  })

  test('a diff is against the last approved, not revoked revision, value by value', async () => {
    const creative = await flow.approved(await flow.makeCreative({ data: { list: [1, 2] } }))
    await flow.revise(creative, { title: 'Second' })
    await flow.approved(creative)
    await flow.revise(creative, { title: 'Third', data: { list: [1], more: true } })
    await flow.submit(creative)
    expect((await entity('Creative', creative)).review.diff).toEqual([
      { path: 'title', kind: 'CHANGED', before: 'Second', after: 'Third' },
      { path: 'data.more', kind: 'ADDED', before: null, after: true },
      { path: 'data.list[1]', kind: 'REMOVED', before: 2, after: null },
    ])
    await flow.revoke(creative, 2)
    expect((await entity('Creative', creative)).review.diff[0]).toEqual({
      path: 'title',
      kind: 'CHANGED',
      before: 'Hello',
      after: 'Third',
    })
  })

  test('the diff of a first revision is all that it has', async () => {
    const creative = await flow.makeCreative({ text: 'Copy' })
    await flow.submit(creative)
    const { review } = await entity('Creative', creative)
    expect(review.diff).toEqual([
      { path: 'name', kind: 'ADDED', before: null, after: 'A creative' },
      { path: 'title', kind: 'ADDED', before: null, after: 'Hello' },
      { path: 'text', kind: 'ADDED', before: null, after: 'Copy' },
    ])
  })

  test('a null in free data is a difference, for it is part of what is approved', async () => {
    const creative = await flow.approved(await flow.makeCreative())
    await flow.revise(creative, { data: { hidden: null } })
    await flow.submit(creative)
    const hidden = { path: 'data.hidden', kind: 'ADDED', before: null, after: null }
    expect((await entity('Creative', creative)).review.diff).toEqual([hidden])
  })

  test('the review of a thing is that of its newest revision: null for a draft', async () => {
    const schedule = await flow.approved(await flow.makeSchedule())
    expect((await entity('Schedule', schedule)).review).toEqual({ state: 'APPROVED' })
    await flow.revise(schedule, { priority: 3 })
    expect((await entity('Schedule', schedule)).review).toBeNull()
    expect(await entity('Schedule', { type: 'SCHEDULE', id: 'sch_none' })).toEqual({ review: null, history: [] })
  })

  test('history tells each change, newest first, with what was before and after', async () => {
    const creative = await flow.makeCreative()
    await flow.submit(creative)
    await flow.run(
      'reject',
      'reviewer',
      await flow.onAll((await flow.reviewOf(creative)).submissions[0]!, { comment: 'No' }),
    )
    const { nodes } = await historyOf(creative)
    expect(nodes.map((change: { mutation: string }) => change.mutation)).toEqual([
      'reject',
      'submitForReview',
      'createCreative',
    ])
    expect(nodes[0]).toMatchObject({
      actor: 'reviewer',
      requestId: 'test',
      before: { reviewState: 'IN_REVIEW', review: { state: 'OPEN' } },
      after: { reviewState: 'REJECTED', review: { state: 'REJECTED', comment: 'No' } },
    })
    const page = await historyOf(creative, { first: 2 })
    expect(page.pageInfo.hasNextPage).toBe(true)
    const rest = await historyOf(creative, { first: 2, after: page.pageInfo.endCursor })
    expect(rest.nodes.map((change: { mutation: string }) => change.mutation)).toEqual(['createCreative'])
    const { history } = await entity('Creative', creative)
    expect(history).toEqual([{ mutation: 'reject', actor: 'reviewer' }])
  })

  test('history covers apps and slots too, and is empty for what does not exist', async () => {
    const ask = (type: string, id: string) => flow.subgraphs.audit.must('viewer', HISTORY, { subject: { type, id } })
    expect((await ask('APP', flow.app)).nodes).toMatchObject([{ mutation: 'createApp' }])
    expect((await ask('SLOT', flow.slot.id)).nodes).toMatchObject([{ mutation: 'createSlot' }])
    expect((await ask('SLOT', 'slt_none')).nodes).toEqual([])
  })

  test('everything is refused without a token, and to somebody of another app', async () => {
    const creative = await flow.makeCreative()
    await flow.submit(creative)
    const { _id: review, submissions } = await flow.reviewOf(creative)
    const entities = `query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on Creative { review { id } } ... on Review { id } ... on Submission { id } } }`
    const asks: [string, object][] = [
      [QUEUE, { app: flow.app }],
      [HISTORY, { subject: { type: 'CREATIVE', id: creative.id } }],
      [entities, { of: [{ __typename: 'Creative', id: creative.id }] }],
      [entities, { of: [{ __typename: 'Review', id: review }] }],
      [entities, { of: [{ __typename: 'Submission', id: submissions[0] }] }],
    ]
    const authorization = `Bearer ${await tokenFor('admin', ['elsewhere'])}`
    for (const [query, variables] of asks) {
      expect(await flow.subgraphs.audit.codeOf(undefined, query, { ...variables })).toBe('UNAUTHENTICATED')
      const request = { query, variables: { ...variables } }
      const { errors } = await flow.subgraphs.audit.subgraph.execute(request, { authorization, requestId: 'test' })
      expect(errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    }
  })
})
