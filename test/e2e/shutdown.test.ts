// Processes that end as people and orchestrators end them: in a rolling restart under load nothing fails, what is under way
// at the gateway is answered, further signals break nothing, and no child outlives its parent.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { readSecrets } from '../../common/service/secrets.ts'
import { readSettings } from '../../common/service/settings.ts'
import { tokensOfRoles } from '../../scripts/shared/tokens.ts'
import { type Command, run, runFile } from '../support/command.ts'
import { bookOne, startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { freePair, freePort, freePortForProcesses } from '../support/ports.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const manifest = JSON.parse(readFileSync(new URL('../../schema/persisted-queries.json', import.meta.url), 'utf8')) as {
  operations: { id: string; name: string }[]
}
const DECISIONS = manifest.operations.find(({ name }) => name === 'Decisions')!.id

const statusOf = (url: string) =>
  fetch(url).then(
    ({ status }) => status,
    () => 0,
  )

describe('npm start that is told to end', () => {
  test('says on every port that it ends, serves on, and is not hurried by a second signal', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-ending-'))
    const port = await freePair()
    const args = ['--port', `${port}`, '--data-dir', dataDir, '--no-demo']
    const alkaid = run('start.ts', args, { DRAIN_SECONDS: '1.5' })
    await alkaid.until('Alkaid is ready')
    const ports = [port, port + 10, port + 100]
    const ready = () => Promise.all(ports.map((one) => statusOf(`http://127.0.0.1:${one}/readyz`)))
    expect(await ready()).toEqual([200, 200, 200])
    const ended = alkaid.end('SIGTERM')
    await alkaid.until('SIGTERM: shutting down')
    expect(await ready()).toEqual([503, 503, 503])
    void alkaid.end('SIGTERM')
    void alkaid.end('SIGINT')
    await sleep(100)
    expect(await statusOf(`http://127.0.0.1:${port}/graphql?query={__typename}`)).toBe(400) // it wants a header; but it answers
    expect(await statusOf(`http://127.0.0.1:${port + 10}/livez`)).toBe(200)
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
    await rm(dataDir, { recursive: true })
  }, 60_000)
})

describeWithRedis('a rolling restart of two nodes', () => {
  let redis: TestRedis
  let alkaid: TestPlatform
  let booked: Awaited<ReturnType<typeof bookOne>>
  let dataDir: string

  beforeAll(async () => {
    redis = await startRedis()
    dataDir = await mkdtemp(join(tmpdir(), 'alkaid-ending-'))
    const secrets = { JWT_SECRET: 'j'.repeat(32), SIGNING_SECRET: 's'.repeat(32) }
    alkaid = await startTestPlatform({ ...secrets, REDIS_URL: redis.url })
    booked = await bookOne(alkaid, 'shop')
  }, 60_000)
  afterAll(async () => {
    await alkaid?.stop()
    await redis?.stop()
    await rm(dataDir, { recursive: true })
  }, 60_000)

  test('fails no request of clients that go by /readyz', async () => {
    const ports = [await freePort(), await freePort()]
    const urlOf = (node: number) => `http://127.0.0.1:${ports[node]}`
    const startNode = async (node: number) => {
      const command = runFile('subgraphs/distribution/index.ts', [], {
        PORT: `${ports[node]}`,
        METRICS_PORT: '0',
        DATA_DIR: dataDir,
        SIGNING_SECRET: 's'.repeat(32),
        JWT_SECRET: 'j'.repeat(32),
        SERVICE_SECRET: 'x'.repeat(32),
        REDIS_URL: redis.url,
        DRAIN_SECONDS: '1',
      })
      await command.until('distribution listens at')
      await until('the node is ready', async () => (await statusOf(`${urlOf(node)}/readyz`)) === 200, {
        within: 20_000,
      })
      return command
    }
    const nodes = [await startNode(0), await startNode(1)]
    const load = startLoad([urlOf(0), urlOf(1)], booked)
    try {
      for (const node of [0, 1, 0, 1]) {
        await load.hasSent(200)
        expect(await nodes[node]!.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
        nodes[node] = await startNode(node)
      }
      await load.hasSent(200)
    } finally {
      const { sent, failures } = await load.stop()
      for (const node of nodes) await node.end('SIGTERM')
      expect({ failures, isMany: sent > 1_000 }).toEqual({ failures: [], isMany: true })
    }
  }, 120_000)
})

/** Eight clients with kept-alive connections, each going on to the next node that was ready a moment ago. */
function startLoad(urls: readonly string[], { appKey }: { appKey: string }) {
  const agent = new Agent({ keepAlive: true })
  const body = JSON.stringify({
    variables: { app: 'shop', slots: ['home.banner'], context: { userId: 'ann' } },
    extensions: { persistedQuery: { version: 1, sha256Hash: DECISIONS } },
  })
  const headers = { 'content-type': 'application/json', 'x-app-key': appKey, 'content-length': `${body.length}` }
  const failures: string[] = []
  let ready = [...urls]
  let sent = 0
  let isOver = false

  const send = (url: string) =>
    new Promise<void>((resolve) => {
      const fail = (error: Error) => {
        failures.push(`${url}: ${error.message}`)
        resolve()
      }
      request(`${url}/graphql`, { method: 'POST', agent, headers }, async (message) => {
        const answer = await text(message).catch((error: Error) => error.message)
        if (!answer.includes('"MATCHED"')) failures.push(`${url}: ${message.statusCode} ${answer}`)
        resolve()
      })
        .once('error', fail)
        .end(body)
    })
  const client = async (number: number) => {
    for (let turn = number; !isOver; turn++) {
      await send(ready[turn % ready.length]!)
      sent += 1
      await sleep(2)
    }
  }
  const watch = async () => {
    while (!isOver) {
      const answers = await Promise.all(
        urls.map(async (url) => ((await statusOf(`${url}/readyz`)) === 200 ? [url] : [])),
      )
      ready = answers.flat()
      await sleep(50)
    }
  }
  const working = Promise.all([watch(), ...Array.from({ length: 8 }, (_, number) => client(number))])
  return {
    hasSent: async (more: number) => {
      const wanted = sent + more
      await until('more was sent', () => sent >= wanted, { within: 20_000 })
    },
    async stop() {
      isOver = true
      await working
      agent.destroy()
      return { sent, failures }
    },
  }
}

describeWithRedis('npm run start:processes', () => {
  /** The gateway, seven subgraphs, Redis and the embedded server. */
  const CHILDREN = 10
  let dataDir: string
  let port: number
  let alkaid: Command
  let children: number[] = []

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'alkaid-ending-'))
    port = await freePortForProcesses()
    alkaid = run('start-processes.ts', ['--port', `${port}`, '--data-dir', dataDir, '--no-demo'])
  }, 120_000)
  afterEach(async () => {
    await alkaid.end('SIGKILL')
    for (const pid of children) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    await rm(dataDir, { recursive: true, force: true })
  })

  test('answers what is under way before its gateway ends, and then ends all in order, however often it is told to', async () => {
    await alkaid.until('Alkaid is ready', 90_000)
    children = descendantsOf(alkaid.pid)
    const url = `http://127.0.0.1:${port}/graphql`
    const { viewer } = await tokensOfRoles(readSecrets(readSettings({ DATA_DIR: dataDir })).tokens)
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${viewer}` }
    const ask = () => fetch(url, { method: 'POST', headers, body: '{"query":"{ apps { total } }"}' })
    expect((await ask()).status).toBe(200)
    const pid = Number(/^schedule is ready, process (\d+)/m.exec(alkaid.output())![1])
    process.kill(pid, 'SIGSTOP')
    const answers = Array.from({ length: 20 }, ask)
    await sleep(500)
    const ended = alkaid.end('SIGTERM')
    await sleep(100)
    void alkaid.end('SIGTERM')
    void alkaid.end('SIGINT')
    await until('the gateway takes nothing new', async () => (await statusOf(`http://127.0.0.1:${port}/livez`)) === 0)
    process.kill(pid, 'SIGCONT')
    for (const answer of await Promise.all(answers)) {
      expect(await answer.json()).toEqual({ data: { apps: { total: 0 } } })
    }
    expect(await ended).toMatchObject({ code: 0, stderr: '' })
    expect(children.length).toBeGreaterThanOrEqual(CHILDREN)
    await until('all of them are gone', () => !children.some(isAlive))
  }, 120_000)

  test('leaves no child behind when it is killed, Redis and the embedded server among them', async () => {
    await alkaid.until('Alkaid is ready', 90_000)
    children = descendantsOf(alkaid.pid)
    expect(children.length).toBeGreaterThanOrEqual(CHILDREN)
    await alkaid.end('SIGKILL')
    await until('all of them are gone', () => !children.some(isAlive), { within: 20_000 })
  }, 120_000)

  test('leaves no child behind when it is killed while they start', async () => {
    const areThere = () => {
      children = descendantsOf(alkaid.pid)
      return children.length >= CHILDREN
    }
    await until('the children are there', areThere, { within: 30_000 })
    await alkaid.end('SIGKILL')
    await until('all of them are gone', () => !children.some(isAlive), { within: 30_000 })
  }, 120_000)
})

/** Of a process that runs, its children's children among them. */
function descendantsOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const processes = lines.map((line) => line.trim().split(/ +/).map(Number) as [number, number])
  const below = (parent: number): number[] =>
    processes.flatMap(([child, of]) => (of === parent ? [child, ...below(child)] : []))
  return below(pid)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
