// Several distribution nodes behind one port (`--workers`), as real processes.

import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { sha256 } from '../../common/base/content-hash.ts'
import type { Channel } from '../../common/channel/channel.ts'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import { operationIds } from '../../scripts/shared/operation-ids.ts'
import { type Command, runFile } from '../support/command.ts'
import { addressOf, listDocument, sealed, settingsDocument, slotDocument } from '../support/documents.ts'
import { freePort } from '../support/ports.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const SECRET = 's'.repeat(32)
const KEY = 'ak_workers'
const body = JSON.stringify({
  variables: { app: 'shop', slots: ['home'], context: { userId: 'ann' } },
  extensions: { persistedQuery: { version: 1, sha256Hash: operationIds().Decisions } },
})

type Readyz = {
  ready: boolean
  reasons: string[]
  warnings: string[]
  workers: Record<string, { pid: number; ready: boolean; takesRequests: boolean }>
}

describeWithRedis('distribution with two workers', () => {
  let redis: TestRedis
  let channel: Channel
  let dataDir: string
  let node: Command
  let url: string
  let metricsUrl: string

  beforeAll(async () => {
    redis = await startRedis()
    dataDir = await mkdtemp(join(tmpdir(), 'alkaid-workers-'))
    channel = await connectRedisChannel({ url: redis.url })
    const keys = deriveSigningKeys(SECRET)
    const settings = settingsDocument('shop', 1, {
      keys: [{ hash: sha256(KEY), expiresAt: null }],
      requestsPerSecond: 1e6,
    })
    for (const document of [settings, slotDocument('shop', 'home', 1), listDocument(1, ['shop'])]) {
      await channel.write(addressOf(document), document, sealed(document, keys))
    }
    node = start(['--workers', '2'])
    const line = await node.until('distribution listens at')
    url = /listens at (http:\S+) with 2 workers/.exec(line)![1]!
    metricsUrl = /metrics: (http:\S+)\/metrics/.exec(line)![1]!
    await until('both are ready', async () => (await readyWorkers()).length === 2, { within: 20_000 })
  }, 60_000)
  afterAll(async () => {
    await node?.end('SIGTERM')
    await channel?.close()
    await redis?.stop()
    await rm(dataDir, { recursive: true })
  })

  function start(args: string[], env: Record<string, string> = {}): Command {
    return runFile('subgraphs/distribution/index.ts', args, {
      ...{ PORT: '0', METRICS_PORT: '0', DATA_DIR: dataDir, REDIS_URL: redis.url, DRAIN_SECONDS: '0.5' },
      ...{ SIGNING_SECRET: SECRET, JWT_SECRET: 'j'.repeat(32), SERVICE_SECRET: 'x'.repeat(32), LOG_LEVEL: 'fatal' },
      ...env,
    })
  }

  const readyz = async () => (await (await fetch(`${metricsUrl}/readyz`)).json()) as Readyz
  const readyWorkers = async () =>
    Object.values((await readyz()).workers).filter(({ ready, takesRequests }) => ready && takesRequests)
  const metric = async (name: string) => {
    const found = new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(
      await (await fetch(`${metricsUrl}/metrics`)).text(),
    )
    return found ? Number(found[1]) : undefined
  }
  const answer = async () => {
    const headers = { 'content-type': 'application/json', 'x-app-key': KEY, connection: 'close' }
    return (await fetch(`${url}/graphql`, { method: 'POST', headers, body })).text()
  }

  test('both answer, each with a heartbeat of its own, and the port of the metrics speaks for both', async () => {
    expect(await answer()).toContain('"MATCHED"')
    const { ready, reasons, workers } = await readyz()
    expect({ ready, reasons }).toEqual({ ready: true, reasons: [] })
    expect(Object.keys(workers)).toEqual(['1', '2'])
    expect(new Set([node.pid, ...Object.values(workers).map(({ pid }) => pid)]).size).toBe(3)
    await until('both beat', async () => (await channel.heartbeats(5_000)).filter((one) => one.ready).length === 2)

    expect(await metric('alkaid_distribution_workers')).toBe(2)
    expect(await metric('alkaid_distribution_ready')).toBe(1)
    expect(await metric('alkaid_distribution_slots')).toBe(1)
    const handled = async () => (await metric('alkaid_graphql_operation_duration_seconds_count')) ?? 0
    const documents = await metric('alkaid_distribution_documents_total')
    expect(documents).toBe(6) // three documents in each worker
    expect(await handled()).toBe(0) // the lane runs no executor
  })

  test('a publication reaches both', async () => {
    const publication = slotDocument('shop', 'home', 2)
    await channel.write(addressOf(publication), publication, sealed(publication, deriveSigningKeys(SECRET)))
    await until('both serve it', async () => {
      const beats = await channel.heartbeats(5_000)
      return beats.length === 2 && beats.every(({ changed }) => changed['shop/home'] === '1.2')
    })
  })

  test('a worker that is killed is replaced, and meanwhile the other one answers every new connection', async () => {
    const before = (await readyWorkers()).map(({ pid }) => pid)
    process.kill(before[0]!, 'SIGKILL')
    await until('the primary notices it', async () => (await readyWorkers()).every(({ pid }) => pid !== before[0]))
    let asked = 0
    await until(
      'it is replaced',
      async () => {
        expect(await answer()).toContain('"MATCHED"')
        asked += 1
        return (await readyWorkers()).filter(({ pid }) => pid !== before[0]).length === 2
      },
      { within: 20_000 },
    )
    expect(asked).toBeGreaterThan(0)
    expect(await metric('alkaid_distribution_worker_restarts_total')).toBe(1)
    expect(await metric('alkaid_distribution_workers')).toBe(2)
  }, 40_000)

  test('SIGTERM fails no request: the workers go on for DRAIN_SECONDS, and the primary ends after them', async () => {
    const pids = (await readyWorkers()).map(({ pid }) => pid)
    const load = startLoad(`${url}/graphql`)
    await until('requests are answered', () => load.answered() > 50)
    const ended = node.end('SIGTERM')
    await until('it says that it ends', async () => !(await readyz()).ready)
    await sleep(200)
    const { failures } = await load.stop()
    expect(failures).toEqual([])
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  }, 40_000)

  test('workers end when the primary is killed', async () => {
    const other = start([], { DISTRIBUTION_WORKERS: '2' })
    const line = await other.until(/listens at .* with 2 workers/)
    metricsUrl = /metrics: (http:\S+)\/metrics/.exec(line)![1]!
    await until('both are ready', async () => (await readyWorkers()).length === 2, { within: 20_000 })
    const pids = (await readyWorkers()).map(({ pid }) => pid)
    await other.end('SIGKILL')
    await until('they are gone', () => pids.every((pid) => !isAlive(pid)), { within: 20_000 })
  }, 40_000)

  test('says in one line what is wrong, also when a worker finds it', async () => {
    const port = await freePort()
    const [wrong, empty, unknown, taken] = await Promise.all([
      start(['--workers', 'x']).ended,
      start(['--workers', '']).ended,
      runFile('gateway/index.ts', ['--workers', '2']).ended,
      (async () => {
        const first = start([], { PORT: `${port}` })
        await first.until('listens at')
        const second = await start(['--workers', '2'], { PORT: `${port}` }).ended
        await first.end('SIGTERM')
        return second
      })(),
    ])
    expect([wrong!.code, wrong!.stderr.trim()]).toEqual([
      1,
      'DISTRIBUTION_WORKERS: expected a whole number from 1 to 256, or auto (one for each core), not "x"',
    ])
    expect([empty!.code, empty!.stderr]).toEqual([1, expect.stringContaining('--workers: expected a value')])
    expect([unknown!.code, unknown!.stderr]).toEqual([1, expect.stringContaining('--workers: only distribution')])
    expect(taken).toMatchObject({ code: 1, stdout: '' })
    expect(taken!.stderr.trim()).toBe(`PORT: the port ${port} (distribution) is already in use; expected a free port`)
  }, 60_000)
})

/** Four clients on kept-alive connections. A client that reads `connection: close` opens the next one while the port is open. */
function startLoad(url: string) {
  const agent = new Agent({ keepAlive: true })
  const headers = { 'content-type': 'application/json', 'x-app-key': KEY, 'content-length': `${body.length}` }
  const failures: string[] = []
  let answered = 0
  let isOver = false
  const send = () =>
    new Promise<void>((resolve) => {
      request(url, { method: 'POST', agent, headers }, async (message) => {
        const answer = await text(message).catch((error: Error) => error.message)
        if (answer.includes('"MATCHED"')) answered += 1
        else failures.push(`${message.statusCode} ${answer}`)
        resolve()
      })
        .once('error', (error) => {
          failures.push(error.message)
          resolve()
        })
        .end(body)
    })
  const clients = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      await send()
      await sleep(1)
    }
  })
  return {
    answered: () => answered,
    async stop() {
      isOver = true
      await Promise.all(clients)
      agent.destroy()
      return { failures }
    },
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
