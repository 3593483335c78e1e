import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

describeEachStore('Submitting for review', (open) => {
  let flow: Workflow

  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })
  afterAll(() => flow.stop())

  test('a submitted creative is in review, at a higher version, with one open review of its newest revision', async () => {
    const creative = await flow.makeCreative()
    const submission = await flow.run(
      'submitForReview',
      'operator',
      await flow.submission(creative, { note: 'Please' }),
    )
    expect(submission).toMatchObject({ version: 1, note: 'Please', submittedBy: 'operator' })
    expect(submission.reviews).toMatchObject([{ state: 'OPEN', version: 1, subject: { id: creative.id, revision: 1 } }])
    expect(await flow.head(creative)).toMatchObject({ reviewState: 'IN_REVIEW', version: 2, revision: 1 })
    expect(submission.reviews[0].hash).toBe((await flow.head(creative)).hash)
  })

  test('a schedule brings the drafts that it uses, and their versions stay', async () => {
    const creatives = [await flow.makeCreative(), await flow.approved(await flow.makeCreative())]
    const strategy = await flow.makeStrategy()
    const schedule = await flow.makeSchedule({ creatives, strategy })
    const { reviews } = await flow.run('submitForReview', 'operator', await flow.submission(schedule))
    const ids = reviews.map((review: { subject: { id: string } }) => review.subject.id)
    expect(ids).toEqual([schedule.id, creatives[0]!.id, strategy.id])
    expect(await flow.head(creatives[0]!)).toMatchObject({ reviewState: 'IN_REVIEW', version: 1 })
    expect(await flow.head(strategy)).toMatchObject({ reviewState: 'IN_REVIEW', version: 1 })
    expect(await flow.head(creatives[1]!)).toMatchObject({ reviewState: 'APPROVED' })
  })

  test('a review that is open already joins the submissions of all that need it', async () => {
    const creative = await flow.makeCreative()
    const first = await flow.submit(await flow.makeSchedule({ creatives: [creative] }))
    const second = await flow.submit(await flow.makeSchedule({ creatives: [creative] }), 'operator-2')
    const review = await flow.reviewOf(creative)
    expect(review).toMatchObject({ submissions: [first, second], submittedBy: ['operator', 'operator-2'], version: 1 })
  })

  test('a rejected thing can be used when an earlier revision is approved; else the error names it', async () => {
    const creative = await flow.approved(await flow.makeCreative())
    await flow.revise(creative, { title: 'Worse' })
    await flow.run('reject', 'reviewer', await flow.onAll(await flow.submit(creative), { comment: 'No' }))
    await flow.submit(await flow.makeSchedule({ creatives: [creative] }))

    const never = await flow.makeCreative({ name: 'Never good' })
    await flow.run('reject', 'reviewer', await flow.onAll(await flow.submit(never), { comment: 'No' }))
    const schedule = await flow.makeSchedule({ creatives: [never] })
    const { code, message } = await flow.failure('submitForReview', 'operator', await flow.submission(schedule))
    expect(code).toBe('INVALID_STATE')
    expect(message).toContain(`creative "Never good" (${never.id})`)
    expect(await flow.head(schedule)).toMatchObject({ reviewState: 'DRAFT', version: 1 })
  })

  test('only a draft can be submitted, and the refusal says in which state the thing is', async () => {
    const creative = await flow.makeCreative()
    await flow.submit(creative)
    const { code, message } = await flow.failure('submitForReview', 'operator', await flow.submission(creative))
    expect(code).toBe('INVALID_STATE')
    expect(message).toContain('IN_REVIEW')
  })

  test('an app or a slot is not reviewed', async () => {
    for (const subject of [
      { type: 'APP', id: flow.app },
      { type: 'SLOT', id: flow.slot.id },
    ]) {
      const { code, extensions } = await flow.failure('submitForReview', 'operator', { subject, expectedVersion: 1 })
      expect([code, extensions.path]).toEqual(['BAD_USER_INPUT', 'input.subject.type'])
    }
  })

  test('a stale version is a conflict that names the current one and changes nothing', async () => {
    const creative = await flow.makeCreative()
    const stale = await flow.submission(creative)
    await flow.revise(creative, { title: 'Anew' })
    const { code, extensions } = await flow.failure('submitForReview', 'operator', stale)
    expect([code, extensions.currentVersion]).toEqual(['CONFLICT', 2])
    expect(await flow.head(creative)).toMatchObject({ reviewState: 'DRAFT' })
  })

  test('something that does not exist is not found', async () => {
    const subject = { type: 'CREATIVE', id: 'cre_none' }
    const { code } = await flow.failure('submitForReview', 'operator', { subject, expectedVersion: 1 })
    expect(code).toBe('NOT_FOUND')
  })

  test('a repeat with the same key answers the same submission and opens no second review', async () => {
    const creative = await flow.makeCreative()
    const input = await flow.submission(creative, { idempotencyKey: 'submit-once' })
    const first = await flow.run('submitForReview', 'operator', input)
    expect(await flow.run('submitForReview', 'operator', input)).toEqual(first)
    expect(await flow.head(creative)).toMatchObject({ version: 2 })
    const { code } = await flow.failure('submitForReview', 'operator', { ...input, note: 'Other' })
    expect(code).toBe('IDEMPOTENCY_MISMATCH')
  })

  test('of two who submit the same draft at the same time, one succeeds', async () => {
    const creative = await flow.makeCreative()
    const input = await flow.submission(creative)
    const results = await Promise.allSettled(
      ['operator', 'operator-2', 'operator-3'].map((actor) => flow.run('submitForReview', actor, input)),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect((await flow.reviewOf(creative)).submissions).toHaveLength(1)
  })
})
