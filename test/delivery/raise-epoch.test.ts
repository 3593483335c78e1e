// A restored database: what it publishes must win over what the channel and the nodes hold from before.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Services } from '../../common/command/services.ts'
import { seal } from '../../engine/publication/sign.ts'
import { composeInNewEpoch } from '../../subgraphs/delivery/raise-epoch.ts'
import { startReconciliation } from '../../subgraphs/delivery/reconciliation.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

describeEachStore('A new epoch', (open) => {
  let flow: Workflow
  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })
  afterAll(() => flow.stop())

  async function reconcile(services: Services) {
    const reconciliation = startReconciliation(services)
    const report = await reconciliation.runOnce()
    await reconciliation.stop()
    return report
  }

  test('brings the content of the database to the nodes although the channel was ahead', async () => {
    const slot = await flow.makeSlot()
    await flow.publish(await flow.approved(await flow.makeSchedule({ slot: slot.id })))
    const latest = await flow.latest(slot.id)
    const lost = { ...latest, revision: 40, entries: [] }
    await flow.services.channel.write({ app: flow.app, code: slot.code }, lost, seal(flow.services.keys, lost))
    expect((await reconcile(flow.services)).ahead).toBe(1)

    const { epoch, slots } = await composeInNewEpoch(flow.store, flow.services.now, () => {})
    expect(slots).toBeGreaterThan(0)
    expect(epoch).toBeGreaterThan(flow.store.epoch)
    // As the processes see it that are started afterwards.
    expect((await reconcile({ ...flow.services, store: { ...flow.store, epoch } })).ahead).toBe(0)
    expect(await flow.served(slot.code)).toMatchObject({ epoch, revision: 2, entries: latest.entries })
  })
})
