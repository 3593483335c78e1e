// The example for app developers in docs/frequency-caps.md, run as it stands there, save for port and key.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { bookOne, eventually, startTestPlatform, type TestPlatform } from '../support/platform.ts'

const root = new URL('../../', import.meta.url)
const guide = readFileSync(new URL('../../docs/frequency-caps.md', import.meta.url), 'utf8')

const CREATE = 'mutation ($input: CreateStrategyInput!) { createStrategy(input: $input) { id } }'
const REVISE = 'mutation ($input: ReviseScheduleInput!) { reviseSchedule(input: $input) { version } }'
const SUBMIT = 'mutation ($input: SubmitForReviewInput!) { submitForReview(input: $input) { id version } }'
const APPROVE = 'mutation ($input: DecideInput!) { approve(input: $input) { id } }'
const PUBLISH = 'mutation ($input: PublishInput!) { publish(input: $input) { id } }'
const UPDATE_SLOT = 'mutation ($input: UpdateSlotInput!) { updateSlot(input: $input) { version } }'
const PUBLISH_SLOT = 'mutation ($input: PublishSlotInput!) { publishSlot(input: $input) { id } }'
const VERSIONS =
  'query ($schedule: ID!, $slot: ID!) { schedule(id: $schedule) { version } slot(id: $slot) { version } }'
const SERVED = '{ decisions(app: "shop", slots: ["home.banner"], context: { userId: "bob" }) { capToken } }'

let alkaid: TestPlatform
beforeAll(async () => {
  alkaid = await startTestPlatform()
}, 30_000)
afterAll(() => alkaid.stop())

/** Puts the creative that is booked into the fallback, and then caps its schedule. */
async function cap({ schedule, slot, creative }: Awaited<ReturnType<typeof bookOne>>, caps: object[]): Promise<void> {
  const { operator, reviewer, publisher } = alkaid.clients
  const versions = await operator(VERSIONS, { schedule, slot })
  const patch = { id: slot, expectedVersion: versions.slot.version, fallback: [creative] }
  const { updateSlot } = await operator(UPDATE_SLOT, { input: patch })
  await publisher(PUBLISH_SLOT, { input: { slot, expectedVersion: updateSlot.version } })
  const { createStrategy } = await operator(CREATE, { input: { app: 'shop', content: { name: 'Rarely', caps } } })
  const content = { name: 'Sale', creatives: [{ creative }], strategy: createStrategy.id }
  const revision = { id: schedule, expectedVersion: versions.schedule.version, content }
  const { reviseSchedule } = await operator(REVISE, { input: revision })
  const subject = { type: 'SCHEDULE', id: schedule }
  const submission = { subject, expectedVersion: reviseSchedule.version }
  const { submitForReview } = await operator(SUBMIT, { input: submission })
  await reviewer(APPROVE, { input: { submission: submitForReview.id, expectedVersion: submitForReview.version } })
  const approved = await operator(VERSIONS, { schedule, slot })
  await publisher(PUBLISH, { input: { schedule, expectedVersion: approved.schedule.version } })
}

test('the example for app developers shows a banner as often as its strategy allows', async () => {
  const booked = await bookOne(alkaid, 'shop')
  // As in the example, save that no midnight can come between.
  await cap(booked, [{ count: 2, unit: 'LIFETIME' }])
  const { viewer } = alkaid.clients
  await eventually(
    () => viewer(SERVED),
    ({ decisions }) => decisions[0].capToken !== null,
  )
  const [, example] = /```js\n([\s\S]+?)```/.exec(guide)!
  const app = example!
    .replace('ak_...', booked.appKey)
    .replace('http://127.0.0.1:4010', alkaid.platform.distributionUrl)
  const ran = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', app], { cwd: root })
  expect(ran.stdout.trim().split('\n')).toEqual(['MATCHED', 'MATCHED', 'FALLBACK'])
}, 60_000)
