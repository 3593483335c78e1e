// Each command that composes a slot against taking back an approval, in every order of their commands to the database:
// 32 cases, some 400 orders. Why the others (a hundred in the smallest case, two thousand in another) need not be run is argued
// in test/support/orders.ts and orders-steps.ts; the last test runs them all in the smallest case, to see it.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Services } from '../../common/command/services.ts'
import { everyOrder } from '../support/orders.ts'
import { CASES, setScene, titleOf } from '../support/orders-cases.ts'
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

  for (const one of CASES) {
    test(`${titleOf(one)}: what is revoked is not served`, async () => {
      const { orders, collisions, succeeded } = await everyOrder(stage, () => setScene(flow, services, one))
      expect(orders).toBeGreaterThan(2)
      expect(collisions).toBeGreaterThan(0)
      expect(succeeded).toBeGreaterThan(0)
    }, 60_000)
  }

  test('orders that are left out are like one that is run', async () => {
    const few = CASES.find(({ command, published }) => command === 'publishSlot' && !published)!
    const some = await everyOrder(stage, () => setScene(flow, services, few))
    const all = await everyOrder(stage, () => setScene(flow, services, few), false)
    expect(all.orders).toBeGreaterThan(10 * some.orders)
    expect(all.shapes).toEqual(some.shapes)
    expect(some.shapes.size).toBe(some.orders)
  }, 60_000)
})
