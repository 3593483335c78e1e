// What happens to the channel while slots of a Redis Cluster move.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type Channel, ChannelUnavailable } from '../../common/channel/channel.ts'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { describeWithRedis } from '../support/redis.ts'
import { type ClusterServer, startCluster, type TestCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const HOME = { app: 'shop', code: 'home' }
/** Longer than a command may take. Whatever a command leaves behind has failed by then. */
const ALL_FAILED_MS = 2_000

describeWithRedis('The channel while a slot of a Redis Cluster moves to a primary that had none', () => {
  let cluster: TestCluster
  let channel: Channel
  let from: ClusterServer
  let to: ClusterServer
  let slot: number

  beforeAll(async () => {
    cluster = await startCluster({ spare: 1 })
    channel = await connectRedisChannel({ url: cluster.url })
    from = await cluster.primaryOf('{shop}')
    to = cluster.servers.at(-1)!
    slot = await cluster.slotOf('{shop}')
    await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
    await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
  })
  afterEach(() => to.resume())
  afterAll(async () => {
    await channel?.close()
    await cluster?.stop()
  })

  // ASKING fails together with the command that follows it. An unhandled rejection fails a test, and would end a service.
  test('fails a read when that primary is silent, leaves no rejection unhandled, and reads once it answers', async () => {
    to.pause()
    await expect(channel.read([HOME])).rejects.toThrow(ChannelUnavailable)
    await sleep(ALL_FAILED_MS)
    to.resume()
    const read = () => channel.read([HOME]).catch(() => undefined)
    await until('it can be read', async () => (await read())?.length === 1, { within: 10_000 })
  })
})
