// Each command that composes a slot at the same time as an approval is taken back, 200 times, with nobody to say which
// goes first: orders.test.ts runs chosen orders, and this test runs into orders that nobody chose.

import { afterAll, beforeAll, test } from '@jest/globals'
import { CASES, COMMANDS, type CommandName, setScene } from '../support/orders-cases.ts'
import { seeded } from '../support/seeded.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

const ROUNDS = 200
/** As long as either operation takes, so that each is often the first to begin and the first to end. */
const MOST_DELAY_MS = 8
/** Scenes set at once: their commits share the disk's time. */
const AHEAD = 8

describeEachStore('Freely, at the same time', (open) => {
  let flow: Workflow

  beforeAll(async () => {
    flow = await startWorkflow(await open())
  })
  afterAll(() => flow.stop())

  for (const command of Object.keys(COMMANDS) as CommandName[]) {
    test(`${command} and revoking, ${ROUNDS} times: what is revoked is not served`, async () => {
      const random = seeded(20_260_501)
      const cases = CASES.filter((one) => one.command === command)
      const services = { first: flow.services, second: flow.services }
      for (let round = 0; round < ROUNDS; round += AHEAD) {
        const of = Array.from({ length: AHEAD }, (_, index) => cases[(round + index) % cases.length]!)
        const trials = await Promise.all(of.map((one) => setScene(flow, services, one)))
        for (const { operations, check } of trials) {
          const [first, second] = await Promise.allSettled([
            pause(random() * MOST_DELAY_MS).then(operations.first),
            pause(random() * MOST_DELAY_MS).then(operations.second),
          ])
          await check({ first, second }, [])
        }
      }
    }, 120_000)
  }
})

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
