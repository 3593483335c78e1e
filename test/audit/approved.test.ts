// Finding the approval that is to be revoked: the approved revisions of a thing, with their reviews and where they are pinned.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeEachStore } from '../support/stores.ts'
import { tokenFor } from '../support/subgraphs.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

const TYPES = { SCHEDULE: 'Schedule', CREATIVE: 'Creative', STRATEGY: 'Strategy', SEGMENT: 'Segment' } as const

describeEachStore('The approved revisions of a thing', (open) => {
  let flow: Workflow

  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })
  afterAll(() => flow.stop())

  async function ask(thing: Thing, args = '', fields = 'revision review { id version state }', actor = 'viewer') {
    const typename = TYPES[thing.type]
    const query = `query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on ${typename} { approvedRevisions${args} { ${fields} } } } }`
    const of = [{ __typename: typename, id: thing.id, revision: (await flow.head(thing)).revision }]
    return (await flow.subgraphs.audit.must(actor, query, { of }))[0].approvedRevisions
  }

  const revisions = async (thing: Thing, args = '') =>
    (await ask(thing, args)).map(({ revision }: { revision: number }) => revision)

  async function pinnedBy(thing: Thing, revision: number, args = '') {
    const typename = `${TYPES[thing.type]}Revision`
    const query = `query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on ${typename} { pinnedBy${args} { schedules { id } slots { id } total } } } }`
    const of = [{ __typename: typename, id: thing.id, revision }]
    const { schedules, slots, total } = (await flow.subgraphs.delivery.must('viewer', query, { of }))[0].pinnedBy
    const ids = (things: { id: string }[]) => things.map(({ id }) => id)
    return { schedules: ids(schedules), slots: ids(slots), total }
  }

  async function approveAnew(thing: Thing, times: number): Promise<void> {
    for (let made = 0; made < times; made++) {
      await flow.revise(thing, { name: `Anew ${made}` })
      await flow.approved(thing)
    }
  }

  test.each(['SCHEDULE', 'CREATIVE', 'STRATEGY', 'SEGMENT'] as const)(
    'of a %s with a newer draft names the review of each, by which it is revoked',
    async (type) => {
      const makers = {
        SCHEDULE: () => flow.makeSchedule(),
        CREATIVE: () => flow.makeCreative(),
        STRATEGY: () => flow.makeStrategy(),
        SEGMENT: () => flow.makeSegment(),
      }
      const thing = await flow.approved(await makers[type]())
      await approveAnew(thing, 1)
      await flow.revise(thing, { name: 'A draft' })
      const [newest, first] = await ask(thing)
      expect([newest.revision, first.revision]).toEqual([2, 1])
      expect(first.review).toEqual({ id: (await flow.reviewOf(thing, 1))._id, version: 2, state: 'APPROVED' })
      const { id: review, version: expectedVersion } = newest.review
      await flow.run('revokeApproval', 'publisher', { review, expectedVersion, reason: 'Wrong' })
      expect(await revisions(thing)).toEqual([1])
    },
  )

  test('are none for a draft, a rejected thing, or a thing that does not exist', async () => {
    const creative = await flow.makeCreative()
    expect(await ask(creative)).toEqual([])
    const id = await flow.submit(creative)
    await flow.run('reject', 'reviewer', await flow.onAll(id, { comment: 'No' }))
    expect(await ask(creative)).toEqual([])
    const query = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Creative { approvedRevisions { id } } } }`
    const of = [{ __typename: 'Creative', id: 'cre_none', revision: 1 }]
    expect(await flow.subgraphs.audit.must('viewer', query, { of })).toEqual([{ approvedRevisions: [] }])
  })

  test('come newest first, page by page', async () => {
    const creative = await flow.approved(await flow.makeCreative())
    await approveAnew(creative, 4)
    await flow.revise(creative, { name: 'Rejected' })
    expect(await revisions(creative)).toEqual([5, 4, 3, 2, 1])
    expect(await revisions(creative, '(first: 2)')).toEqual([5, 4])
    expect(await revisions(creative, '(first: 2, before: 4)')).toEqual([3, 2])
    expect(await revisions(creative, '(before: 1)')).toEqual([])
    await expect(ask(creative, '(first: 101)')).rejects.toThrow('first: must be 1 to 100')
  })

  test('have content, hash, author and time', async () => {
    const creative = await flow.approved(await flow.makeCreative({ title: 'One' }, 'operator-author'))
    await flow.revise(creative, { title: 'Two' })
    const [only] = await ask(
      creative,
      '',
      'id content author review { subject { ... on CreativeRevision { revision } } }',
    )
    expect(only).toMatchObject({ id: creative.id, content: { title: 'One' }, author: 'operator-author' })
    expect(only.review.subject).toEqual({ revision: 1 })
  })

  test('say where each is pinned: schedules, live or paused, and the fallbacks of slots', async () => {
    const creative = await flow.approved(await flow.makeCreative())
    const segment = await flow.makeSegment()
    const strategy = await flow.makeStrategy({ constraint: { segment: segment.id } })
    const { schedule: old } = await flow.makeLive({ creatives: [creative], strategy })
    await approveAnew(creative, 1)
    const { schedule: live, slot } = await flow.makeLive(
      { creatives: [creative], strategy },
      { fallback: [creative.id] },
    )
    const { schedule: paused } = await flow.makeLive({ creatives: [creative] })
    await flow.run('pause', 'publisher', await flow.onSchedule(paused))
    await flow.revise(live, { creatives: [{ creative: (await flow.makeCreative()).id }] })

    expect(await pinnedBy(creative, 1)).toEqual({ schedules: [old.id], slots: [], total: 1 })
    expect(await pinnedBy(creative, 2)).toEqual({ schedules: [paused.id, live.id], slots: [slot.id], total: 3 })
    expect(await pinnedBy(creative, 2, '(first: 1)')).toEqual({ schedules: [paused.id], slots: [slot.id], total: 3 })
    expect(await pinnedBy(creative, 3)).toEqual({ schedules: [], slots: [], total: 0 })
    for (const used of [strategy, segment]) {
      expect(await pinnedBy(used, 1)).toEqual({ schedules: [live.id, old.id], slots: [], total: 2 })
    }
    expect(await pinnedBy(live, 1)).toEqual({ schedules: [live.id], slots: [], total: 1 })
    expect(await pinnedBy(live, 2)).toEqual({ schedules: [], slots: [], total: 0 })

    await flow.run('withdraw', 'publisher', await flow.onSchedule(paused))
    expect(await pinnedBy(creative, 2)).toMatchObject({ schedules: [live.id] })
  })

  test('are hidden without a role in the app', async () => {
    const { schedule, slot } = await flow.makeLive()
    const creative = await flow.approved(await flow.makeCreative())
    const authorization = `Bearer ${await tokenFor('admin', ['elsewhere'])}`
    const approved = `query ($of: [_Any!]!) { _entities(representations: $of) {
      ... on Schedule { approvedRevisions { id } } ... on CreativeRevision { review { id } } } }`
    const pinned = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on ScheduleRevision { pinnedBy { total } } } }`
    expect(slot.id).toBeDefined()
    const asks = [
      ['audit', approved, { __typename: 'Schedule', id: schedule.id, revision: 1 }],
      ['audit', approved, { __typename: 'CreativeRevision', id: creative.id, revision: 1 }],
      ['delivery', pinned, { __typename: 'ScheduleRevision', id: schedule.id, revision: 1 }],
    ] as const
    for (const [name, query, of] of asks) {
      const request = { query, variables: { of: [of] } }
      const { subgraph, codeOf } = flow.subgraphs[name]
      expect(await codeOf(undefined, query, { of: [of] })).toBe('UNAUTHENTICATED')
      const { errors } = await subgraph.execute(request, { authorization, requestId: 'test' })
      expect(errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    }
  })
})
