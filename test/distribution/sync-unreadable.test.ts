// What a node does with documents that it cannot read, and with loads that are interrupted.

import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { tokenVerifier } from '../../common/access/tokens.ts'
import { sha256 } from '../../common/base/content-hash.ts'
import { createLogger } from '../../common/base/log.ts'
import { type Address, type Channel, ChannelUnavailable, SETTINGS } from '../../common/channel/channel.ts'
import { createInProcessChannel } from '../../common/channel/in-process.ts'
import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import { examine, readinessReply } from '../../common/service/health.ts'
import { addressName } from '../../engine/publication/address.ts'
import { operationIds } from '../../scripts/shared/operation-ids.ts'
import { buildDistribution } from '../../subgraphs/distribution/app.ts'
import { distributionChecks } from '../../subgraphs/distribution/monitoring.ts'
import { type Sync, type SyncIntervals, startSync } from '../../subgraphs/distribution/sync.ts'
import { listDocument, put, putText, sealed, settingsDocument, slotDocument, testKeys } from '../support/documents.ts'
import { tokenSettings } from '../support/subgraphs.ts'
import { ONLY_COMPARISONS, ONLY_NOTIFICATIONS, shownIn, silent, withoutNotifications } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'

/** A channel whose reads fail as `failing` says, and that remembers what was read. */
function watched(behind: Channel) {
  const state = {
    read: [] as string[],
    failing: (_name: string): Error | undefined => undefined,
    channel: {
      ...behind,
      async read(addresses: readonly Address[]) {
        for (const address of addresses) {
          const error = state.failing(addressName(address))
          if (error) throw error
        }
        state.read.push(...addresses.map(addressName))
        return behind.read(addresses)
      },
      async manifest(app: string) {
        const error = state.failing(`${app}/manifest`)
        if (error) throw error
        return behind.manifest(app)
      },
    } as Channel,
  }
  return state
}

const GRACE = 100
const WITH_GRACE: SyncIntervals = { ...ONLY_COMPARISONS, grace: GRACE }
const outage = () => new ChannelUnavailable('It is cut off.')

let channel: Channel
const stops: (() => Promise<void>)[] = []
beforeEach(() => {
  channel = createInProcessChannel()
})
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
  await channel.close()
})

async function start(
  intervals: SyncIntervals,
  from: Channel = channel,
  log: Parameters<typeof startSync>[0]['log'] = silent,
) {
  const sync = await startSync({ channel: from, keys: testKeys, node: 'n1', log, intervals })
  stops.push(() => sync.stop())
  return sync
}

/** Two apps with two slots each. */
const putApps = () =>
  put(
    channel,
    ...['news', 'shop'].flatMap((app) => [
      settingsDocument(app, 1),
      slotDocument(app, 'home', 1),
      slotDocument(app, 'feed', 1),
    ]),
    listDocument(1, ['news', 'shop']),
  )

const at = (app: string, code: string, revision = 2) => slotDocument(app, code, revision)

test.each<[string, () => Promise<void>, string]>([
  ["another slot's", () => putText(channel, at('shop', 'home'), sealed(at('shop', 'feed'))), 'shop/home'],
  ["another app's", () => putText(channel, at('shop', 'home'), sealed(at('news', 'home'))), 'shop/home'],
  ['settings', () => putText(channel, at('shop', 'home'), sealed(settingsDocument('shop', 2))), 'shop/home'],
  ['the list of apps', () => putText(channel, at('shop', 'home'), sealed(listDocument(2, []))), 'shop/home'],
  ['nonsense', () => putText(channel, at('shop', 'home'), 'nonsense'), 'shop/home'],
  [
    'an older one than its line says',
    () => putText(channel, at('shop', 'home', 3), sealed(at('shop', 'home'))),
    'shop/home',
  ],
  [
    "another app's settings",
    () => putText(channel, settingsDocument('shop', 2), sealed(settingsDocument('news', 9))),
    `shop/${SETTINGS}`,
  ],
  ["a slot's", () => putText(channel, settingsDocument('shop', 2), sealed(at('shop', 'home'))), `shop/${SETTINGS}`],
])(
  'a starting node that finds %s in the place of a document waits for a while, then serves the rest',
  async (_what, spoil, name) => {
    await putApps()
    await spoil()
    const sync = await start(WITH_GRACE)
    expect(sync.ready).toBe(false)
    expect(sync.status()).toMatchObject({ unreadable: 1, unreadableNames: [name] })
    const problem = readinessReply(await examine(distributionChecks(sync)))
    expect(problem.status).toBe(503)
    expect(problem.body).toContain(name)

    await sync.untilReady()
    expect(shownIn(sync, 'news', 'home')).toBe('home-1')
    expect(shownIn(sync, 'shop', 'feed')).toBe('feed-1')
    expect(sync.table.slot('shop', 'feed')).toBeDefined()
    const { status, body } = readinessReply(await examine(distributionChecks(sync)))
    expect(status).toBe(200)
    expect(JSON.parse(body!).warnings).toEqual([expect.stringContaining(name)])

    await put(channel, at('shop', 'home', 4), settingsDocument('shop', 4))
    await until('it is in step', () => sync.status().stalenessMs !== null)
    expect(sync.status()).toMatchObject({ unreadable: 0, unreadableNames: [] })
    expect(shownIn(sync, 'shop', 'home')).toBe('home-4')
  },
)

test.each<[string, () => Promise<void>]>([
  ['the list of apps is another document', () => putText(channel, listDocument(2, []), sealed(at('shop', 'home')))],
  ['nothing of an app is there yet', () => put(channel, listDocument(2, ['news', 'other', 'shop']))],
])('a starting node waits, however long, while %s', async (_what, spoil) => {
  await putApps()
  await spoil()
  const sync = await start({ ...WITH_GRACE, grace: 0 })
  const { missing, forged } = sync.status()
  await until('it has tried again', () => {
    const now = sync.status()
    return now.missing + now.forged > missing + forged + 3
  })
  expect(sync.ready).toBe(false)
  await put(channel, settingsDocument('other', 1), listDocument(3, ['news', 'other', 'shop']))
  await sync.untilReady()
})

test('a ready node keeps its copy of a document that is overwritten, and lists the document in its heartbeats', async () => {
  await putApps()
  const sync = await start(ONLY_NOTIFICATIONS)
  const told = async () => (await channel.heartbeats(60_000))[0]?.unreadable
  await until('it beats', async () => (await told())?.length === 0)
  await putText(channel, at('shop', 'home'), sealed(at('shop', 'feed')))
  await until('it tells', async () => (await told())?.[0] === 'shop/home')
  expect(shownIn(sync, 'shop', 'home')).toBe('home-1')
  expect(sync.ready).toBe(true)
})

test('a document that no manifest names and no table has is not listed as unreadable', async () => {
  await putApps()
  const sync = await start(ONLY_COMPARISONS)
  const { channel: deaf, listener } = withoutNotifications(channel)
  const other = await start(ONLY_COMPARISONS, deaf)
  listener().changed({ app: 'shop', code: 'nothing' })
  listener().changed({ app: 'nobody', code: 'nothing' })
  await until('it was looked for', () => other.status().missing >= 2)
  await until('it is forgotten', () => other.status().unreadable === 0)
  expect(sync.status().unreadable).toBe(0)
})

test('while the settings of an app are missing, the node answers UNAVAILABLE to an unknown key', async () => {
  await putApps()
  await putText(channel, settingsDocument('shop', 2), 'nonsense')
  const operations = readPersistedOperations(new URL('../../schema/persisted-queries.json', import.meta.url))
  const node = await buildDistribution({
    ...{
      channel,
      keys: testKeys,
      node: 'n1',
      verify: tokenVerifier(tokenSettings),
      operations,
      laneFields: ['decisions'],
    },
    ...{ now: Date.now, random: Math.random, log: createLogger('silent', 'test'), intervals: { ...WITH_GRACE } },
  })
  stops.push(() => node.stop())
  await node.sync.untilReady()
  const codeFor = async (key: string) => {
    const headers = { 'x-app-key': key, 'content-type': 'application/json' }
    const variables = { app: 'shop', slots: ['home'] }
    const persistedQuery = { version: 1, sha256Hash: operationIds().Decisions }
    const body = async () => JSON.stringify({ variables, extensions: { persistedQuery } })
    const request = { method: 'POST', path: '/graphql', search: '', headers, requestId: 'test', body }
    const reply = await node.lane.handle(request)
    return /"code":"(\w+)"/.exec(reply.body ?? '')?.[1]
  }
  expect(await codeFor('of the shop')).toBe('UNAVAILABLE')
  await put(channel, settingsDocument('shop', 3, { keys: [{ hash: sha256('of the shop'), expiresAt: null }] }))
  await until('the settings are held', () => !node.sync.lacksSettings && node.sync.table.settings('shop') !== undefined)
  expect(await codeFor('of nobody')).toBe('UNAUTHENTICATED')
  expect(await codeFor('of the shop')).not.toBe('UNAUTHENTICATED')
})

test('an interrupted load keeps what it has fetched, and continues with what is missing', async () => {
  const codes = Array.from({ length: 300 }, (_, n) => `slot-${n}`)
  await put(
    channel,
    listDocument(1, ['shop']),
    settingsDocument('shop', 1),
    ...codes.map((code) => at('shop', code, 1)),
  )
  const flaky = watched(channel)
  flaky.failing = (name) => (name === 'shop/slot-250' ? outage() : undefined)
  const sync = await start(ONLY_COMPARISONS, flaky.channel)
  expect(sync.ready).toBe(false)
  expect(shownIn(sync, 'shop', 'slot-0')).toBe('slot-0-1')
  expect(shownIn(sync, 'shop', 'slot-299')).toBeUndefined()
  flaky.failing = () => undefined
  flaky.read.length = 0
  await sync.untilReady()
  expect(flaky.read).not.toContain('shop/slot-0')
  expect(shownIn(sync, 'shop', 'slot-299')).toBe('slot-299-1')
})

test('an interrupted reload keeps what it has fetched, and continues with the rest', async () => {
  const codes = Array.from({ length: 300 }, (_, n) => `slot-${n}`)
  await put(
    channel,
    listDocument(1, ['shop']),
    settingsDocument('shop', 1),
    ...codes.map((code) => at('shop', code, 1)),
  )
  const flaky = watched(channel)
  const { channel: deaf, listener } = withoutNotifications(flaky.channel)
  const sync: Sync = await start({ ...ONLY_NOTIFICATIONS, compare: 30 }, deaf)
  let cut = 0
  flaky.failing = (name) => {
    if (name !== 'shop/slot-250') return undefined
    cut += 1
    return outage()
  }
  // Behind the manifest's back: only a reload finds it.
  const lines = await channel.manifest('shop')
  flaky.channel.manifest = async () => lines
  await put(channel, at('shop', 'slot-0', 2), at('shop', 'slot-299', 2))
  flaky.read.length = 0
  listener().interrupted()
  await until('the reload was cut off twice', () => cut >= 2)
  expect(shownIn(sync, 'shop', 'slot-0')).toBe('slot-0-2')
  flaky.failing = () => undefined
  await until('the reload is done', () => sync.status().reloads === 2)
  expect(shownIn(sync, 'shop', 'slot-299')).toBe('slot-299-2')
  expect(flaky.read.filter((name) => name === 'shop/slot-1')).toHaveLength(1)
})

test('an app that the channel refuses does not stop the other apps from loading', async () => {
  await putApps()
  const flaky = watched(channel)
  flaky.failing = (name) =>
    name === 'news/manifest' ? new ChannelUnavailable('NOPERM', { extent: 'call' }) : undefined
  const sync = await start(WITH_GRACE, flaky.channel)
  await sync.untilReady()
  expect(shownIn(sync, 'shop', 'home')).toBe('home-1')
  flaky.failing = () => undefined
  await until('it is loaded', () => shownIn(sync, 'news', 'home') === 'home-1')
})

test('an app whose server in a Redis Cluster is away, and the list of apps, do not stop the other apps from loading', async () => {
  await putApps()
  const flaky = watched(channel)
  const sync = await start(WITH_GRACE, withoutNotifications(flaky.channel).channel)
  await sync.untilReady()
  const away = (name: string) => name === 'apps' || name.startsWith('news/')
  flaky.failing = (name) => (away(name) ? new ChannelUnavailable('away', { extent: 'app' }) : undefined)
  await put(channel, at('shop', 'home', 2), at('news', 'home', 2))
  await until('the other app is in step', () => shownIn(sync, 'shop', 'home') === 'home-2')
  const cutOffBefore = sync.cutOffMs()
  await until('the node counts as cut off', () => sync.cutOffMs() > cutOffBefore + 200)
  expect(sync.status().unreachableMs).toBeNull()
  expect(shownIn(sync, 'news', 'home')).toBe('home-1')
  flaky.failing = () => undefined
  await until('it is loaded', () => shownIn(sync, 'news', 'home') === 'home-2')
})

test('thousands of problems write a bounded number of log lines, however often they are reported', async () => {
  const codes = Array.from({ length: 3_000 }, (_, n) => `slot-${n}`)
  await put(channel, listDocument(1, ['shop']), settingsDocument('shop', 1))
  for (const code of codes) await putText(channel, at('shop', code, 1), 'nonsense')
  const lines: string[] = []
  const log = { info() {}, warn: (_: unknown, line: string) => void lines.push(line) } as never
  const sync = await start(ONLY_COMPARISONS, channel, log)
  await until('all were met five times', () => sync.status().corrupt >= 15_000, { within: 20_000 })
  expect(lines.length).toBeLessThan(60)
})
