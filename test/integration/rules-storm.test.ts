// A storm: many people at once do whatever comes to their minds, in any state and order, often to what another is
// just changing. Each command succeeds or fails with a code of the table, and what is left hangs together.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { inconsistencies } from '../support/consistency.ts'
import { seeded } from '../support/seeded.ts'
import { describeEachStore } from '../support/stores.ts'
import { startStorm } from '../support/storm.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

const WAVES = 8
/** In a wave. */
const COMMANDS = 100
const AT_ONCE = 8
const VERBS = 16
/** What a storm meets: states and versions that others have changed meanwhile. */
const MET = ['ok', 'CONFLICT', 'INVALID_STATE', 'FOUR_EYES', 'BAD_USER_INPUT']

describeEachStore('A storm of commands', (open) => {
  let store: Store
  let flow: Workflow

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
  })
  afterAll(() => flow.stop())

  test('each succeeds or says why not, and whenever it abates everything hangs together', async () => {
    const command = await startStorm(flow, seeded(20_260_520))
    const outcomes = new Map<string, number>()
    let left = 0
    async function person(): Promise<void> {
      while (left > 0) {
        left -= 1
        const outcome = (await command()).join(' ')
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
    }
    for (let wave = 0; wave < WAVES; wave++) {
      left = COMMANDS
      await Promise.all(Array.from({ length: AT_ONCE }, person))
      expect(await inconsistencies(store)).toEqual([])
    }
    const done = [...outcomes.keys()].filter((outcome) => outcome.endsWith(' ok'))
    expect(new Set(done.map((outcome) => /^[a-z]+/.exec(outcome)![0])).size).toBe(VERBS)
    expect(new Set([...outcomes.keys()].map((outcome) => outcome.split(' ')[1]))).toEqual(new Set(MET))
  }, 120_000)
})
