// Invariant 2: nothing unapproved is served. Random commands run on real processes and on the model of the rules, while processes are
// killed at random. After each command the node serves exactly what the model says. At any moment it serves only what was approved.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type Model, reviewOf, revisionText } from '../support/model.ts'
import { begin, commandLists, type Run, type Tally } from '../support/model-commands.ts'
import type { ModelPlatform, World } from '../support/model-world.ts'
import { describeWithRedis } from '../support/redis.ts'
import { type Installation, startInstallation } from './support/installation.ts'
import { modelOverHttp } from './support/model-over-http.ts'
import { pick, seededRandom } from './support/seed.ts'

/** No new run begins after this time, if enough has happened by then. On a slow machine it takes longer. */
const RUNS_MS = 60_000
const GIVE_UP_MS = 170_000
const COMMANDS_OF_A_RUN = 40
/** The share of mutations during which something is killed. */
const KILLED = 0.2
/** The longest time from a mutation to the kill. */
const WITHIN_MS = 60

describeWithRedis('Whatever is killed at random', () => {
  const { seed, random } = seededRandom('rules')
  const kills = new Map<string, number>()
  let alkaid: Installation
  let platform: ModelPlatform

  beforeAll(async () => {
    alkaid = await startInstallation({ without: ['stats'] })
    platform = await modelOverHttp(alkaid, async (subgraph) => {
      if (random() < KILLED) await killSomething(subgraph)
    })
  })
  afterAll(async () => {
    await platform?.stop()
    await alkaid?.stop()
  })

  /** Mostly what runs the mutation. Starts it again at once. */
  async function killSomething(subgraph: string): Promise<void> {
    const victim =
      random() < 0.5 ? subgraph : pick(random, ['gateway', 'distribution', 'delivery', 'database', 'redis'])
    kills.set(victim, (kills.get(victim) ?? 0) + 1)
    await sleep(random() * WITHIN_MS)
    if (victim === 'redis') {
      await alkaid.redis.kill()
      await alkaid.redis.restart()
      return
    }
    const process = victim === 'database' ? alkaid.database.process : alkaid.get(victim)
    await process.kill()
    await process.start()
  }

  /** Asks the node all the time, for a user with every tag, and notes what was never approved. */
  function watch(model: Model, world: World) {
    const unapproved: string[] = []
    let [isOver, answers] = [false, 0]
    const watching = (async () => {
      while (!isOver) {
        for (const slot of [...model.slots.keys()]) {
          const tags = [...model.things.values()].flatMap(({ name, revisions }) =>
            revisions.map((_, index) => revisionText(name, index + 1)),
          )
          const [answer] = await world.ask(slot, 'watcher', tags).catch(() => [])
          for (const { schedule, creative } of answer?.creatives ?? []) {
            answers += 1
            for (const pin of [creative, ...(schedule ? [schedule] : [])]) {
              const text = revisionText(world.nameOf(pin.id), pin.revision)
              const { state } = reviewOf(model, text)
              if (state !== 'APPROVED' && state !== 'REVOKED') unapproved.push(`${text} is ${state}`)
            }
          }
        }
        await sleep(20)
      }
    })()
    return async () => {
      isOver = true
      await watching
      return { unapproved, answers }
    }
  }

  test('the node serves what the model of the rules says, and never what was not approved', async () => {
    const tally: Tally = { outcomes: new Map(), entries: 0 }
    const began = Date.now()
    let seen = 0
    let ran = 0
    const isEnough = () => kills.size > 3 && (tally.outcomes.get('publish') ?? 0) > 0 && tally.entries > 10 && seen > 10
    for (let run = 0; ; run++) {
      const ms = Date.now() - began
      if (ms > GIVE_UP_MS || (ms > RUNS_MS && isEnough())) break
      const property = fc.asyncProperty(commandLists(COMMANDS_OF_A_RUN), async (commands) => {
        const { model, real } = await begin(platform, tally)
        const stopWatching = watch(model, real.world)
        try {
          await fc.asyncModelRun(() => ({ model, real }) as { model: Model; real: Run }, commands)
        } finally {
          const { unapproved, answers } = await stopWatching()
          seen += answers
          expect(unapproved).toEqual([])
        }
      })
      await fc.assert(property, { seed: seed + run, numRuns: 1, endOnFailure: true })
      ran += 1
    }
    const killed = [...kills].map(([victim, times]) => `${victim} ${times}`)
    const commands = [...tally.outcomes.values()].reduce((sum, count) => sum + count, 0)
    process.stderr.write(
      `rules: ${ran} runs, ${commands} commands, ${seen} watched creatives; killed: ${killed.join(', ')}\n`,
    )
    expect({ kills: [...kills], outcomes: [...tally.outcomes], isEnough: isEnough() }).toMatchObject({ isEnough: true })
  }, 300_000)
})
