import { afterAll, beforeAll } from '@jest/globals'
import { createInProcessChannel } from '../../common/channel/in-process.ts'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { describeChannel } from '../support/channel-suite.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { startCluster, type TestCluster } from '../support/redis-cluster.ts'
import { startSentinel, type TestSentinel } from '../support/redis-sentinel.ts'

describeChannel('The channel in process', {
  async open() {
    const channel = createInProcessChannel()
    return { writer: channel, reader: channel }
  },
  openAlone: async () => createInProcessChannel(),
})

describeWithRedis('The channel over Redis', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis.stop())

  const connect = (path = '') => connectRedisChannel({ url: redis.url + path })
  describeChannel('in database 0', {
    open: async () => ({ writer: await connect(), reader: await connect() }),
    openAlone: () => connect(),
  })
  describeChannel('in another database', {
    open: async () => ({ writer: await connect('/3'), reader: await connect('/3') }),
    openAlone: () => connect('/3'),
  })
})

describeWithRedis('The channel over a Redis that Sentinel watches', () => {
  let sentinel: TestSentinel
  beforeAll(async () => {
    sentinel = await startSentinel()
  })
  afterAll(() => sentinel.stop())

  const connect = () => connectRedisChannel({ url: sentinel.url })
  describeChannel('as a whole', {
    open: async () => ({ writer: await connect(), reader: await connect() }),
    openAlone: connect,
  })
})

describeWithRedis('The channel over a Redis Cluster', () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())

  const connect = () => connectRedisChannel({ url: cluster.url })
  describeChannel('as a whole', {
    open: async () => ({ writer: await connect(), reader: await connect() }),
    openAlone: connect,
  })
})
