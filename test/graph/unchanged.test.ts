// Saving equal content writes nothing, in any spelling. Content that equals approved content is not reviewed again.

import { beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import {
  everythingIn,
  failure,
  type Input,
  makeApp,
  makeCreative,
  makeSlot,
  makeStrategy,
  type Planning,
  run,
  startPlanning,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

const COMPOSED = 'Caf\u00e9'
const DECOMPOSED = 'Cafe\u0301'

type Save = { first: Input; again: Input; other: Input }

describeEachStore('Saving', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })

  const leaf = (values: string[]) => ({ dimension: 'tags', operator: 'IN', values })

  /** Contents of each kind of thing: one, the same in another spelling, and another. */
  const contents: Record<string, () => Promise<Save>> = {
    async Creative() {
      const image = { url: 'https://shop.example/a.png' }
      const first = {
        name: COMPOSED,
        title: 'T',
        text: 'a\nb',
        image,
        data: { a: 1, b: { c: [COMPOSED, null], d: 2 } },
      }
      const data = { b: { d: 2, c: [DECOMPOSED, null] }, a: 1 }
      const same = { name: ` ${DECOMPOSED} `, title: 'T', text: 'a\r\nb ', image: { ...image, width: null, alt: '' } }
      return { first, again: { ...same, link: null, data }, other: { ...first, data: { ...first.data, a: 2 } } }
    },
    async Strategy() {
      const first = { name: 'S', constraint: leaf([COMPOSED]), rollout: { percentage: 12.5 } }
      const rollout = { percentage: 12.5, stickiness: null, group: ' ' }
      const again = {
        name: 'S',
        constraint: { ...leaf([` ${DECOMPOSED}`]), caseInsensitive: false },
        rollout,
        caps: [],
      }
      return { first, again, other: { ...first, constraint: leaf(['b', COMPOSED]) } }
    },
    async Segment() {
      const first = { name: 'S', constraint: { all: [leaf(['a'])] } }
      return { first, again: { name: 'S ', constraint: { all: [leaf(['a\t'])] } }, other: { ...first, name: 'T' } }
    },
    async Schedule() {
      const creatives = [{ creative: await makeCreative(planning, app) }]
      const strategy = await makeStrategy(planning, app)
      const dayParts = [{ days: ['MONDAY', 'SUNDAY'], from: '09:00', to: '00:00' }]
      const times = { startsAt: '2026-05-01T08:00:00Z', excludedDates: ['2026-12-24', '2026-12-25'], dayParts }
      const first = { name: 'S', creatives, strategy, ...times, recurrence: 'FREQ=DAILY' }
      const again = {
        name: ' S',
        creatives: [{ ...creatives[0], weight: 1 }],
        strategy: ` ${strategy}`,
        startsAt: '2026-05-01T10:00:00+02:00',
        endsAt: null,
        excludedDates: ['2026-12-25', '2026-12-24', '2026-12-25'],
        dayParts: [{ days: ['SUNDAY', 'MONDAY', 'SUNDAY'], from: '09:00', to: '24:00' }],
        recurrence: 'freq=daily',
        zone: 'UTC',
      }
      return { first, again, other: { ...first, priority: 1 } }
    },
  }

  test.each(Object.keys(contents))(
    'saving a %s without a change makes no revision, no version and no entry in the change log',
    async (kind) => {
      const { first, again, other } = await contents[kind]!()
      const slot = kind === 'Schedule' ? { slot: await makeSlot(planning, app) } : {}
      const made = await run(planning, `create${kind}` as never, { app, ...slot, content: first })
      const save = (content: Input, expectedVersion = 1) =>
        run(planning, `revise${kind}` as never, { id: made.id, expectedVersion, content })
      planning.clock.advance(1_000)
      const before = await everythingIn(store)
      expect(await save(first)).toEqual(made)
      expect(await save(again)).toEqual(made)
      expect(await everythingIn(store)).toBe(before)

      const stale = { id: made.id, expectedVersion: 2, content: first }
      expect(await failure(planning, `revise${kind}` as never, stale)).toMatchObject({
        code: 'CONFLICT',
        currentVersion: 1,
      })
      expect(await save(other)).toMatchObject({ version: 2, revision: 2 })
    },
  )

  test('saving a slot without a change makes no version and no entry in the change log', async () => {
    const dataSchema = { type: 'object', properties: { a: { type: 'string', maxLength: 3 } } }
    const caps = [{ count: 2, unit: 'DAY' }]
    const fallback = [await makeCreative(planning, app)]
    const chosen = { name: 'A slot', capacity: 2, caps, fallback, format: { required: [], dataSchema } }
    const id = await makeSlot(planning, app, chosen)
    const turned = { properties: { a: { maxLength: 3, type: 'string' } }, type: 'object' }
    const before = await everythingIn(store)
    for (const patch of [
      {},
      chosen,
      { name: ' A slot' },
      { capacity: 2, rotationSeconds: null },
      { caps: [{ count: 2, every: 1, unit: 'DAY' }] },
      { format: { required: null, image: null, dataSchema: turned } },
    ]) {
      expect(await run(planning, 'updateSlot', { id, expectedVersion: 1, ...patch })).toMatchObject({ version: 1 })
    }
    expect(await everythingIn(store)).toBe(before)
    expect(await failure(planning, 'updateSlot', { id, expectedVersion: 2 })).toMatchObject({ code: 'CONFLICT' })
    expect(await run(planning, 'updateSlot', { id, expectedVersion: 1, capacity: 3 })).toMatchObject({ version: 2 })
  })

  test('saving an app without a change makes no version and no entry in the change log', async () => {
    const code = await makeApp(planning, { name: COMPOSED, linkSchemes: ['shop'] })
    const before = await everythingIn(store)
    for (const patch of [{}, { name: DECOMPOSED }, { linkSchemes: ['shop '], zone: 'utc', fourEyes: null }]) {
      expect(await run(planning, 'updateApp', { app: code, expectedVersion: 1, ...patch })).toMatchObject({
        version: 1,
      })
    }
    expect(await everythingIn(store)).toBe(before)
    expect(await failure(planning, 'updateApp', { app: code, expectedVersion: 2 })).toMatchObject({ code: 'CONFLICT' })
  })
})

describeEachStore('Reviewing what is saved', (open) => {
  let flow: Workflow
  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })
  const same = (thing: Thing) => flow.revise(thing, {})

  test('approved content stays approved, and content in review stays in review', async () => {
    const creative = await flow.approved(await flow.makeCreative())
    await same(creative)
    expect(await flow.head(creative)).toMatchObject({ revision: 1, reviewState: 'APPROVED' })
    const other = await flow.makeCreative()
    const submission = await flow.submit(other)
    await same(other)
    await flow.approve(submission)
    expect(await flow.head(other)).toMatchObject({ revision: 1, reviewState: 'APPROVED' })
  })

  test('saving rejected content again makes it reviewable again, since the mistake can be in what it uses', async () => {
    const creative = await flow.makeCreative()
    const schedule = await flow.makeSchedule({ creatives: [creative] })
    await flow.run('reject', 'reviewer', await flow.onAll(await flow.submit(schedule), { comment: 'Not this' }))
    await flow.revise(creative, { title: 'Another' })
    await same(schedule)
    expect(await flow.head(schedule)).toMatchObject({ revision: 2, reviewState: 'DRAFT' })
    await flow.approved(schedule)
  })

  test('content that was changed back to approved content is not reviewed, by itself or in the submission of something else', async () => {
    const creative = await flow.makeCreative({ title: 'First' })
    const schedule = await flow.approved(await flow.makeSchedule({ creatives: [creative] }))
    for (const title of ['Second', 'First']) await flow.revise(creative, { title })
    const refused = await flow.failure('submitForReview', 'operator', await flow.submission(creative))
    expect(refused).toMatchObject({ code: 'INVALID_STATE' })
    expect(refused.message).toContain('is the same as revision 1, which is approved: there is nothing to review')
    await flow.revise(schedule, { priority: 1 })
    const { reviews } = await flow.run('submitForReview', 'operator', await flow.submission(schedule))
    expect(reviews.map(({ subject }: { subject: { id: string } }) => subject.id)).toEqual([schedule.id])
    await flow.revise(creative, { title: 'Third' })
    expect((await flow.run('submitForReview', 'operator', await flow.submission(creative))).reviews).toHaveLength(1)
  })
})

describeEachStore('Publishing what is over', (open) => {
  let flow: Workflow
  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })

  const QUERY = 'query ($app: ID!, $slot: String!) { publication(app: $app, slot: $slot) { warnings } }'
  const hour = (hours: number) => new Date(flow.clock.now() + hours * 3_600_000).toISOString()
  const warningsIn = async (slot: string) =>
    (await flow.subgraphs.delivery.must('viewer', QUERY, { app: flow.app, slot })).warnings

  test('warns whoever does it, and whoever resumes it', async () => {
    const slot = await flow.makeSlot()
    const content = { startsAt: hour(-2), endsAt: hour(1) }
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id, content }))
    await flow.publish(schedule)
    expect(await warningsIn(slot.code)).toEqual([])
    await flow.run('pause', 'publisher', await flow.onSchedule(schedule))
    flow.clock.advance(2 * 3_600_000)
    const over = expect.stringContaining(`The schedule "${schedule.id}" is over since ${content.endsAt}`)
    await flow.run('resume', 'publisher', await flow.onSchedule(schedule))
    expect(await warningsIn(slot.code)).toEqual([over])
    await flow.publish(schedule)
    expect(await warningsIn(slot.code)).toEqual([over])
    await flow.run('withdraw', 'publisher', await flow.onSchedule(schedule))
    expect(await warningsIn(slot.code)).toEqual([])
  })

  test('warns where the window is open, and its times never are again', async () => {
    const slot = await flow.makeSlot()
    const start = hour(-72)
    const content = { startsAt: start, endsAt: hour(24 * 365), recurrence: 'FREQ=DAILY;COUNT=2' }
    const ended = await flow.approved(await flow.makeSchedule({ slot: slot.id, content }))
    await flow.publish(ended)
    expect(await warningsIn(slot.code)).toEqual([expect.stringContaining('has times that never open again')])
    const rare = { ...content, recurrence: 'FREQ=YEARLY;INTERVAL=1;COUNT=2' }
    await flow.publish(await flow.approved(await flow.makeSchedule({ slot: slot.id, content: rare })))
    expect(await warningsIn(slot.code)).toEqual([])
  })
})
