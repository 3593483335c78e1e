// The channel and a node over Sentinel and over a Redis Cluster, with real servers: failovers, slots that move, notifications of every
// primary.

import { afterEach, expect, test } from '@jest/globals'
import type { Channel } from '../../common/channel/channel.ts'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { type Sync, startSync } from '../../subgraphs/distribution/sync.ts'
import { listDocument, put, settingsDocument, slotDocument, testKeys } from '../support/documents.ts'
import { describeWithRedis } from '../support/redis.ts'
import { startCluster, type TestCluster } from '../support/redis-cluster.ts'
import { startSentinel } from '../support/redis-sentinel.ts'
import { ONLY_NOTIFICATIONS, shownIn, silent } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'

const WITHIN = { within: 30_000 }
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function connect(url: string): Promise<Channel> {
  const channel = await connectRedisChannel({ url })
  stops.push(() => channel.close())
  return channel
}

/** A node that hears of changes by notifications alone. After an interruption it reloads. */
async function startNode(channel: Channel): Promise<Sync> {
  const intervals = { ...ONLY_NOTIFICATIONS, retry: 100 }
  const sync = await startSync({ channel, keys: testKeys, node: 'n1', log: silent, intervals })
  stops.push(() => sync.stop())
  await sync.untilReady()
  return sync
}

const shop = (app: string) => [settingsDocument(app, 1), slotDocument(app, 'home', 1)]
const isServed = (sync: Sync, app: string, id: string) =>
  until(`${id} of ${app} is served`, () => shownIn(sync, app, 'home') === id, WITHIN)

/** Writes until it is accepted: during a failover nobody takes writes. */
const putAgain = (channel: Channel, app: string, revision: number) =>
  until(
    'it is written',
    () =>
      put(channel, slotDocument(app, 'home', revision)).then(
        () => true,
        () => false,
      ),
    WITHIN,
  )

describeWithRedis('Sentinel', () => {
  test('the channel follows a failover, and nodes hear of what is published at the new primary', async () => {
    const group = await startSentinel()
    stops.push(() => group.stop())
    const [writer, reader] = [await connect(group.url), await connect(group.url)]
    await put(writer, ...shop('shop'), listDocument(1, ['shop']))
    const sync = await startNode(reader)
    await put(writer, slotDocument('shop', 'home', 2))
    await isServed(sync, 'shop', 'home-2')

    await (await group.primary()).kill()
    await putAgain(writer, 'shop', 3)
    await isServed(sync, 'shop', 'home-3')
    await until('it hears the new primary', async () => sync.status().interruptions > 0, WITHIN)
    await put(writer, slotDocument('shop', 'home', 4))
    await isServed(sync, 'shop', 'home-4')
    expect(await reader.manifest('shop')).toEqual(await writer.manifest('shop'))
    await writer.beat({ node: 'n2', at: Date.now(), ready: true, digests: {}, changed: {} })
    expect((await writer.heartbeats(60_000)).map(({ node }) => node).sort()).toEqual(['n1', 'n2'])
  })
})

describeWithRedis('A Redis Cluster', () => {
  /** Three apps, each on another primary. */
  async function appsOnEach(cluster: TestCluster): Promise<string[]> {
    const apps = new Map<number, string>()
    for (let at = 0; apps.size < 3; at += 1) apps.set((await cluster.primaryOf(`{app-${at}}`)).port, `app-${at}`)
    return cluster.servers.slice(0, 3).map(({ port }) => apps.get(port)!)
  }

  test('notifications of every primary arrive, also from slots that moved and from a replica that took over', async () => {
    const cluster = await startCluster({ replicas: 1 })
    stops.push(() => cluster.stop())
    const [writer, reader] = [await connect(cluster.url), await connect(cluster.url)]
    const apps = await appsOnEach(cluster)
    await put(writer, ...apps.flatMap(shop), listDocument(1, apps))
    const sync = await startNode(reader)
    for (const app of apps) {
      await put(writer, slotDocument(app, 'home', 2))
      await isServed(sync, app, 'home-2')
    }
    expect(sync.status()).toMatchObject({ interruptions: 0, missing: 0, failures: 0 })

    // The slot of the second app moves to the third primary.
    const [replaced, moved] = [apps[0]!, apps[1]!]
    const third = cluster.servers[2]!
    await cluster.moveSlot(await cluster.slotOf(`{${moved}}`), third)
    expect(await cluster.primaryOf(`{${moved}}`)).toBe(third)
    await putAgain(writer, moved, 3)
    await isServed(sync, moved, 'home-3')
    expect(await reader.manifest(moved)).toEqual(
      new Map([
        ['@app', '1.1'],
        ['home', '1.3'],
      ]),
    )

    // The first primary dies, and its replica takes over.
    const first = cluster.servers[0]!
    await first.kill()
    await until(
      'the replica has taken over',
      async () => (await cluster.primaryOf(`{${replaced}}`))?.id === cluster.servers[3]!.id,
      WITHIN,
    )
    await putAgain(writer, replaced, 4)
    await isServed(sync, replaced, 'home-4')
    await until('it listens to the new primary', () => sync.status().interruptions > 0, WITHIN)
    await putAgain(writer, replaced, 5)
    await isServed(sync, replaced, 'home-5')
    for (const app of apps) expect(await reader.manifest(app)).toEqual(await writer.manifest(app))
    await until('it beats', async () => (await writer.heartbeats(60_000)).some(({ node }) => node === 'n1'), WITHIN)
  })
})
