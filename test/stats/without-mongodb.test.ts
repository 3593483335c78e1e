// Stats while MongoDB is down: events stay in Redis until it is back, so apps can keep sending them.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { tokenVerifier } from '../../common/access/tokens.ts'
import type { EventStream } from '../../common/channel/event-stream.ts'
import { connectRedisEventStream } from '../../common/channel/redis-event-stream.ts'
import type { Services } from '../../common/command/services.ts'
import type { HttpRequest } from '../../common/http/server.ts'
import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import { connectStore } from '../../common/store/store.ts'
import { startEmbeddedServer } from '../../embedded/server.ts'
import { mintEventToken } from '../../engine/publication/event-token.ts'
import { createStats, type Stats } from '../../subgraphs/stats/app.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { planApp } from '../support/stats.ts'
import { testServices, tokenSettings } from '../support/subgraphs.ts'
import { until } from '../support/until.ts'

const operations = readPersistedOperations(new URL('../../schema/persisted-queries.json', import.meta.url))
const recordEvents = [...operations.values()].find(({ name }) => name === 'RecordEvents')!

describeWithRedis('Stats without MongoDB', () => {
  let dataDir: string
  let server: Awaited<ReturnType<typeof startEmbeddedServer>>
  let redis: TestRedis
  let stream: EventStream
  let services: Services
  let stats: Stats
  let token: string
  const start = () =>
    createStats(services, {
      stream,
      operations,
      laneFields: ['recordEvents'],
      verify: tokenVerifier(tokenSettings),
    }).then((started) => {
      stats = started
    })

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'alkaid-away-'))
    server = await startEmbeddedServer({ dataDir })
    redis = await startRedis()
    stream = await connectRedisEventStream({ url: redis.url })
    services = testServices(await connectStore({ uri: server.uri, now: Date.now }), Date.now)
    const { app, slot, schedule, creative } = await planApp(services.store, 'home', 'UTC', 'known')
    const pins = { schedule: { id: schedule, revision: 1 }, creative: { id: creative, revision: 1 } }
    token = mintEventToken(services.keys, { app, slot, ...pins })
    await start()
  }, 30_000)
  afterAll(async () => {
    await stats.stop()
    await stream.close()
    await services.store.close()
    await redis.stop()
    await server.close()
    await rm(dataDir, { recursive: true, force: true })
  })

  async function send(key: string, id: string) {
    const headers = { 'content-type': 'application/json', 'x-app-key': key }
    const body = JSON.stringify({
      variables: { input: { app: 'home', events: [{ id, type: 'CLICK', token }] } },
      extensions: { persistedQuery: { version: 1, sha256Hash: recordEvents.id } },
    })
    const request = { method: 'POST', path: '/graphql', search: '', headers, requestId: 'test' }
    const reply = await stats.lane.handle({ ...request, body: async () => body } as HttpRequest)
    const { data, errors } = JSON.parse(reply.body!)
    return data?.recordEvents.accepted ?? errors[0].extensions.code
  }

  test('accepts events with a known key that nobody used yet, refuses none permanently, and counts all when MongoDB is back', async () => {
    await server.close()
    expect(await send('known', 'a')).toBe(1)
    expect(await send('unknown', 'b')).toBe('UNAVAILABLE')
    expect(await send('known', 'c')).toBe(1)
    server = await startEmbeddedServer({ dataDir })
    await until('they are folded', async () => (await stream.length()) === 0, { within: 20_000 })
    await until('the key is refused', async () => (await send('unknown', 'd')) === 'UNAUTHENTICATED')
    expect(await send('known', 'e')).toBe(1)
  }, 30_000)
})
