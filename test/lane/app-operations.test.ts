// A node and the operations that apps registered: a real node over a channel, asked through its lane.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { execute, parse } from 'graphql'
import { tokenVerifier } from '../../common/access/tokens.ts'
import { createUseCounter } from '../../common/apps/use-counter.ts'
import { sha256 } from '../../common/base/content-hash.ts'
import { createLogger } from '../../common/base/log.ts'
import type { Channel } from '../../common/channel/channel.ts'
import { createInProcessChannel } from '../../common/channel/in-process.ts'
import { createAppOperations } from '../../common/lane/app-operations.ts'
import { DAY_MS } from '../../engine/time/days.ts'
import { buildDistribution, type Distribution } from '../../subgraphs/distribution/app.ts'
import {
  listDocument,
  operationsDocument,
  put,
  settingsDocument,
  slotDocument,
  testKeys,
} from '../support/documents.ts'
import { EVENTS_BODY, entryOf, slotQuery } from '../support/manifests.ts'
import { tokenSettings } from '../support/subgraphs.ts'
import { ONLY_NOTIFICATIONS } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'

const HOME = slotQuery('Home', 'slot creatives { title eventToken data }')
const FEED = slotQuery('Feed', 'reason')
const OF_LATER_VERSION = slotQuery('Later', 'slot aFieldOfLaterVersions')
const listOf = (...bodies: string[]) => bodies.map(entryOf)
const key = (app: string) => `ak_${app}`
const settings = (app: string) => settingsDocument(app, 1, { keys: [{ hash: sha256(key(app)), expiresAt: null }] })

describe('A node', () => {
  let channel: Channel
  let node: Distribution
  let now: number

  const start = async (more: { ownFolder?: string } = {}) => {
    node = await buildDistribution({
      ...{ channel, keys: testKeys, node: 'node-1', operations: new Map(), laneFields: ['decisions'] },
      ...{ verify: tokenVerifier(tokenSettings), now: () => now, random: () => 0, log: createLogger('silent') },
      ...{ intervals: ONLY_NOTIFICATIONS, reportUsesEveryMs: 5, ...more },
    })
  }

  beforeEach(async () => {
    now = Date.parse('2031-05-01T08:00:00Z')
    channel = createInProcessChannel()
    await put(channel, listDocument(1, ['shop', 'news']), settings('shop'), settings('news'))
    await put(channel, slotDocument('shop', 'home', 1), operationsDocument('shop', 2, listOf(HOME)))
    await start()
  })
  afterEach(async () => {
    await node.stop()
    await channel.close()
  })

  async function ask(body: string, app = 'shop') {
    const request = {
      variables: { app, slots: ['home'] },
      extensions: { persistedQuery: { version: 1, sha256Hash: sha256(body) } },
    }
    const reply = await node.lane.handle({
      ...{ method: 'POST', path: '/graphql', search: '', requestId: 'r' },
      headers: { 'x-app-key': key(app), 'content-type': 'application/json' },
      body: async () => JSON.stringify(request),
    })
    const text = reply.body ?? Buffer.from(reply.bytes!).toString()
    return { status: reply.status, text, body: JSON.parse(text) }
  }
  const codeOf = async (body: string, app?: string) => (await ask(body, app)).body.errors?.[0].extensions.code
  const serves = (body: string) => until('the operation is served', async () => (await ask(body)).status === 200)

  test('serves an operation of its app with the same bytes as graphql-js, from the first request on', async () => {
    const { status, text } = await ask(HOME)
    const caller = { principal: null, requestId: 'r', appKey: { app: 'shop' } }
    const answer = await execute({
      schema: node.subgraph.graphQLSchema,
      document: parse(HOME),
      variableValues: { app: 'shop', slots: ['home'] },
      contextValue: { caller },
    })
    expect(answer.errors).toBeUndefined()
    expect([status, text]).toEqual([200, JSON.stringify({ data: answer.data })])
    expect(text).toContain('"title":"home"')
  })

  test('serves an operation to no other app, and no operation that is not in the list', async () => {
    expect(await codeOf(HOME, 'news')).toBe('PERSISTED_QUERY_NOT_IN_LIST')
    expect(await codeOf(FEED)).toBe('PERSISTED_QUERY_NOT_IN_LIST')
  })

  test('serves a new list without a restart, and drops what the new list lacks', async () => {
    await put(channel, operationsDocument('shop', 3, listOf(HOME, FEED, EVENTS_BODY)))
    await serves(FEED)
    expect((await ask(HOME)).status).toBe(200)
    expect(await codeOf(EVENTS_BODY)).toBe('PERSISTED_QUERY_NOT_IN_LIST') // stats answers it
    await put(channel, operationsDocument('shop', 4, listOf(FEED)))
    await until('the operation is dropped', async () => (await codeOf(HOME)) === 'PERSISTED_QUERY_NOT_IN_LIST')
    expect((await ask(FEED)).status).toBe(200)
    await put(channel, operationsDocument('shop', 5, []))
    await until('no operation is left', async () => (await codeOf(FEED)) === 'PERSISTED_QUERY_NOT_IN_LIST')
  })

  test('serves the rest of a list in which an operation does not fit its schema or is broken, and reports these', async () => {
    const broken = { id: 'f'.repeat(64), name: 'Broken', body: 'query {' }
    await put(channel, operationsDocument('shop', 3, [...listOf(OF_LATER_VERSION, FEED), broken]))
    await serves(FEED)
    expect(await codeOf(OF_LATER_VERSION)).toBe('PERSISTED_QUERY_NOT_IN_LIST')
    const { unusable, warning } = await node.checks.operations!()
    expect([unusable, warning]).toEqual([
      2,
      '2 operations of apps do not fit the schema of this node, and are not served: shop: Later, shop: Broken. Start the same version of Alkaid everywhere',
    ])
    await put(channel, operationsDocument('shop', 4, listOf(FEED)))
    await until('the warning is over', async () => (await node.checks.operations!()).warning === undefined)
  })

  test('keeps its list when a document without a list comes, though it is signed', async () => {
    await put(channel, { ...operationsDocument('shop', 3), operations: 'none' as never })
    await until('the document was read', () => node.sync.status().corrupt > 0)
    expect((await ask(HOME)).status).toBe(200)
  })

  test('serves the operations in its snapshot on disk while the channel is away', async () => {
    const ownFolder = await mkdtemp(join(tmpdir(), 'alkaid-operations-'))
    await node.stop()
    await start({ ownFolder })
    await until('the snapshot is written', () => (node.sync.status().snapshot?.bytes ?? 0) > 0)
    await node.stop()
    await channel.close()
    await start({ ownFolder })
    expect((await ask(HOME)).status).toBe(200)
    await rm(ownFolder, { recursive: true })
  })

  test('reports how often each app used which operation, and reports the rest when it ends', async () => {
    const usesOf = async () => {
      const [report] = await channel.useReports()
      return report?.days.map(({ day, apps }) => [day, apps.shop?.[sha256(HOME)]])
    }
    for (let times = 0; times < 3; times += 1) await ask(HOME)
    await ask(FEED) // refused, so it is no use
    const today = Math.floor(now / DAY_MS) * DAY_MS
    await until('three uses are reported', async () => (await usesOf())?.[0]?.[1] !== undefined)
    expect(await usesOf()).toEqual([[today, [3, now]]])
    now += DAY_MS
    await ask(HOME)
    await node.stop()
    expect(await usesOf()).toEqual([
      [today + DAY_MS, [1, now]],
      [today, [3, now - DAY_MS]],
    ])
    const [report] = await channel.useReports()
    expect(report).toMatchObject({ reporter: 'node-1' })
    expect(Object.keys(report!.days[0]!.apps.shop!)).toEqual([sha256(HOME)])
    await start()
  })
})

describe('Compiled operations', () => {
  test('stay the same object in the next list, so that what they have written once is kept', async () => {
    const { subgraph, stop } = await buildDistribution({
      ...{ channel: createInProcessChannel(), keys: testKeys, node: 'node', operations: new Map() },
      ...{ laneFields: [], verify: tokenVerifier(tokenSettings), now: Date.now, random: () => 0 },
      log: createLogger('silent'),
    })
    const options = { schema: subgraph.graphQLSchema, rootFields: ['decisions'], log: createLogger('silent') }
    const compiled = createAppOperations(options)
    compiled.update({ app: 'shop', version: '1', operations: listOf(HOME) })
    await compiled.settled()
    const first = compiled.of('shop')!.get(sha256(HOME))
    for (const version of ['2', '3', '4']) {
      // Version 3 never gets its turn: version 4 replaces it while version 2 is compiled.
      compiled.update({ app: 'shop', version, operations: version === '3' ? [] : listOf(FEED, HOME) })
    }
    expect(compiled.versionOf('shop')).toBe('1') // serves until the next one is compiled as a whole
    await compiled.settled()
    expect(compiled.versionOf('shop')).toBe('4')
    expect([...compiled.of('shop')!.keys()]).toEqual([sha256(FEED), sha256(HOME)])
    expect(compiled.of('shop')!.get(sha256(HOME))).toBe(first)
    expect(compiled.of('news')).toBeUndefined()
    await stop()
  })
})

describe('The counter of uses', () => {
  test('keeps today and yesterday, and no day before', () => {
    let now = 10 * DAY_MS + 5
    const counter = createUseCounter('node', () => now)
    counter.count('shop', 'a')
    counter.count('shop', 'a')
    now = 11 * DAY_MS
    expect(counter.report().days).toEqual([
      { day: 11 * DAY_MS, apps: {} },
      { day: 10 * DAY_MS, apps: { shop: { a: [2, 10 * DAY_MS + 5] } } },
    ])
    now = 13 * DAY_MS
    expect(counter.report().days).toEqual([{ day: 13 * DAY_MS, apps: {} }])
  })

  test('counts at most 10,000 pairs of an app and an operation on one day, and says once that there are more', () => {
    let full = 0
    const counter = createUseCounter(
      'node',
      () => 0,
      () => (full += 1),
    )
    for (let index = 0; index < 10_010; index += 1) counter.count(`app-${index % 100}`, `operation-${index}`)
    counter.count('app-0', 'operation-0')
    const { apps } = counter.report().days[0]!
    expect(Object.values(apps).reduce((sum, uses) => sum + Object.keys(uses).length, 0)).toBe(10_000)
    expect([full, apps['app-0']!['operation-0']]).toEqual([1, [2, 0]])
  })
})
