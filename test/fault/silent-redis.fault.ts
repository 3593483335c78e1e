// Invariant 6: staleness is visible within three seconds. Redis is frozen: its connections stay open, and nothing answers.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { type Installation, startInstallation } from './support/installation.ts'
import { seededRandom } from './support/seed.ts'

const TIMES = 4
/** The promise is 3 s. The rest is room for a busy machine. */
const VISIBLE_MS = 4_000

describeWithRedis('When Redis falls silent', () => {
  const { random } = seededRandom('silent-redis')
  let alkaid: Installation

  beforeAll(async () => {
    alkaid = await startInstallation({ without: ['stats', 'creative', 'strategy', 'audit', 'gateway'] })
  })
  afterAll(() => alkaid?.stop())

  const node = () => alkaid.get('distribution')
  async function warnings(): Promise<string[]> {
    const response = await fetch(`${node().url}/readyz`)
    expect(response.status).toBe(200) // it goes on serving
    return ((await response.json()) as { warnings: string[] }).warnings
  }
  const saysSo = async () =>
    (await warnings()).some((warning) => warning.startsWith('channel: the channel has not answered'))
  async function reachable(): Promise<string | undefined> {
    const metrics = await (await fetch(`${node().metricsUrl}/metrics`)).text()
    return /^alkaid_distribution_channel_reachable (\d)/m.exec(metrics)?.[1]
  }

  test('a node says so in /readyz and in its metrics within 3 s, and takes it back when Redis goes on', async () => {
    const times: number[] = []
    for (let time = 0; time < TIMES; time++) {
      await until('the node reaches Redis', async () => !(await saysSo()), { within: 10_000 })
      await sleep(random() * 2_000)
      const began = Date.now()
      alkaid.redis.pause()
      try {
        await until('the node says so', saysSo, { within: 10_000 })
        times.push(Date.now() - began)
        expect(await reachable()).toBe('0')
      } finally {
        alkaid.redis.resume()
      }
    }
    await until('the metric takes it back', async () => (await reachable()) === '1', { within: 10_000 })
    process.stderr.write(`silent-redis: said after ${times} ms\n`)
    expect(Math.max(...times)).toBeLessThanOrEqual(VISIBLE_MS)
  })
})
