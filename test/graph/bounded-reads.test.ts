// A thing with a long history costs no more than one without. The tests count the documents that MongoDB returns.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Revision } from '../../common/store/revisioned.ts'
import type { Store } from '../../common/store/store.ts'
import { type Documents, documentsDuring } from '../support/reads.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

const HISTORY = 25

/** A live schedule, and all that it uses. */
type Bundle = { slot: { id: string; code: string }; schedule: Thing; used: Thing[] }

describeEachStore('With a long history', (open) => {
  let store: Store
  let flow: Workflow
  let young: Bundle
  let old: Bundle

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
    young = await makeBundle(1)
    old = await makeBundle(HISTORY)
  }, 60_000)
  afterAll(() => flow.stop())

  /** So many revisions of each thing, all of them approved, by as many writers as there are things; live at the newest. */
  async function makeBundle(approvals: number): Promise<Bundle> {
    const slot = await flow.makeSlot()
    const segment = await flow.makeSegment()
    const strategy = await flow.makeStrategy({ constraint: { segment: segment.id } })
    const creative = await flow.makeCreative()
    const schedule = await flow.approved(await flow.makeSchedule({ creatives: [creative], strategy, slot: slot.id }))
    const used = [creative, strategy, segment]
    for (let made = 1; made < approvals; made++) {
      for (const thing of [...used, schedule]) await flow.revise(thing, { name: `Revision ${made}` })
      await flow.approved(schedule)
    }
    await flow.publish(schedule)
    return { slot, schedule, used }
  }

  /** The same is done to both; it may not read more of the older one. */
  async function costsTheSame(work: (bundle: Bundle) => Promise<unknown>): Promise<Documents> {
    const [first, second] = [
      await documentsDuring(store, () => work(young)),
      await documentsDuring(store, () => work(old)),
    ]
    expect(second).toEqual(first)
    return second
  }

  test('submitting, deciding and publishing read no more than without a history', async () => {
    for (const kind of ['SCHEDULE', 'CREATIVE', 'STRATEGY', 'SEGMENT']) {
      for (const decision of ['reject', 'approve'] as const) {
        const documents = await costsTheSame(async ({ schedule, used }) => {
          const thing = [schedule, ...used].find(({ type }) => type === kind)!
          await flow.revise(thing, { name: `${kind} ${decision}` })
          await flow.run(decision, 'reviewer', await flow.onAll(await flow.submit(thing), { comment: 'Looked at' }))
        })
        expect(documents.reviews).toBeGreaterThan(0)
      }
    }
    await costsTheSame(({ schedule }) => flow.publish(schedule))
  })

  test('pausing, resuming, stopping, restarting and previewing read no more than without a history', async () => {
    await costsTheSame(async ({ slot, schedule }) => {
      for (const name of ['pause', 'resume'] as const)
        await flow.run(name, 'publisher', await flow.onSchedule(schedule))
      for (const name of ['publishSlot', 'stopSlot', 'restartSlot'] as const) {
        await flow.run(name, 'publisher', await flow.onSlot(slot.id))
      }
      const text = `query ($app: ID!, $slot: String!, $include: [ID!]) {
        preview(app: $app, slot: $slot, include: $include) { reason } }`
      const asked = { app: flow.app, slot: slot.code, include: [schedule.id] }
      await flow.subgraphs.delivery.must('viewer', text, asked)
    })
  })

  test('a copy is made, and knows all its authors, without reading every revision', async () => {
    await flow.revise(old.schedule, { name: 'By another' }, 'operator-2')
    const duplicate = async ({ schedule }: Bundle) => {
      const { version: expectedVersion } = await flow.head(schedule)
      return flow.run('duplicateSchedule', 'operator-3', { id: schedule.id, expectedVersion })
    }
    const documents = await documentsDuring(store, () => duplicate(old))
    expect(documents.scheduleRevisions).toBe(2) // one for each writer
    const { id } = await duplicate(old)
    const [revision] = await store.collection<Revision<unknown>>('scheduleRevisions').find({ id })
    expect(revision!.copiedFrom!.toSorted()).toEqual(['operator', 'operator-2'])
  })

  test('reviews with their differences, and things with their reviews, read no more than without a history', async () => {
    await costsTheSame(async ({ schedule, used }) => {
      for (const thing of [schedule, ...used]) {
        const text = `query ($id: ID!) { review(id: $id) { state submissions diff { path } } }`
        await flow.subgraphs.audit.must('viewer', text, { id: (await flow.reviewOf(thing, 1))._id })
      }
    })
  })

  test('revoking an approval reads no more than without a history', async () => {
    await costsTheSame(async ({ used }) => {
      await flow.revoke(used[0]!)
    })
  })
})
