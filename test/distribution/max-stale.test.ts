// Slots with `maxStaleSeconds` on a node that cannot reach the channel.

import { afterEach, expect, test } from '@jest/globals'
import { type Channel, ChannelUnavailable } from '../../common/channel/channel.ts'
import { createInProcessChannel } from '../../common/channel/in-process.ts'
import type { Caller } from '../../common/command/services.ts'
import { answerDecisions, explainDecision, type Node, noCapTokens } from '../../subgraphs/distribution/decisions.ts'
import { type Sync, startSync } from '../../subgraphs/distribution/sync.ts'
import { listDocument, put, settingsDocument, slotDocument, testKeys } from '../support/documents.ts'
import { ONLY_COMPARISONS, silent } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'

let sync: Sync | undefined
afterEach(() => sync?.stop())

const MAX_STALE_SECONDS = 60
const app: Caller = { principal: null, requestId: 'test', appKey: { app: 'shop' } }
const operator: Caller = { principal: { actor: 'olga', roles: { shop: ['operator'] } }, requestId: 'test' }

function slot(code: string, change: object = {}) {
  const document = slotDocument('shop', code, 1)
  const { weight: _, ...house } = { ...document.entries[0]!.creatives[0]!, id: `house-${code}` }
  return { ...document, fallback: [house], slot: { ...document.slot, ...change } }
}

test('show only the fallback while the node is cut off for longer, then everything again', async () => {
  let now = 1_800_000_000_000
  let isAway = false
  const behind = createInProcessChannel()
  const channel: Channel = {
    ...behind,
    read: async (addresses) => {
      if (isAway) throw new ChannelUnavailable('Redis is out of reach.')
      return behind.read(addresses)
    },
  }
  const fresh = { maxStaleSeconds: MAX_STALE_SECONDS }
  await put(
    channel,
    settingsDocument('shop', 1),
    slot('fresh', fresh),
    slot('lasting'),
    slot('null', { maxStaleSeconds: null }),
  )
  await put(channel, { ...slot('stopped', fresh), stopped: true }, listDocument(1, ['shop']))
  sync = await startSync({
    channel,
    keys: testKeys,
    node: 'n1',
    clock: () => now,
    log: silent,
    intervals: ONLY_COMPARISONS,
  })
  const node: Node = {
    ...{ table: sync.table, ready: true, now: () => now, random: () => 0, capTokens: noCapTokens() },
    cutOffMs: sync.cutOffMs,
  }
  const answers = () => {
    const slots = ['fresh', 'lasting', 'null', 'stopped']
    return answerDecisions(node, app, { app: 'shop', slots, context: { userId: 'ann' } })
  }
  const reasons = () => answers().map(({ reason }) => reason)
  const explained = (at?: Date) => explainDecision(node, operator, { app: 'shop', slot: 'fresh', at: at ?? null })
  expect(reasons()).toEqual(['MATCHED', 'MATCHED', 'MATCHED', 'STOPPED'])

  isAway = true
  await until('a comparison has failed', () => sync!.status().unreachableMs !== null)
  now += MAX_STALE_SECONDS * 1000
  expect(reasons()).toEqual(['MATCHED', 'MATCHED', 'MATCHED', 'STOPPED'])
  now += 1
  expect(reasons()).toEqual(['FALLBACK', 'MATCHED', 'MATCHED', 'STOPPED'])
  expect(answers()[0]).toMatchObject({ creatives: [{ id: 'house-fresh', schedule: null }], validUntil: now })
  expect(explained()).toMatchObject({
    reason: 'FALLBACK',
    creatives: [{ id: 'house-fresh' }],
    schedules: [{ schedule: { id: 'sch_fresh' }, reason: 'STALE' }],
  })
  expect(explained(new Date(now + 1000))).toMatchObject({ schedules: [{ reason: 'SHOWN' }] })

  isAway = false
  await until('it is in contact again', () => reasons()[0] === 'MATCHED')
  expect(explained()).toMatchObject({ schedules: [{ reason: 'SHOWN' }] })
})
