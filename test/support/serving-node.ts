// A distribution node as tests look at it: it waits until the node holds what was published, and reads what it serves,
// both from its table and by asking it.

import { tokenVerifier } from '../../common/access/tokens.ts'
import type { Services } from '../../common/command/services.ts'
import type { CompiledSlot } from '../../engine/decision/compile-slot.ts'
import { type EventSource, readEventToken } from '../../engine/publication/event-token.ts'
import { formatStamp, type Stamp } from '../../engine/publication/types.ts'
import { buildDistribution } from '../../subgraphs/distribution/app.ts'
import { tokenFor, tokenSettings } from './subgraphs.ts'
import { ONLY_NOTIFICATIONS } from './sync-suite.ts'
import { until } from './until.ts'

/** One creative in an answer, and what its event token says of it. */
export type Shown = EventSource & { title: string }
/** What a node holds for a slot: each entry is the creatives of one schedule. */
export type HeldSlot = { stopped: boolean; fallback: Shown[]; entries: Shown[][] }
export type Answer = { slot: string; reason: string; creatives: Shown[] }

export type ServingNode = Awaited<ReturnType<typeof startServingNode>>

const DECISIONS = `query ($app: ID!, $slots: [String!]!, $context: ContextInput) {
  decisions(app: $app, slots: $slots, context: $context) { slot reason creatives { title eventToken } } }`

export async function startServingNode({ channel, keys, now, log }: Services) {
  const { subgraph, sync, stop } = await buildDistribution({
    ...{ channel, keys, now, log, node: 'node', operations: new Map(), laneFields: [], random: () => 0.5 },
    verify: tokenVerifier(tokenSettings),
    intervals: ONLY_NOTIFICATIONS,
  })
  const authorization = `Bearer ${await tokenFor('viewer')}`

  function shown({ title, eventToken }: { title: string; eventToken: string }): Shown {
    const source = readEventToken(keys, eventToken)
    if (!source) throw new Error(`Not an event token of ours: ${eventToken}`)
    return { ...source, title }
  }

  return {
    stop,

    /** What it holds for a slot, once that is what MongoDB has; null: it holds nothing, as MongoDB does. */
    async held(app: string, code: string, latest: Stamp | undefined): Promise<HeldSlot | null> {
      const inStep = () => {
        const slot = sync.table.slot(app, code)
        return (slot && formatStamp(slot.stamp)) === (latest && formatStamp(latest))
      }
      await until(`the node serves ${code} as it was published last`, inStep)
      const slot: CompiledSlot | undefined = sync.table.slot(app, code)
      if (!slot) return null
      return {
        stopped: slot.stopped,
        fallback: slot.fallback.map(shown),
        entries: slot.entries.map(({ creatives }) => creatives.map(({ answer }) => shown(answer))),
      }
    },

    /** What somebody with these tags is answered. */
    async ask(app: string, slots: readonly string[], userId: string, tags: readonly string[]): Promise<Answer[]> {
      const variables = { app, slots, context: { userId, tags } }
      const { data, errors } = await subgraph.execute(
        { query: DECISIONS, variables },
        { authorization, requestId: 'test' },
      )
      if (errors?.[0]) throw new Error(errors[0].message)
      const answers = data!.decisions as {
        slot: string
        reason: string
        creatives: { title: string; eventToken: string }[]
      }[]
      return answers.map(({ slot, reason, creatives }) => ({ slot, reason, creatives: creatives.map(shown) }))
    },
  }
}
