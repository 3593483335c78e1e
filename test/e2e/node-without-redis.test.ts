// Distribution nodes as real processes that start while Redis is away: with a snapshot on disk, and without one.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { sha256 } from '../../common/base/content-hash.ts'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import { operationIds } from '../../scripts/shared/operation-ids.ts'
import { type Command, runFile } from '../support/command.ts'
import { addressOf, listDocument, sealed, settingsDocument, slotDocument } from '../support/documents.ts'
import { freePort } from '../support/ports.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const SECRET = 's'.repeat(32)
const KEY = 'ak_snapshot'

describeWithRedis('a node that starts while Redis is away', () => {
  let redis: TestRedis
  let dataDir: string
  const nodes: Command[] = []

  beforeAll(async () => {
    redis = await startRedis()
    dataDir = await mkdtemp(join(tmpdir(), 'alkaid-snapshot-'))
  })
  afterAll(async () => {
    for (const node of nodes) await node.end('SIGKILL')
    await redis?.stop()
    await rm(dataDir, { recursive: true })
  })

  async function publish(revision: number): Promise<void> {
    const channel = await connectRedisChannel({ url: redis.url })
    const settings = settingsDocument('shop', 1, { keys: [{ hash: sha256(KEY), expiresAt: null }] })
    for (const document of [settings, slotDocument('shop', 'home', revision), listDocument(1, ['shop'])]) {
      await channel.write(addressOf(document), document, sealed(document, deriveSigningKeys(SECRET)))
    }
    await channel.close()
  }

  async function start(port: number, ready: string | RegExp = 'distribution listens at'): Promise<Command> {
    const node = runFile('subgraphs/distribution/index.ts', [], {
      ...{ PORT: `${port}`, METRICS_PORT: '0', DATA_DIR: dataDir, REDIS_URL: redis.url, LOG_LEVEL: 'fatal' },
      ...{ SIGNING_SECRET: SECRET, JWT_SECRET: 'j'.repeat(32), SERVICE_SECRET: 'x'.repeat(32) },
    })
    nodes.push(node)
    await node.until(ready)
    return node
  }

  async function shownAt(port: number): Promise<string> {
    const body = JSON.stringify({
      variables: { app: 'shop', slots: ['home'], context: { userId: 'ann' } },
      extensions: { persistedQuery: { version: 1, sha256Hash: operationIds().Decisions } },
    })
    const headers = { 'content-type': 'application/json', 'x-app-key': KEY }
    const response = await fetch(`http://127.0.0.1:${port}/graphql`, { method: 'POST', headers, body })
    const text = await response.text()
    return `${response.status} ${/home-\d+/.exec(text)?.[0] ?? /"code":"(\w+)"/.exec(text)?.[1]}`
  }

  const readyz = async (port: number) => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`)
    const body = (await response.json()) as {
      warnings?: string[]
      reasons: string[]
      channel?: Record<string, unknown>
    }
    return { status: response.status, ...body }
  }

  test('serves its snapshot when it has one, answers 503 when not, never ends for that, and catches up', async () => {
    await publish(1)
    const [port, fresh] = [await freePort(), await freePort()]
    const first = await start(port)
    const written = async () => (await readyz(port)).channel?.snapshot as { ageMs: number | null } | undefined
    await until('the snapshot is written', async () => typeof (await written())?.ageMs === 'number', { within: 20_000 })
    await first.end('SIGKILL')
    await redis.kill()

    const restarted = await start(port)
    expect(await shownAt(port)).toBe('200 home-1')
    await until('it says that Redis is away', async () => (await readyz(port)).channel?.unreachableMs !== null)
    expect(await readyz(port)).toMatchObject({ status: 200, channel: { source: 'snapshot' } })

    const without = await start(fresh)
    await sleep(4_000) // longer than any other service waits for its first connection, with the start itself
    expect(await readyz(fresh)).toMatchObject({ status: 503, reasons: [expect.stringContaining('no snapshot')] })
    expect(await shownAt(fresh)).toBe('503 UNAVAILABLE')

    await redis.restart()
    await publish(2)
    for (const each of [port, fresh]) {
      await until('it has caught up', async () => (await shownAt(each)) === '200 home-2', { within: 20_000 })
      await until('its source is the channel', async () => (await readyz(each)).channel?.source === 'channel')
    }
    for (const node of [restarted, without]) expect(await node.end('SIGTERM')).toMatchObject({ code: 0 })
  }, 90_000)
})
