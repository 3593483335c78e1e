// A storm: many people at once do whatever comes to their minds, in any state and order, often to what another is
// just changing. Each command succeeds or fails with a code of the table, and what is left hangs together.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { inconsistencies } from '../support/consistency.ts'
import { seeded } from '../support/seeded.ts'
import { describeEachStore } from '../support/stores.ts'
import { startStorm } from '../support/storm.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

/** At least; more where something has not succeeded yet. */
const WAVES = 8
/** In a wave. */
const COMMANDS = 100
const AT_ONCE = 8
const VERBS =
  'approve archive create duplicate pause publish recall reject restart resume revise revoke stop submit update withdraw'.split(
    ' ',
  )
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
    const done = () => {
      const names = [...outcomes.keys()].filter((outcome) => outcome.endsWith(' ok'))
      return [...new Set(names.map((name) => /^[a-z]+/.exec(name)![0]))].sort()
    }
    for (let wave = 0; wave < WAVES || (wave < 5 * WAVES && done().length < VERBS.length); wave++) {
      left = COMMANDS
      await Promise.all(Array.from({ length: AT_ONCE }, person))
      expect(await inconsistencies(store)).toEqual([])
    }
    expect(done()).toEqual(VERBS)
    expect(new Set([...outcomes.keys()].map((outcome) => outcome.split(' ')[1]))).toEqual(new Set(MET))
  }, 120_000)
})
