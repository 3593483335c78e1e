// Every mutation whose change is for the nodes, through the gateway, with a real Redis killed under it: it is done all the same,
// and says that the nodes do not have it yet, and why.

import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { buildSchema } from 'graphql'
import type { Channel } from '../../common/channel/channel.ts'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { startReconciliation } from '../../subgraphs/delivery/reconciliation.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWholeGraph, type WholeGraph } from '../support/whole-graph.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

const supergraphSdl = readFileSync(new URL('../../schema/supergraph.graphql', import.meta.url), 'utf8')
const mutations = buildSchema(supergraphSdl, { assumeValidSDL: true }).getMutationType()!.getFields()

/** What a mutation answers -> where in that is how far it has got. */
const REACHED: Record<string, string> = {
  Publication: 'distribution { state warning }',
  Revocation: 'publications { distribution { state warning } }',
  Takedown: 'publications { distribution { state warning } }',
  App: 'distribution { state warning }',
  AppWithKey: 'app { distribution { state warning } }',
}

describeWithRedis('With Redis killed', () => {
  describeEachStore('every mutation for the nodes', (open) => {
    let redis: TestRedis
    let channel: Channel
    let flow: Workflow
    let graph: WholeGraph

    beforeAll(async () => {
      redis = await startRedis()
      channel = await connectRedisChannel({ url: redis.url })
      flow = await startWorkflow(await open(), { channel })
      graph = await startWholeGraph(flow)
    }, 60_000)
    beforeEach(() => redis.restart())
    afterEach(() => redis.restart())
    afterAll(async () => {
      await graph.stop()
      await flow.stop()
      await channel.close()
      await redis.stop()
    })

    const live = async () => (await flow.makeLive()).schedule
    const onApp = async (more: object = {}) => {
      const code = flow.freshCode()
      await flow.run('createApp', 'admin', { code, name: 'An app' })
      return { app: code, expectedVersion: 1, ...more }
    }

    /** An input of each, made while Redis is there. */
    const INPUTS: Record<string, () => Promise<object>> = {
      createApp: async () => ({ code: flow.freshCode(), name: 'An app' }),
      updateApp: () => onApp({ name: 'Anew' }),
      rotateAppKey: () => onApp(),
      publish: async () => flow.onSchedule(await flow.approved(await flow.makeSchedule())),
      pause: async () => flow.onSchedule(await live()),
      async resume() {
        const schedule = await live()
        await flow.run('pause', 'publisher', await flow.onSchedule(schedule))
        return flow.onSchedule(schedule)
      },
      withdraw: async () => flow.onSchedule(await live()),
      publishSlot: async () => flow.onSlot((await flow.makeSlot()).id),
      stopSlot: async () => flow.onSlot((await flow.makeLive()).slot.id),
      async restartSlot() {
        const { id } = await flow.makeSlot()
        await flow.run('stopSlot', 'publisher', await flow.onSlot(id))
        return flow.onSlot(id)
      },
      async rollbackSlot() {
        const { slot } = await flow.makeLive()
        await flow.run('stopSlot', 'publisher', await flow.onSlot(slot.id))
        return { ...(await flow.onSlot(slot.id)), to: 1 }
      },
      async takeDown() {
        const creative = await flow.makeCreative()
        await flow.makeLive({ creatives: [creative] })
        return { creative: creative.id, reason: 'A mistake' }
      },
      async revokeApproval() {
        const creative = await flow.makeCreative()
        await flow.makeLive({ creatives: [creative] })
        return flow.onReview(creative)
      },
    }

    // biome-ignore lint/suspicious/noExplicitAny: answers are read as they come
    async function ask(name: string, input: object): Promise<any> {
      const { type, args } = mutations[name]!
      const query = `mutation ($input: ${args[0]!.type}) { ${name}(input: $input) { ${REACHED[typeName(type)]} } }`
      const data = await graph.ask('admin', query, { input })
      return data[name]
    }

    test('has an input here', () => {
      const forNodes = Object.values(mutations).filter(({ type }) => typeName(type) in REACHED)
      expect(forNodes.map(({ name }) => name).sort()).toEqual(Object.keys(INPUTS).sort())
    })

    for (const [name, prepare] of Object.entries(INPUTS)) {
      test(`${name} is done, says why it is not on the nodes, and is sent once Redis is back`, async () => {
        const input = await prepare()
        await redis.kill()
        const answer = await ask(name, input)
        const { distribution } = answer.publications?.[0] ?? answer.app ?? answer
        expect(distribution).toEqual({
          state: 'PENDING',
          warning: expect.stringMatching(/^Redis is out of reach.*Bring Redis back/),
        })
        await redis.restart()
        const reconciliation = startReconciliation(flow.services)
        let report = await reconciliation.runOnce()
        for (let tries = 0; report.error && tries < 50; tries++) {
          await new Promise((resolve) => setTimeout(resolve, 100))
          report = await reconciliation.runOnce()
        }
        await reconciliation.stop()
        expect(report).toMatchObject({ error: null })
        expect(report.rewritten).toBeGreaterThan(0)
      }, 30_000)
    }
  })
})

function typeName(type: object): string {
  return `${type}`.replace(/[![\]]/g, '')
}
