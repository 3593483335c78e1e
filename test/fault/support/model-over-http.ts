// The rules' model (test/support/model*) on real processes: mutations go through the gateway, and the node is asked over HTTP. A mutation
// is sent again, with the same idempotency key, until it is answered. So whatever is killed meanwhile, its outcome is the model's.

import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { readEventToken } from '../../../engine/publication/event-token.ts'
import { openAt } from '../../../engine/publication/sign.ts'
import type { Publication, PublishedCreative, Stamp } from '../../../engine/publication/types.ts'
import { GraphQLFailure, post } from '../../../scripts/shared/client.ts'
import type { ModelPlatform } from '../../support/model-world.ts'
import type { Shown } from '../../support/serving-node.ts'
import { until } from '../../support/until.ts'
import { callOf } from '../../support/workflow.ts'
import { isTransient, untilAcknowledged } from './counting-slot.ts'
import { type Installation, serviceSecret, signingKeys } from './installation.ts'

/** Runs while a mutation of this subgraph is under way, and beside it. */
export type Disturbance = (subgraph: string) => Promise<unknown>

/** Longer than a killed process takes to come back, and than reconciliation takes to fill an empty Redis. */
const IN_STEP_MS = 30_000

const DECISIONS = `query ($app: ID!, $slots: [String!]!, $context: ContextInput) {
  decisions(app: $app, slots: $slots, context: $context) { slot reason creatives { title eventToken } } }`
const REVISION = 'query ($app: ID!, $slot: String!) { explainDecision(app: $app, slot: $slot) { revision } }'

export async function modelOverHttp(alkaid: Installation, disturb: Disturbance): Promise<ModelPlatform> {
  const store = await alkaid.store()
  const redis = new Redis(alkaid.redis.url, { maxRetriesPerRequest: null })
  redis.on('error', () => {}) // it is killed in some runs, and connects again
  const viewer = `Bearer ${alkaid.tokens.viewer}`
  let codes = 0

  /** Asks the node itself. A node that is just killed is asked again. */
  async function askNode(query: string, variables: Record<string, unknown>) {
    const url = `${alkaid.get('distribution').url}/federation`
    const headers = { authorization: viewer, 'x-alkaid-service': serviceSecret }
    const deadline = Date.now() + IN_STEP_MS
    for (;;) {
      try {
        return await post(url, headers, { query, variables })
      } catch (error) {
        if (!isTransient(error) || Date.now() > deadline) throw error
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
  }

  async function revisionOnNode(app: string, slot: string): Promise<number | undefined> {
    try {
      return (await askNode(REVISION, { app, slot })).explainDecision.revision
    } catch (error) {
      if (error instanceof GraphQLFailure && error.code === 'NOT_FOUND') return undefined
      throw error
    }
  }

  return {
    store,
    flow: {
      freshCode: () => `app-${++codes}`,
      async run(name, actor, input) {
        const { subgraph, text } = callOf(name)
        const client = await alkaid.clientOf(actor)
        const disturbance = disturb(subgraph)
        try {
          const data = await untilAcknowledged(client, text, { input: { ...input, idempotencyKey: randomUUID() } })
          return data[name]
        } finally {
          await disturbance
        }
      },
    },
    node: {
      async held(app, code, latest: Stamp | undefined) {
        const isInStep = async () => (await revisionOnNode(app, code)) === latest?.revision
        await until(`the node serves ${code} as it was published last`, isInStep, { within: IN_STEP_MS })
        if (!latest) return null
        // The node has the document with this stamp, and there is only one. So what it holds is read in Redis.
        let document: Publication | undefined
        const isThere = async () => {
          const text = await redis.get(`{${app}}:slot:${code}`)
          document = text === null ? undefined : (openAt(signingKeys, { app, code }, text) as Publication)
          return document?.revision === latest.revision
        }
        await until(`Redis has ${code} as it was published last`, isThere, { within: IN_STEP_MS })
        const { slot, fallback, entries, stopped } = document!
        const shown = (schedule: Shown['schedule']) => (creative: PublishedCreative) => {
          const { id, revision, title } = creative
          return { app, slot: slot.id, schedule, creative: { id, revision }, title }
        }
        return {
          stopped,
          fallback: fallback.map(shown(null)),
          entries: entries.map(({ schedule, creatives }) => creatives.map(shown(schedule))),
        }
      },
      async ask(app, slots, userId, tags) {
        const { decisions } = await askNode(DECISIONS, { app, slots, context: { userId, tags } })
        type Decided = { slot: string; reason: string; creatives: { title: string; eventToken: string }[] }
        return (decisions as Decided[]).map(({ creatives, ...decision }) => ({
          ...decision,
          creatives: creatives.map(({ title, eventToken }) => ({ ...readEventToken(signingKeys, eventToken)!, title })),
        }))
      },
    },
    async stop() {
      redis.disconnect()
    },
  }
}
