import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

describeEachStore('The verdict on a submission', (open) => {
  let flow: Workflow
  let store: Store

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  const onReview = async (thing: Awaited<ReturnType<Workflow['makeCreative']>>, more: object = {}) => {
    const { _id, version } = await flow.reviewOf(thing)
    return { review: _id, expectedVersion: version, ...more }
  }

  test('approving a submission approves everything in it, and its versions rise', async () => {
    const creative = await flow.makeCreative()
    const schedule = await flow.makeSchedule({ creatives: [creative] })
    const id = await flow.submit(schedule)
    const submission = await flow.run('approve', 'reviewer', await flow.onAll(id, { comment: 'Fine' }))
    expect(submission).toMatchObject({ id, version: 2 })
    for (const thing of [schedule, creative]) {
      expect(await flow.head(thing)).toMatchObject({ reviewState: 'APPROVED' })
      expect(await flow.reviewOf(thing)).toMatchObject({
        state: 'APPROVED',
        version: 2,
        decidedBy: 'reviewer',
        comment: 'Fine',
      })
    }
  })

  test('one review can be decided alone; every submission that contains it gets a higher version', async () => {
    const creative = await flow.makeCreative()
    const [one, two] = [
      await flow.makeSchedule({ creatives: [creative] }),
      await flow.makeSchedule({ creatives: [creative] }),
    ]
    const [first, second] = [await flow.submit(one), await flow.submit(two)]
    const answer = await flow.run('reject', 'reviewer', await onReview(creative, { comment: 'Too loud' }))
    expect(answer).toMatchObject({ id: second, version: 2 })
    expect(await flow.onAll(first)).toMatchObject({ expectedVersion: 2 })
    expect(await flow.head(creative)).toMatchObject({ reviewState: 'REJECTED' })
    expect(await flow.head(one)).toMatchObject({ reviewState: 'IN_REVIEW' })
    await flow.approve(first)
    expect(await flow.reviewOf(creative)).toMatchObject({ state: 'REJECTED' })
    expect(await flow.reviewOf(one)).toMatchObject({ state: 'APPROVED' })
  })

  test('a decision names exactly one of submission and review', async () => {
    const creative = await flow.makeCreative()
    const both = { ...(await flow.onAll(await flow.submit(creative))), ...(await onReview(creative)) }
    expect(await flow.failure('approve', 'reviewer', both)).toMatchObject({ code: 'BAD_USER_INPUT' })
    expect(await flow.failure('approve', 'reviewer', { expectedVersion: 1 })).toMatchObject({ code: 'BAD_USER_INPUT' })
  })

  test('a rejection needs a comment', async () => {
    const creative = await flow.makeCreative()
    const input = await flow.onAll(await flow.submit(creative), { comment: '  ' })
    const { code, extensions } = await flow.failure('reject', 'reviewer', input)
    expect([code, extensions.path]).toEqual(['BAD_USER_INPUT', 'input.comment'])
  })

  test('a stale version of the submission or of the review is a conflict', async () => {
    const creative = await flow.makeCreative()
    const schedule = await flow.makeSchedule({ creatives: [creative] })
    const submission = await flow.onAll(await flow.submit(schedule))
    const review = await onReview(creative)
    await flow.run('approve', 'reviewer', review)
    expect(await flow.failure('approve', 'reviewer-2', submission)).toMatchObject({ code: 'CONFLICT' })
    expect(await flow.failure('reject', 'reviewer-2', { ...review, comment: 'No' })).toMatchObject({ code: 'CONFLICT' })
  })

  test('a review cannot be decided twice', async () => {
    const creative = await flow.approved(await flow.makeCreative())
    const { code, message } = await flow.failure('reject', 'reviewer', await onReview(creative, { comment: 'No' }))
    expect(code).toBe('INVALID_STATE')
    expect(message).toContain('APPROVED')
    const { submissions } = await flow.reviewOf(creative)
    expect(await flow.failure('approve', 'reviewer', await flow.onAll(submissions[0]!))).toMatchObject({
      code: 'INVALID_STATE',
    })
  })

  test('of reviewers who decide at the same time, exactly one wins', async () => {
    for (let round = 0; round < 5; round++) {
      const creative = await flow.makeCreative()
      const input = { ...(await flow.onAll(await flow.submit(creative))), comment: 'Mine' }
      const results = await Promise.allSettled([
        flow.run('approve', 'reviewer', input),
        flow.run('reject', 'reviewer-2', input),
        flow.run('approve', 'reviewer-3', await onReview(creative)),
      ])
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const { state, version } = await flow.reviewOf(creative)
      expect(version).toBe(2)
      expect(await flow.head(creative)).toMatchObject({ reviewState: state })
    }
  })

  test('a revision whose stored content changed after it was submitted is not approved', async () => {
    const creative = await flow.makeCreative()
    const id = await flow.submit(creative)
    const rows = store.collection<{ _id: string }>('creativeRevisions')
    await rows.updateOne({ _id: `${creative.id}@1` }, { $set: { 'content.title': 'Smuggled' } } as never)
    expect(await flow.failure('approve', 'reviewer', await flow.onAll(id))).toMatchObject({ code: 'INVALID_STATE' })
  })

  test('a repeat with the same key changes nothing and answers the same submission', async () => {
    const input = await flow.onAll(await flow.submit(await flow.makeCreative()), { idempotencyKey: 'decide-once' })
    const first = await flow.run('approve', 'reviewer', input)
    expect(await flow.run('approve', 'reviewer', input)).toEqual(first)
    expect(first.version).toBe(2)
  })

  test('the same request reads what its own decision has changed', async () => {
    const creative = await flow.makeCreative()
    const input = await flow.submission(creative)
    const text = `mutation ($submit: SubmitForReviewInput!, $decide: DecideInput!) {
      submitForReview(input: $submit) { reviews { state } } approve(input: $decide) { id } }`
    const decide = { submission: 'sub_unknown', expectedVersion: 1 }
    const { data } = await flow.subgraphs.audit.ask('admin', text, { submit: input, decide })
    expect(data).toMatchObject({ submitForReview: { reviews: [{ state: 'OPEN' }] }, approve: null })
    const again = `mutation ($input: DecideInput!) {
      approve(input: $input) { reviews { state } } again: approve(input: $input) { id } }`
    const answer = await flow.subgraphs.audit.ask('reviewer', again, { input: await onReview(creative) })
    expect(answer.data).toMatchObject({ approve: { reviews: [{ state: 'APPROVED' }] }, again: null })
  })
})
