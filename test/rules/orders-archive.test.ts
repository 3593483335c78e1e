// What publishes something against archiving it, in every order of their commands to the database: what is archived is not
// published for the first time, by nobody who has not seen it yet either. (How the orders are found: rules-orders.test.ts.)

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Services } from '../../common/command/services.ts'
import { everyOrder } from '../support/orders.ts'
import { ARCHIVE_CASES, setArchiveScene, titleOfArchiving } from '../support/orders-archive-cases.ts'
import { type Both, openStage, type Stage } from '../support/orders-run.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

describeEachStore('In every order', (open) => {
  let flow: Workflow
  let stage: Stage
  let services: Both<Services>

  beforeAll(async () => {
    const store = await open()
    flow = await startWorkflow(store)
    stage = await openStage(store, flow.clock.now)
    const { first, second } = stage.stores
    services = { first: { ...flow.services, store: first }, second: { ...flow.services, store: second } }
  })
  afterAll(async () => {
    await stage.stop()
    await flow.stop()
  })

  for (const one of ARCHIVE_CASES) {
    test(`${titleOfArchiving(one)}`, async () => {
      const { orders, collisions, succeeded } = await everyOrder(stage, () => setArchiveScene(flow, services, one))
      expect(succeeded).toBeGreaterThan(0)
      if (one.published) return
      expect(orders).toBeGreaterThan(2)
      expect(collisions).toBeGreaterThan(0)
    }, 60_000)
  }
})
