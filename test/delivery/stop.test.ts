import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Change } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { decide } from '../../engine/decision/decide.ts'
import { readContext } from '../../engine/targeting/context.ts'
import { startReconciliation } from '../../subgraphs/delivery/reconciliation.ts'
import { startSync } from '../../subgraphs/distribution/sync.ts'
import { slots } from '../../subgraphs/schedule/repository.ts'
import { everythingIn } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { ONLY_NOTIFICATIONS } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'
import { pinsIn, startWorkflow, type Workflow } from '../support/workflow.ts'

describeEachStore('Stopping and restarting a slot', (open) => {
  let flow: Workflow
  let store: Store

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  const stop = async (slot: string) => flow.run('stopSlot', 'publisher', await flow.onSlot(slot))
  const restart = async (slot: string) => flow.run('restartSlot', 'publisher', await flow.onSlot(slot))
  const versionOf = async (slot: string) => (await slots.require(store, slot)).version

  /** A slot with a fallback and a live schedule. */
  async function makeServing() {
    const fallback = await flow.approved(await flow.makeCreative())
    const slot = await flow.makeSlot({ fallback: [fallback.id] })
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    await flow.publish(schedule)
    return { slot, schedule, fallback }
  }

  test('a stopped slot says so to the nodes, and serves what it did once it is restarted', async () => {
    const { slot } = await makeServing()
    const before = (await flow.served(slot.code))!
    expect(await stop(slot.id)).toMatchObject({ revision: 2 })
    expect(await flow.served(slot.code)).toEqual({ ...before, revision: 2, stopped: true })
    expect(await restart(slot.id)).toMatchObject({ revision: 3 })
    expect(await flow.served(slot.code)).toEqual({ ...before, revision: 3 })
  })

  test('a slot in which nothing was ever published can be stopped, and stays so when something is', async () => {
    const slot = await flow.makeSlot()
    expect(await stop(slot.id)).toMatchObject({ revision: 1, entries: [] })
    expect(await flow.served(slot.code)).toMatchObject({ revision: 1, stopped: true, entries: [] })
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    await flow.publish(schedule)
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    expect(await flow.head(schedule)).toMatchObject({ deliveryState: 'LIVE' })
    expect(await flow.served(slot.code)).toMatchObject({ revision: 3, stopped: true })
    await restart(slot.id)
    expect(await flow.served(slot.code)).toMatchObject({ stopped: false, entries: [{ schedule: { id: schedule.id } }] })
  })

  test('what is stopped cannot be stopped, and what is not stopped cannot be restarted', async () => {
    const fresh = await flow.makeSlot()
    const { slot } = await makeServing()
    const refused = async (mutation: 'stopSlot' | 'restartSlot', id: string) => {
      const before = await everythingIn(store)
      const { code, message } = await flow.failure(mutation, 'publisher', await flow.onSlot(id))
      expect((await everythingIn(store)) === before).toBe(true)
      return [code, message]
    }
    const notStopped = ['INVALID_STATE', expect.stringContaining('not stopped')]
    expect(await refused('restartSlot', fresh.id)).toEqual(notStopped)
    expect(await refused('restartSlot', slot.id)).toEqual(notStopped)
    await stop(slot.id)
    expect(await refused('stopSlot', slot.id)).toEqual(['INVALID_STATE', expect.stringContaining('stopped already')])
  })

  test('each is a change of the slot itself: the version rises, and of two with the same one is a CONFLICT', async () => {
    const slot = await flow.makeSlot()
    const mutations = ['publishSlot', 'stopSlot', 'restartSlot'] as const
    for (const mutation of mutations) {
      const input = await flow.onSlot(slot.id)
      await flow.run(mutation, 'publisher', input)
      expect(await versionOf(slot.id)).toBe((input.expectedVersion as number) + 1)
      for (const other of mutations) {
        expect(await flow.failure(other, 'publisher', input)).toMatchObject({
          code: 'CONFLICT',
          extensions: { currentVersion: await versionOf(slot.id) },
        })
      }
    }
    const input = await flow.onSlot(slot.id)
    const both = [flow.run('publishSlot', 'publisher', input), flow.run('stopSlot', 'publisher', input)]
    const results = await Promise.allSettled(both)
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })

  test('each leaves an entry in the change log that says whether the slot is stopped', async () => {
    const { slot } = await makeServing()
    const last = async () =>
      (await store.collection<Change>('changes').find({ 'subject.id': slot.id } as never, { sort: { _id: -1 } }))[0]
    await stop(slot.id)
    expect(await last()).toMatchObject({
      ...{ mutation: 'stopSlot', actor: 'publisher', subject: { type: 'SLOT' } },
      ...{ before: { stopped: false, version: 1 }, after: { stopped: true, version: 2 } },
    })
    await restart(slot.id)
    expect(await last()).toMatchObject({
      mutation: 'restartSlot',
      before: { stopped: true },
      after: { stopped: false },
    })
  })

  test('a node answers a stopped slot with nothing, not even its fallback, and says STOPPED', async () => {
    const { slot } = await makeServing()
    const reconciliation = startReconciliation(flow.services)
    await reconciliation.runOnce()
    await reconciliation.stop()
    const { channel, keys, log } = flow.services
    const node = await startSync({ channel, keys, log, node: 'node', intervals: ONLY_NOTIFICATIONS })
    try {
      const decided = (revision: number) => {
        const held = node.table.slot(flow.app, slot.code)
        if (held?.stamp.revision !== revision) return undefined
        const { reason, creatives } = decide(held, readContext({ userId: 'u1' }), Date.now(), Math.random)
        return { reason, shown: creatives.length }
      }
      const answers = async (revision: number) => {
        await until(`the node serves revision ${revision}`, () => decided(revision) !== undefined)
        return decided(revision)
      }
      expect(await answers(1)).toEqual({ reason: 'MATCHED', shown: 1 })
      await stop(slot.id)
      expect(await answers(2)).toEqual({ reason: 'STOPPED', shown: 0 })
      await restart(slot.id)
      expect(await answers(3)).toEqual({ reason: 'MATCHED', shown: 1 })
    } finally {
      await node.stop()
    }
  })

  test('slots say whether they are stopped, false where nothing was ever published', async () => {
    const slot = await flow.makeSlot()
    const ask =
      'query ($of: [_Any!]!) { _entities(representations: $of) { ... on Slot { stopped publication { stopped } } } }'
    const shown = async () =>
      (await flow.subgraphs.delivery.must('viewer', ask, { of: [{ __typename: 'Slot', id: slot.id }] }))[0]
    expect(await shown()).toEqual({ stopped: false, publication: null })
    await stop(slot.id)
    expect(await shown()).toEqual({ stopped: true, publication: { stopped: true } })
    await restart(slot.id)
    expect(await shown()).toEqual({ stopped: false, publication: { stopped: false } })
  })

  test('what was revoked while the slot was stopped does not come back with it', async () => {
    const { slot, schedule, fallback } = await makeServing()
    await stop(slot.id)
    await flow.revoke(fallback)
    await flow.revoke(schedule)
    expect(await flow.served(slot.code)).toMatchObject({ stopped: true, entries: [], fallback: [] })
    await restart(slot.id)
    expect(pinsIn((await flow.served(slot.code))!)).toEqual([])
  })
})
