import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Change } from '../../common/store/changes.ts'
import { submissions } from '../../subgraphs/audit/repository.ts'
import { type HoldingStore, holdingStore } from '../support/interleave.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('Recalling a submission', (open) => {
  let store: HoldingStore
  let flow: Workflow

  beforeAll(async () => {
    store = holdingStore(await open())
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  const stateOf = async (thing: Thing) => (await flow.head(thing)).reviewState
  const refused = async (id: string) => flow.failure('recallSubmission', 'operator', await flow.onAll(id))
  const submissionOf = (id: string) => submissions.require(store, id)
  const changesOf = ({ id }: Thing) =>
    store.collection<Change>('changes').find({ 'subject.id': id }, { sort: { _id: -1 }, limit: 1 })

  async function queued(): Promise<string[]> {
    const text = 'query ($app: ID!) { reviewQueue(app: $app, first: 100) { nodes { id } } }'
    const { nodes } = await flow.subgraphs.audit.must('viewer', text, { app: flow.app })
    return nodes.map(({ id }: { id: string }) => id)
  }

  test('undecided reviews leave the queue, and their subjects are drafts again at the same version', async () => {
    const creative = await flow.makeCreative()
    const schedule = await flow.makeSchedule({ creatives: [creative] })
    const id = await flow.submit(schedule)
    const { version } = await flow.head(schedule)
    const answer = await flow.run('recallSubmission', 'operator-2', await flow.onAll(id))
    expect(answer).toMatchObject({ id, version: 2, reviews: [{ state: 'RECALLED' }, { state: 'RECALLED' }] })
    expect(await submissionOf(id)).toMatchObject({ recalledBy: 'operator-2', recalledAt: new Date(flow.clock.now()) })
    for (const thing of [schedule, creative]) {
      const review = await flow.reviewOf(thing)
      expect(review).toMatchObject({ state: 'RECALLED', version: 2, submissions: [], submittedBy: ['operator'] })
      expect(await queued()).not.toContain(review._id)
      expect(await stateOf(thing)).toBe('DRAFT')
    }
    expect(await flow.head(schedule)).toMatchObject({ version })
    await flow.revise(schedule, { priority: 1 })
  })

  test('each thing whose state changed has its entry in the change log', async () => {
    const creative = await flow.makeCreative()
    const schedule = await flow.makeSchedule({ creatives: [creative] })
    await flow.recall(await flow.submit(schedule))
    for (const thing of [schedule, creative]) {
      expect(await changesOf(thing)).toMatchObject([
        {
          mutation: 'recallSubmission',
          actor: 'operator',
          before: { reviewState: 'IN_REVIEW', review: { state: 'OPEN' } },
          after: { reviewState: 'DRAFT', review: { state: 'RECALLED' } },
        },
      ])
    }
  })

  test('a review that another submission needs stays in the queue until that one is recalled too', async () => {
    const creative = await flow.makeCreative()
    const [one, two] = [
      await flow.makeSchedule({ creatives: [creative] }),
      await flow.makeSchedule({ creatives: [creative] }),
    ]
    const [first, second] = [await flow.submit(one), await flow.submit(two)]
    await flow.recall(first)
    expect(await flow.reviewOf(creative)).toMatchObject({ state: 'OPEN', version: 1, submissions: [second] })
    expect([await stateOf(one), await stateOf(two), await stateOf(creative)]).toEqual([
      'DRAFT',
      'IN_REVIEW',
      'IN_REVIEW',
    ])
    expect(await submissionOf(second)).toMatchObject({ version: 1 })
    await flow.recall(second)
    expect(await flow.reviewOf(creative)).toMatchObject({ state: 'RECALLED', submissions: [] })
    expect(await stateOf(creative)).toBe('DRAFT')
  })

  test('a submission can be recalled when others need all of its reviews, and the change log says so', async () => {
    const creative = await flow.makeCreative()
    const first = await flow.submit(creative)
    const second = await flow.submit(await flow.makeSchedule({ creatives: [creative] }))
    await flow.recall(first)
    expect(await stateOf(creative)).toBe('IN_REVIEW')
    expect(await flow.reviewOf(creative)).toMatchObject({ state: 'OPEN', submissions: [second] })
    expect(await changesOf(creative)).toMatchObject([
      { mutation: 'recallSubmission', after: { reviewState: 'IN_REVIEW', submission: { id: first } } },
    ])
  })

  test('a recalled submission takes no decision, though a review in it is open for another', async () => {
    const creative = await flow.makeCreative()
    const first = await flow.submit(creative)
    const second = await flow.submit(await flow.makeSchedule({ creatives: [creative] }))
    await flow.recall(first)
    expect(await flow.failure('approve', 'reviewer', await flow.onAll(first))).toMatchObject({ code: 'INVALID_STATE' })
    const { _id: review, version } = await flow.reviewOf(creative)
    const answer = await flow.run('approve', 'reviewer', { review, expectedVersion: version })
    expect(answer.id).toBe(second)
    expect([(await submissionOf(first)).version, (await submissionOf(second)).version]).toEqual([2, 2])
  })

  test('a recalled review takes no decision', async () => {
    const creative = await flow.makeCreative()
    await flow.recall(await flow.submit(creative))
    const { _id: review, version } = await flow.reviewOf(creative)
    for (const action of ['approve', 'reject'] as const) {
      const input = { review, expectedVersion: version, comment: 'Whatever' }
      const { code, message } = await flow.failure(action, 'reviewer', input)
      expect(code).toBe('INVALID_STATE')
      expect(message).toContain('RECALLED')
    }
    expect(await stateOf(creative)).toBe('DRAFT')
  })

  test('what was decided stays decided; only the rest is recalled', async () => {
    const [good, bad] = [await flow.makeCreative(), await flow.makeCreative()]
    const schedule = await flow.makeSchedule({ creatives: [good, bad] })
    const id = await flow.submit(schedule)
    for (const [action, thing] of [
      ['approve', good],
      ['reject', bad],
    ] as const) {
      const { _id: review, version } = await flow.reviewOf(thing)
      await flow.run(action, 'reviewer', { review, expectedVersion: version, comment: 'So it is' })
    }
    await flow.recall(id)
    expect([await stateOf(schedule), await stateOf(good), await stateOf(bad)]).toEqual([
      'DRAFT',
      'APPROVED',
      'REJECTED',
    ])
    expect(await flow.reviewOf(good)).toMatchObject({ state: 'APPROVED', version: 2 })
  })

  test('a superseded review stays so, and the draft that superseded it is left alone', async () => {
    const creative = await flow.makeCreative()
    const schedule = await flow.makeSchedule({ creatives: [creative] })
    const id = await flow.submit(schedule)
    await flow.revise(creative, { title: 'Anew' })
    const second = await flow.submit(creative)
    await flow.recall(id)
    expect(await flow.reviewOf(creative, 1)).toMatchObject({ state: 'SUPERSEDED' })
    expect(await flow.reviewOf(creative, 2)).toMatchObject({ state: 'OPEN', submissions: [second] })
    expect([await stateOf(schedule), await stateOf(creative)]).toEqual(['DRAFT', 'IN_REVIEW'])
  })

  test('where nothing is open there is nothing to recall, and the refusal says where the reviews stand', async () => {
    const approved = await flow.makeCreative()
    const first = await flow.submit(approved)
    await flow.approve(first)
    expect(await refused(first)).toMatchObject({
      code: 'INVALID_STATE',
      message: expect.stringContaining(`(${approved.id}) is APPROVED`),
    })
    const revised = await flow.makeCreative()
    const second = await flow.submit(revised)
    await flow.revise(revised, { title: 'Anew' })
    expect(await refused(second)).toMatchObject({
      code: 'INVALID_STATE',
      message: expect.stringContaining(`(${revised.id}) is SUPERSEDED`),
    })
  })

  test('it is recalled once', async () => {
    const creative = await flow.makeCreative()
    const id = await flow.submit(creative)
    await flow.submit(await flow.makeSchedule({ creatives: [creative] }))
    await flow.recall(id)
    expect(await refused(id)).toMatchObject({ code: 'INVALID_STATE' })
    expect(await flow.reviewOf(creative)).toMatchObject({ state: 'OPEN' })
  })

  test('submitted again, the same revision has the same review, opened again at a higher version', async () => {
    const creative = await flow.makeCreative()
    await flow.recall(await flow.submit(creative, 'operator'))
    const { _id } = await flow.reviewOf(creative)
    const id = await flow.submit(creative, 'operator-2')
    expect(await flow.reviewOf(creative)).toMatchObject({
      _id,
      state: 'OPEN',
      version: 3,
      submissions: [id],
      submittedBy: ['operator', 'operator-2'],
    })
    expect(await submissionOf(id)).toMatchObject({ reviews: [_id], version: 1 })
    expect(await queued()).toContain(_id)
    expect(await changesOf(creative)).toMatchObject([
      { mutation: 'submitForReview', before: { review: { state: 'RECALLED' } }, after: { review: { state: 'OPEN' } } },
    ])
    await flow.approve(id)
    expect(await stateOf(creative)).toBe('APPROVED')
  })

  test('a review that was recalled with one schedule is opened again along with another', async () => {
    const creative = await flow.makeCreative()
    await flow.recall(await flow.submit(await flow.makeSchedule({ creatives: [creative] })))
    const id = await flow.submit(await flow.makeSchedule({ creatives: [creative] }))
    expect(await flow.reviewOf(creative)).toMatchObject({ state: 'OPEN', version: 3, submissions: [id] })
    await flow.approve(id)
    expect(await stateOf(creative)).toBe('APPROVED')
  })

  test('a person who submitted it before the recall may not decide on it after', async () => {
    const creative = await flow.makeCreative({}, 'operator-author')
    await flow.recall(await flow.submit(creative, 'admin-one'))
    const id = await flow.submit(creative, 'admin-two')
    for (const actor of ['admin-one', 'admin-two']) {
      expect(await flow.failure('approve', actor, await flow.onAll(id))).toMatchObject({ code: 'FOUR_EYES' })
    }
    await flow.approve(id, 'admin-three')
  })

  test('a stale version is a conflict that names the current one and changes nothing', async () => {
    const creative = await flow.makeCreative()
    const schedule = await flow.makeSchedule({ creatives: [creative] })
    const stale = await flow.onAll(await flow.submit(schedule))
    const { _id: review, version } = await flow.reviewOf(creative)
    await flow.run('approve', 'reviewer', { review, expectedVersion: version })
    const { code, extensions } = await flow.failure('recallSubmission', 'operator', stale)
    expect([code, extensions.currentVersion]).toEqual(['CONFLICT', 2])
    expect(await stateOf(schedule)).toBe('IN_REVIEW')
  })

  test('something that does not exist is not found', async () => {
    const input = { submission: 'sub_none', expectedVersion: 1 }
    expect(await flow.failure('recallSubmission', 'operator', input)).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('only operators and admins may, and the role is checked before the version', async () => {
    const id = await flow.submit(await flow.makeCreative())
    for (const actor of ['viewer', 'reviewer', 'publisher']) {
      const input = await flow.onAll(id, { expectedVersion: 7 })
      expect(await flow.failure('recallSubmission', actor, input)).toMatchObject({ code: 'FORBIDDEN' })
    }
    await flow.recall(id, 'admin')
  })

  test('a repeat with the same key changes nothing and answers the same submission', async () => {
    const input = await flow.onAll(await flow.submit(await flow.makeCreative()), { idempotencyKey: 'recall-once' })
    const first = await flow.run('recallSubmission', 'operator', input)
    expect(await flow.run('recallSubmission', 'operator', input)).toEqual(first)
    expect(first.version).toBe(2)
  })

  test('an approval that comes in between wins, and the recall is a conflict', async () => {
    const creative = await flow.makeCreative()
    const input = await flow.onAll(await flow.submit(creative))
    store.holdBefore('creatives', () => flow.run('approve', 'reviewer', input))
    const { code } = await flow.failure('recallSubmission', 'operator', input)
    expect([code, store.held()]).toEqual(['CONFLICT', true])
    expect([await stateOf(creative), (await flow.reviewOf(creative)).state]).toEqual(['APPROVED', 'APPROVED'])
  })

  test('a recall that comes in between wins, and the approval is a conflict', async () => {
    const creative = await flow.makeCreative()
    const input = await flow.onAll(await flow.submit(creative))
    store.holdBefore('creatives', () => flow.run('recallSubmission', 'operator', input))
    const { code } = await flow.failure('approve', 'reviewer', input)
    expect([code, store.held()]).toEqual(['CONFLICT', true])
    expect([await stateOf(creative), (await flow.reviewOf(creative)).state]).toEqual(['DRAFT', 'RECALLED'])
  })

  test('a revision that comes in between supersedes the review: nothing is left to recall', async () => {
    const creative = await flow.makeCreative()
    const id = await flow.submit(creative)
    store.holdBefore('creatives', () => flow.revise(creative, { title: 'Anew' }))
    expect(await refused(id)).toMatchObject({ code: 'INVALID_STATE' })
    expect(store.held()).toBe(true)
    expect(await flow.head(creative)).toMatchObject({ reviewState: 'DRAFT', revision: 2 })
  })

  test('of two recalls that share a review, the later one takes it out of the queue', async () => {
    const creative = await flow.makeCreative()
    const first = await flow.submit(await flow.makeSchedule({ creatives: [creative] }))
    const second = await flow.submit(await flow.makeSchedule({ creatives: [creative] }))
    store.holdBefore('reviews', () => flow.recall(second))
    await flow.recall(first)
    expect(store.held()).toBe(true)
    expect(await flow.reviewOf(creative)).toMatchObject({ state: 'RECALLED', submissions: [] })
    expect(await stateOf(creative)).toBe('DRAFT')
  })

  test('a submission that comes in between keeps the review that it needs in the queue', async () => {
    const creative = await flow.makeCreative()
    const other = await flow.makeSchedule({ creatives: [creative] })
    const id = await flow.submit(creative)
    store.holdBefore('reviews', () => flow.submit(other))
    await flow.recall(id)
    expect(store.held()).toBe(true)
    expect(await flow.reviewOf(creative)).toMatchObject({ state: 'OPEN' })
    expect(await stateOf(creative)).toBe('IN_REVIEW')
  })
})
