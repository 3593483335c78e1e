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

  /** As the gateway asks: with the newest revision, which the owner of the thing has told it. */
  async function entity(typename: string, thing: Thing) {
    const { revision } = await flow.head(thing)
    const of = [{ __typename: typename, id: thing.id, revision }]
    return (await flow.subgraphs.audit.must('viewer', ENTITIES, { of }))[0]
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

  test('a null in free data is a difference, because it is part of the approved content', async () => {
    const creative = await flow.approved(await flow.makeCreative({ data: { shown: 1 } }))
    await flow.revise(creative, { data: { shown: 1, hidden: null } })
    await flow.submit(creative)
    const hidden = { path: 'data.hidden', kind: 'ADDED', before: null, after: null }
    expect((await entity('Creative', creative)).review.diff).toEqual([hidden])
  })

  test('of three creatives the first one gone is one difference, and the last one put first another', async () => {
    const creatives = [await flow.makeCreative(), await flow.makeCreative(), await flow.makeCreative()]
    const [first, second, third] = creatives.map(({ id }) => ({ creative: id, weight: 1 }))
    const schedule = await flow.approved(await flow.makeSchedule({ creatives }))
    const diffAfter = async (creatives: unknown[]) => {
      await flow.revise(schedule, { creatives })
      await flow.submit(schedule)
      const text = `query ($id: ID!) { review(id: $id) { diff { path previousPath kind before after from to } } }`
      return (await flow.subgraphs.audit.must('viewer', text, { id: (await flow.reviewOf(schedule))._id })).diff
    }
    const still = { from: null, to: null }
    expect(await diffAfter([second, third])).toEqual([
      { path: 'creatives[0]', previousPath: 'creatives[0]', kind: 'REMOVED', before: first, after: null, ...still },
    ])
    expect(await diffAfter([third, first, second])).toEqual([
      {
        path: 'creatives[0]',
        previousPath: 'creatives[2]',
        kind: 'MOVED',
        before: third,
        after: third,
        from: 2,
        to: 0,
      },
    ])
  })

  test('the review of a thing is that of its newest revision: null for a draft', async () => {
    const schedule = await flow.approved(await flow.makeSchedule())
    expect((await entity('Schedule', schedule)).review).toEqual({ state: 'APPROVED' })
    await flow.revise(schedule, { priority: 3 })
    expect((await entity('Schedule', schedule)).review).toBeNull()
    const of = [{ __typename: 'Schedule', id: 'sch_none', revision: 1 }]
    expect(await flow.subgraphs.audit.must('viewer', ENTITIES, { of })).toEqual([{ review: null, history: [] }])
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

  test('the queue is narrowed by kind, by the slot of schedules, and by part of the name; the total counts the same', async () => {
    const there = await startWorkflow(await open())
    const slot = await there.makeSlot()
    const creative = await there.makeCreative({ name: 'Summer (50 %)' })
    const here = await there.makeSchedule({ content: { name: 'Summer here' } })
    const elsewhere = await there.makeSchedule({ slot: slot.id, creatives: [creative], content: { name: 'Elsewhere' } })
    const strategy = await there.makeStrategy({ name: 'In summer' })
    await there.submit(here)
    there.clock.advance(60_000)
    const later = new Date(there.clock.now())
    for (const thing of [elsewhere, strategy]) await there.submit(thing)
    const superseded = await there.makeStrategy({ name: 'Summer over' })
    await there.submit(superseded)
    await there.revise(superseded, { name: 'Summer anew' })
    const text = `query ($app: ID!, $filter: ReviewFilter) { reviewQueue(app: $app, filter: $filter, first: 1) {
      total pageInfo { endCursor } nodes { hash } } }`
    const all = `query ($app: ID!, $filter: ReviewFilter) { reviewQueue(app: $app, filter: $filter, first: 100) {
      nodes { subject { ... on ScheduleRevision { id } ... on CreativeRevision { id } ... on StrategyRevision { id } } } } }`
    const found = async (filter: object | null) => {
      const { nodes } = await there.subgraphs.audit.must('viewer', all, { app: there.app, filter })
      const { total } = await there.subgraphs.audit.must('viewer', text, { app: there.app, filter })
      expect(total).toBe(nodes.length)
      return nodes.map((review: { subject: Thing }) => review.subject.id)
    }
    expect(await found(null)).toHaveLength(5)
    expect(await found({ types: ['CREATIVE', 'STRATEGY'] })).toHaveLength(3)
    expect(await found({ types: [] })).toEqual([])
    expect(await found({ types: ['SLOT'] })).toEqual([])
    expect(await found({ slot: slot.id })).toEqual([elsewhere.id])
    expect(await found({ slot: slot.id, types: ['CREATIVE'] })).toEqual([])
    expect(await found({ text: 'summer' })).toEqual([here.id, creative.id, strategy.id])
    expect(await found({ text: '(50 %)' })).toEqual([creative.id])
    expect(await found({ text: 'summer', types: ['SCHEDULE'], slot: there.slot.id })).toEqual([here.id])
    expect(await found({ period: { from: later } })).toEqual([elsewhere.id, creative.id, strategy.id])
    expect(await found({ period: { to: later }, types: ['SCHEDULE'] })).toEqual([here.id])
    expect(await found({ period: {} })).toHaveLength(5)
    await expect(found({ period: { from: later, to: later } })).rejects.toThrow('filter.period.to: must be after from')
    await there.stop()
  })

  test('a submission and a review are found by their ids, and nothing where there is none', async () => {
    const creative = await flow.makeCreative()
    const id = await flow.submit(creative)
    const { _id: review } = await flow.reviewOf(creative)
    const text = `query ($submission: ID!, $review: ID!) {
      submission(id: $submission) { id recalledBy recalledAt reviews { id } } review(id: $review) { id state } }`
    const ask = (variables: object) => flow.subgraphs.audit.ask('viewer', text, { ...variables })
    expect((await ask({ submission: id, review })).data).toEqual({
      submission: { id, recalledBy: null, recalledAt: null, reviews: [{ id: review }] },
      review: { id: review, state: 'OPEN' },
    })
    expect(await ask({ submission: 'sub_none', review: 'rev_none' })).toMatchObject({
      data: { submission: null, review: null },
    })
    await flow.revise(creative, { title: 'Anew' })
    expect((await ask({ submission: id, review })).data).toMatchObject({ review: { state: 'SUPERSEDED' } })
  })

  test('a forged reference shows nothing of another app', async () => {
    const creative = await flow.makeCreative()
    await flow.submit(creative)
    const authorization = `Bearer ${await tokenFor('admin', ['elsewhere'])}`
    const query = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Creative { review {
      id subject { ... on CreativeRevision { content } } } } } }`
    for (const revision of [1, 2]) {
      const variables = { of: [{ __typename: 'Creative', id: creative.id, app: 'elsewhere', revision }] }
      const { data } = await flow.subgraphs.audit.subgraph.execute(
        { query, variables },
        { authorization, requestId: 'test' },
      )
      expect(data).toEqual({ _entities: [{ review: null }] })
    }
  })

  test('a review brings the revision that it is of: its content, hash, author and time', async () => {
    const creative = await flow.makeCreative({}, 'operator-author')
    const at = new Date(flow.clock.now()).toISOString()
    const id = await flow.submit(creative)
    const text = `query ($id: ID!) { submission(id: $id) { reviews { hash subject {
      ... on CreativeRevision { revision content hash author writtenAt } } } } }`
    const { reviews } = await flow.subgraphs.audit.must('viewer', text, { id })
    const { hash, content } = await flow.head(creative)
    const subject = { revision: 1, content, hash, author: 'operator-author', writtenAt: at }
    expect(reviews).toEqual([{ hash, subject }])
  })

  test('history is narrowed by period, actor and mutation, and the total counts the same', async () => {
    const creative = await flow.makeCreative()
    const made = new Date(flow.clock.now())
    flow.clock.advance(60_000)
    await flow.revise(creative, { title: 'Anew' }, 'operator-2')
    const revised = new Date(flow.clock.now())
    await flow.approve(await flow.submit(creative))
    const text = `query ($subject: SubjectInput!, $filter: ChangeFilter) {
      history(subject: $subject, filter: $filter) { total nodes { mutation } } }`
    const found = async (filter: object | null) => {
      const { type, id } = creative
      const { total, nodes } = await flow.subgraphs.audit.must('viewer', text, { subject: { type, id }, filter })
      expect(total).toBe(nodes.length)
      return nodes.map((change: { mutation: string }) => change.mutation)
    }
    expect(await found(null)).toEqual(['approve', 'submitForReview', 'reviseCreative', 'createCreative'])
    expect(await found({ period: { from: made, to: revised } })).toEqual(['createCreative'])
    expect(await found({ period: { from: revised } })).toEqual(['approve', 'submitForReview', 'reviseCreative'])
    await expect(found({ period: { from: revised, to: made } })).rejects.toThrow('filter.period.to: must be after from')
    expect(await found({ actor: 'operator-2' })).toEqual(['reviseCreative'])
    expect(await found({ mutations: ['approve', 'createCreative'] })).toEqual(['approve', 'createCreative'])
    expect(await found({ actor: 'operator', mutations: ['approve'] })).toEqual([])
  })

  test('somebody of another app learns nothing, not even from empty pages', async () => {
    const creative = await flow.makeCreative()
    const authorization = `Bearer ${await tokenFor('admin', ['elsewhere'])}`
    const query = `query ($subject: SubjectInput!, $filter: ChangeFilter, $after: String) {
      history(subject: $subject, filter: $filter, after: $after) { total } }`
    const subject = { type: 'CREATIVE', id: creative.id }
    for (const narrowed of [{ filter: { actor: 'nobody' } }, { after: Buffer.from('k:chg_').toString('base64url') }]) {
      const request = { query, variables: { subject, ...narrowed } }
      const { errors } = await flow.subgraphs.audit.subgraph.execute(request, { authorization, requestId: 'test' })
      expect(errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    }
  })

  test('history covers apps and slots too, and is empty for a thing that does not exist', async () => {
    const ask = (type: string, id: string) => flow.subgraphs.audit.must('viewer', HISTORY, { subject: { type, id } })
    expect((await ask('APP', flow.app)).nodes).toMatchObject([{ mutation: 'createApp' }])
    expect((await ask('SLOT', flow.slot.id)).nodes).toMatchObject([{ mutation: 'createSlot' }])
    expect((await ask('CREATIVE', 'cre_none')).nodes).toEqual([])
  })

  test('without a role, the history does not tell whether an app exists', async () => {
    const entities = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on App { history { id } } } }`
    const authorization = `Bearer ${await tokenFor('admin', ['elsewhere'])}`
    const said = async (id: string) => {
      const asks: [string, object][] = [
        [HISTORY, { subject: { type: 'APP', id } }],
        [entities, { of: [{ __typename: 'App', id }] }],
      ]
      const answers = asks.map(async ([query, variables]) => {
        const request = { query, variables: { ...variables } }
        const { errors } = await flow.subgraphs.audit.subgraph.execute(request, { authorization, requestId: 'test' })
        return errors?.map(({ message }) => message.replace(id, 'the app'))
      })
      return Promise.all(answers)
    }
    expect(await said('there-is-none')).toEqual(await said(flow.app))
    expect((await said('there-is-none')).flat()).toHaveLength(2)
  })

  test('everything is refused without a token, and to somebody of another app', async () => {
    const creative = await flow.makeCreative()
    await flow.submit(creative)
    const { _id: review, submissions } = await flow.reviewOf(creative)
    const entities = `query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on Creative { review { id } } ... on Review { id } ... on Submission { id } } }`
    const history = `query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on Creative { history { id } } ... on Slot { history { id } } ... on App { history { id } } } }`
    const asks: [string, object][] = [
      [QUEUE, { app: flow.app }],
      [HISTORY, { subject: { type: 'CREATIVE', id: creative.id } }],
      ['query ($id: ID!) { submission(id: $id) { id } }', { id: submissions[0] }],
      ['query ($id: ID!) { review(id: $id) { id } }', { id: review }],
      [entities, { of: [{ __typename: 'Creative', id: creative.id, revision: 1 }] }],
      [history, { of: [{ __typename: 'Creative', id: creative.id }] }],
      [history, { of: [{ __typename: 'Slot', id: flow.slot.id }] }],
      [history, { of: [{ __typename: 'App', id: flow.app }] }],
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
