import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { tokenVerifier } from '../../common/access/tokens.ts'
import { createMetrics } from '../../common/base/metrics.ts'
import type { Services } from '../../common/command/services.ts'
import type { HttpRequest } from '../../common/http/server.ts'
import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import { mintEventToken } from '../../engine/publication/event-token.ts'
import { createStats, type Stats } from '../../subgraphs/stats/app.ts'
import { rollups } from '../../subgraphs/stats/repository.ts'
import { readsDuring } from '../support/reads.ts'
import { NOW, type PlannedApp, planApp } from '../support/stats.ts'
import { describeEachStore } from '../support/stores.ts'
import { testServices, tokenSettings } from '../support/subgraphs.ts'
import { until } from '../support/until.ts'

const operations = readPersistedOperations(new URL('../../schema/persisted-queries.json', import.meta.url))
const recordEvents = [...operations.values()].find(({ name }) => name === 'RecordEvents')!

describeEachStore('Stats, put together', (open) => {
  let services: Services
  let stats: Stats
  let home: PlannedApp
  beforeAll(async () => {
    services = { ...testServices(await open(), () => NOW), metrics: createMetrics() }
    home = await planApp(services.store, 'home', 'UTC', 'the key of home')
    stats = await createStats(services, {
      stream: undefined,
      operations,
      laneFields: ['recordEvents'],
      verify: tokenVerifier(tokenSettings),
    })
  })
  afterAll(() => stats.stop())

  const send = async (key: string, ids: readonly string[], given?: string) => {
    const { app, slot, schedule, creative } = home
    const pins = { schedule: { id: schedule, revision: 1 }, creative: { id: creative, revision: 1 } }
    const token = given ?? mintEventToken(services.keys, { app, slot, ...pins })
    const events = ids.map((id) => ({ id, type: 'IMPRESSION', token }))
    const body = JSON.stringify({
      variables: { input: { app, events } },
      extensions: { persistedQuery: { version: 1, sha256Hash: recordEvents.id } },
    })
    const headers = { 'content-type': 'application/json', 'x-app-key': key }
    const request = { method: 'POST', path: '/graphql', search: '', headers, requestId: 'test' }
    return stats.lane.handle({ ...request, body: async () => body } as HttpRequest)
  }
  const counted = async () => {
    const question = { unit: 'DAY', by: 'schedule', app: 'home', limit: 1 } as const
    const [sum] = await rollups.byPeriod(services.store, { ...question, from: NOW - 3_600_000, to: NOW + 1 })
    return sum?.impressions ?? 0
  }

  test('events that an app sends over the lane with its key are counted without further calls', async () => {
    const reply = await send('the key of home', ['a', 'b', 'c'])
    const answer = JSON.parse(reply.body!)
    expect(answer.data.recordEvents).toMatchObject({ accepted: 3, forged: 0, future: 0, expired: 0 })
    await until('it is counted', async () => (await counted()) === 3)
  })

  test('the metrics say how many events were accepted, and how many were refused', async () => {
    const metric = async (outcome: string) => {
      const text = await services.metrics!.registry.getSingleMetricAsString('alkaid_stats_recorded_events_total')
      return Number(new RegExp(`{outcome="${outcome}"} (\\d+)`).exec(text)![1])
    }
    const [accepted, forged] = [await metric('accepted'), await metric('forged')]
    await send('the key of home', ['a', 'b'])
    await send('the key of home', ['forged'], 'forged')
    expect([await metric('accepted'), await metric('forged')]).toEqual([accepted + 2, forged + 1])
  })

  test('a wrong key records nothing', async () => {
    const reply = await send('another key', ['d'])
    expect(JSON.parse(reply.body!).errors[0].extensions.code).toBe('UNAUTHENTICATED')
    await stats.worker.drain()
    expect(await counted()).toBe(3)
  })

  test('five hundred preflights and a thousand made-up keys cost MongoDB nothing each', async () => {
    const preflight = (origin: string) => {
      const headers = { origin, 'access-control-request-method': 'POST' }
      return stats.lane.handle({ method: 'OPTIONS', path: '/graphql', search: '', headers, requestId: 'test' } as never)
    }
    const { reads } = await readsDuring(services.store, async () => {
      const asked = Array.from({ length: 500 }, (_, n) => preflight(`https://shop-${n}.example`))
      expect(new Set((await Promise.all(asked)).map(({ status }) => status))).toEqual(new Set([403]))
      const sent = Array.from({ length: 1_000 }, (_, n) => send(`made up ${n}`, ['x']))
      expect(new Set((await Promise.all(sent)).map(({ status }) => status))).toEqual(new Set([401]))
    })
    expect(reads.apps?.reads ?? 0).toBeLessThan(10)
  })

  test('events that were not folded before the end are folded after the next start', async () => {
    await stats.worker.stop()
    await send('the key of home', ['e'])
    expect(await counted()).toBe(3)
    await stats.stop()
    stats = await createStats(
      { ...services, metrics: createMetrics() },
      {
        stream: undefined,
        operations,
        laneFields: ['recordEvents'],
        verify: tokenVerifier(tokenSettings),
      },
    )
    await until('it is counted', async () => (await counted()) === 4)
  })
})
