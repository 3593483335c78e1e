// Random commands on the platform and on a model of it: after each of them a distribution node serves exactly the
// approved, published, unpaused set at its pinned revisions, and everything else is where the rules say. FC_SEED and
// FC_RUNS try others than the fixed ones.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { begin, commandLists, type Tally } from '../support/model-commands.ts'
import { COMMANDS } from '../support/model-steps.ts'
import { type ModelPlatform, startModelPlatform } from '../support/model-world.ts'
import { describeEachStore } from '../support/stores.ts'

const SEED = Number(process.env.FC_SEED ?? 20_260_501)
const RUNS = Number(process.env.FC_RUNS ?? 24)
const MOST_COMMANDS = 160
/** Shrinking runs the commands over and over: what it has found by then is shown. */
const GIVE_UP_MS = 240_000

describeEachStore('A model of the platform', (open) => {
  let platform: ModelPlatform

  beforeAll(async () => {
    platform = await startModelPlatform(await open())
  })
  afterAll(() => platform.stop())

  test(
    'whatever is done in whatever order, a node serves what the model says, and nothing changes but what it says',
    async () => {
      const tally: Tally = { outcomes: new Map(), entries: 0 }
      const property = fc.asyncProperty(commandLists(MOST_COMMANDS), (commands) =>
        fc.asyncModelRun(() => begin(platform, tally), commands),
      )
      await fc.assert(property, { seed: SEED, numRuns: RUNS, interruptAfterTimeLimit: GIVE_UP_MS })
      if (process.env.FC_TALLY) console.log(tally)
      // Commands that never succeed, or are never refused, would test nothing.
      const came = [...tally.outcomes.keys()]
      expect(came).toEqual(expect.arrayContaining(Object.keys(COMMANDS)))
      const refused = ['submit', 'approve', 'publish', 'pause', 'resume', 'restart', 'revoke']
      expect(came).toEqual(expect.arrayContaining(refused.map((name) => `${name} INVALID_STATE`)))
      const others = ['approve FOUR_EYES', 'createSchedule BAD_USER_INPUT', 'publish CONFLICT']
      expect(came).toContain('publishArchived INVALID_STATE')
      expect(came).toEqual(expect.arrayContaining(others))
      expect(tally.entries).toBeGreaterThan(10 * RUNS)
    },
    GIVE_UP_MS + 60_000,
  )
})
