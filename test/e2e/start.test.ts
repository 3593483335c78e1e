// `npm start` as a person meets it: what it prints, that it works as it stands, that it ends, and what it says when
// something is wrong.

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { MongoClient } from 'mongodb'
import { startEmbeddedServer } from '../../embedded/server.ts'
import { createClient } from '../../scripts/shared/client.ts'
import { type Command, run, runNpm } from '../support/command.ts'
import { freePair } from '../support/ports.ts'
import { startStandaloneMongo } from '../support/standalone-mongo.ts'

const shell = promisify(execFile)
const folders: string[] = []

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'alkaid-start-'))
  folders.push(folder)
  return folder
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

describe('npm start', () => {
  let port: number
  let dataDir: string
  let alkaid: Command
  let printed: string

  beforeAll(async () => {
    port = await freePair()
    dataDir = await newFolder()
    alkaid = run('start.ts', ['--port', String(port), '--data-dir', dataDir])
    printed = await alkaid.until('Record that they saw')
    printed = await alkaid.until(/RecordEvents|recordEvents|"events"/)
  }, 90_000)
  afterAll(async () => {
    await alkaid.end('SIGKILL')
  })

  const token = (role: string, text = printed) => new RegExp(`^  ${role} +(\\S+)$`, 'm').exec(text)![1]!
  const curls = () => [...printed.matchAll(/^ {2}(curl .+)$/gm)].map(([, line]) => line!)

  test('prints the addresses, where the data is, how to use real servers, and a token for each role', () => {
    expect(printed).toContain(`http://127.0.0.1:${port}/graphql`)
    expect(printed).toContain(`http://127.0.0.1:${port + 10}/graphql`)
    expect(printed).toContain(dataDir)
    expect(printed).toContain('MONGODB_URI=mongodb://... REDIS_URL=redis://... npm start')
    for (const role of ['viewer', 'operator', 'reviewer', 'publisher', 'admin']) expect(token(role)).toMatch(/^ey/)
    expect(printed).toMatch(/The key of the app `demo`: ak_/)
  })

  test('prints two curls that work as they stand: a decision and an impression', async () => {
    const [decision, impression] = curls()
    const decided = JSON.parse((await shell('bash', ['-c', decision!])).stdout)
    expect(decided.data.decisions[0]).toMatchObject({ slot: 'home.banner', reason: 'MATCHED' })
    const recorded = JSON.parse((await shell('bash', ['-c', impression!])).stdout)
    expect(recorded.data.recordEvents).toMatchObject({ accepted: 1, forged: 0 })
  })

  test('shows a page at / that says where everything is, with the same curls', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/`)
    const page = (await response.text()).replaceAll('&#34;', '"').replaceAll('&#39;', "'")
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(page).toContain('An app operation platform.')
    for (const path of ['/graphql', '/livez', '/readyz']) expect(page).toContain(`<a href="${path}">`)
    expect(curls().every((curl) => page.includes(curl))).toBe(true)
    expect(curls()).toHaveLength(2)
  })

  test('makes a demo app of 10 slots, 30 creatives, 6 strategies, 2 segments and 40 schedules in every state', async () => {
    const viewer = createClient(`http://127.0.0.1:${port}/graphql`, token('viewer'))
    const found = await viewer(`{
      slots(app: "demo") { total nodes { format { required } } }
      ticker: slots(app: "demo", filter: {archived: true}) { total }
      creatives(app: "demo") { total }
      strategies(app: "demo") { total }
      segments(app: "demo") { total }
      schedules(app: "demo", first: 100) { total nodes { reviewState deliveryState windowState } }
      archived: schedules(app: "demo", filter: {archived: true}) { total }
      reviewQueue(app: "demo") { total }
    }`)
    expect(found.slots.total + found.ticker.total).toBe(10)
    expect(found.slots.nodes.every(({ format }: { format: object | null }) => format !== null)).toBe(true)
    expect(found.creatives.total).toBe(30)
    expect(found.strategies.total).toBe(6)
    expect(found.segments.total).toBe(2)
    expect(found.schedules.total + found.archived.total).toBe(40)
    expect(found.reviewQueue.total).toBeGreaterThan(3)
    const seen = (state: (node: Record<string, string>) => string) => [...new Set(found.schedules.nodes.map(state))]
    expect(seen(({ reviewState, deliveryState }) => `${reviewState} ${deliveryState}`).sort()).toEqual([
      'APPROVED LIVE',
      'APPROVED NONE',
      'APPROVED PAUSED',
      'APPROVED WITHDRAWN',
      'DRAFT LIVE',
      'DRAFT NONE',
      'IN_REVIEW LIVE',
      'IN_REVIEW NONE',
      'REJECTED NONE',
      'REJECTED WITHDRAWN',
    ])
    expect(seen(({ windowState }) => windowState!).sort()).toEqual(['ENDED', 'RUNNING', 'UPCOMING'])
  })

  test('a second one says that the port is taken, and one on another port that the folder is in use', async () => {
    const second = await run('start.ts', ['--port', String(port), '--data-dir', await newFolder()]).ended
    expect(second).toMatchObject({ code: 1, stdout: '' })
    expect(second.stderr.trim()).toMatch(
      new RegExp(`^PORT: the port ${port} .*already in use; expected a free port.*$`),
    )
    const third = await run('start.ts', ['--port', String(await freePair()), '--data-dir', dataDir]).ended
    expect(third.code).toBe(1)
    expect(third.stderr.trim()).toMatch(/^DATA_DIR: .+$/)
    expect(third.stderr).toContain(dataDir)
  })

  test('ends cleanly on SIGTERM, keeps the data, and ends cleanly on Ctrl-C', async () => {
    const before = await decisions(curls()[0]!)
    expect(await alkaid.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
    alkaid = run('start.ts', ['--port', String(port), '--data-dir', dataDir])
    await alkaid.until('"events"')
    expect(alkaid.output()).not.toContain('Creating the demo app')
    expect(await decisions(curls()[0]!)).toEqual(before)
    expect(await alkaid.end('SIGINT')).toMatchObject({ code: 0, stderr: '' })
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('ends cleanly when npm gets a %s', async (signal) => {
    alkaid = runNpm(['start', '--', '--port', String(port), '--data-dir', dataDir, '--no-demo'])
    await alkaid.until('Alkaid is ready')
    expect(await alkaid.end(signal)).toMatchObject({ code: 0 })
    expect(alkaid.output()).toContain(`${signal}: shutting down`)
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow()
  })

  test('ends when the npm that runs it is killed', async () => {
    alkaid = runNpm(['start', '--', '--port', String(port), '--data-dir', dataDir, '--no-demo'])
    await alkaid.until('Alkaid is ready')
    process.kill(alkaid.pid, 'SIGKILL') // its output stays open as long as the platform is there
    await alkaid.ended
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow()
  })

  test('a killed one starts again on the same folder', async () => {
    alkaid = run('start.ts', ['--port', String(port), '--data-dir', dataDir])
    await alkaid.until('"events"')
    await alkaid.end('SIGKILL')
    alkaid = run('start.ts', ['--port', String(port), '--data-dir', dataDir, '--no-demo'])
    await alkaid.until('Alkaid is ready')
    expect(await alkaid.end('SIGTERM')).toMatchObject({ code: 0 })
  })

  async function decisions(curl: string) {
    return JSON.parse((await shell('bash', ['-c', curl])).stdout).data.decisions
  }
})

describe('npm start and its demo app', () => {
  const begin = (port: number, dataDir: string) => run('start.ts', ['--port', String(port), '--data-dir', dataDir])
  const token = (text: string, role: string) => new RegExp(`^  ${role} +(\\S+)$`, 'm').exec(text)![1]!
  const clientOf = (port: number, text: string, role: string) =>
    createClient(`http://127.0.0.1:${port}/graphql`, token(text, role))

  test.each(['SIGKILL', 'SIGINT'] as const)(
    'goes on with a demo app whose making was cut off by %s',
    async (signal) => {
      const [port, dataDir] = [await freePair(), await newFolder()]
      const cutOff = begin(port, dataDir)
      await cutOff.until('Creating the demo app')
      const ended = await cutOff.end(signal)
      if (signal === 'SIGINT') expect(ended).toMatchObject({ code: 0, stderr: '' })
      const alkaid = begin(port, dataDir)
      const printed = await alkaid.until('"events"')
      const { schedules, slots } = await clientOf(
        port,
        printed,
        'viewer',
      )('{ schedules(app: "demo") { total } slots(app: "demo") { total } }')
      expect(schedules.total).toBe(39) // one is archived
      expect(slots.total).toBe(9)
      expect(await alkaid.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
    },
    120_000,
  )

  test('makes itself a new key when the demo app was given another, and starts without anything to show', async () => {
    const [port, dataDir] = [await freePair(), await newFolder()]
    const first = begin(port, dataDir)
    const printed = await first.until('"events"')
    const admin = clientOf(port, printed, 'admin')
    const { app } = await admin('{ app(id: "demo") { version } }')
    const input = { app: 'demo', expectedVersion: app.version, graceHours: 0 }
    await admin('mutation ($input: RotateAppKeyInput!) { rotateAppKey(input: $input) { key } }', { input })
    const { creatives } = await admin(
      '{ creatives(app: "demo", first: 100) { nodes { review { id version state } } } }',
    )
    for (const { review } of creatives.nodes) {
      if (review?.state !== 'APPROVED') continue
      const revoked = { review: review.id, expectedVersion: review.version, reason: 'Enough of the demo' }
      await admin('mutation ($input: RevokeApprovalInput!) { revokeApproval(input: $input) { review { id } } }', {
        input: revoked,
      })
    }
    await first.end('SIGTERM')
    const second = begin(port, dataDir)
    const again = await second.until('What a user sees now')
    expect(again).toContain('Alkaid is ready')
    expect(again).not.toContain('Record that they saw')
    const key = (text: string) => /ak_[\w-]+/.exec(text)![0]
    expect(key(again)).not.toBe(key(printed))
    expect(await second.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
  }, 120_000)
})

describe('npm start says in one line what is wrong', () => {
  const cases: [string, string[], Record<string, string>, RegExp][] = [
    ['a port that is none', ['--port', 'http'], {}, /^PORT: expected a number from 0 to 65525, not "http"$/],
    ['a port out of range', [], { PORT: '70000' }, /^PORT: expected a number from 0 to 65525, not "70000"$/],
    ['a port in another notation', ['--port', '0x10'], {}, /^PORT: expected a number from 0 to 65525, not "0x10"$/],
    ['an empty port', ['--port', ''], {}, /^--port: expected a value$/],
    [
      'a URI that is none',
      [],
      { MONGODB_URI: 'localhost:27017' },
      /^MONGODB_URI: expected a URL that begins with mongodb:\/\/ or mongodb\+srv:\/\/$/,
    ],
    [
      'a Redis URL that is none',
      [],
      { REDIS_URL: 'localhost' },
      /^REDIS_URL: expected a URL that begins with redis:\/\/ or rediss:\/\/ or redis\+sentinel:\/\/ .+$/,
    ],
    ['a short secret', [], { JWT_SECRET: 'short' }, /^JWT_SECRET: expected at least 32 characters$/],
    ['a log level that is none', [], { LOG_LEVEL: 'loud' }, /^LOG_LEVEL: expected trace, .+, not "loud"$/],
    [
      'production without a signing secret',
      [],
      { NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(32) },
      /^SIGNING_SECRET: expected at least 32 characters with NODE_ENV=production$/,
    ],
    [
      'a MongoDB that is out of reach',
      [],
      { MONGODB_URI: 'mongodb://root:hunter2@127.0.0.1:1/' },
      /^MONGODB_URI: expected a MongoDB replica set or sharded cluster that can be reached at mongodb:\/\/\*\*\*@127\.0\.0\.1:1\/.*$/,
    ],
    [
      'a Redis that is out of reach',
      [],
      { REDIS_URL: 'redis://:hunter2@127.0.0.1:1' },
      /^REDIS_URL: expected a Redis that can be reached at redis:\/\/\*\*\*@127\.0\.0\.1:1.*$/,
    ],
  ]

  // At once, because two of them wait six seconds for a server that does not answer.
  test.concurrent.each(cases)('%s', async (_what, args, env, line) => {
    const folder = await newFolder()
    const ended = await run('start.ts', args, { PORT: '0', DATA_DIR: folder, ...env }).ended
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr.trim()).toMatch(line)
    expect(ended.stderr).not.toContain('hunter2')
    expect(ended.ms).toBeLessThan(10_000) // the contract, with much room: a hanging connection took 70 s
  })

  test('a MongoDB that cannot do transactions', async () => {
    const mongo = await startStandaloneMongo()
    const ended = await run('start.ts', ['--port', '0', '--data-dir', await newFolder()], { MONGODB_URI: mongo.uri })
      .ended
    await mongo.stop()
    expect(ended.code).toBe(1)
    expect(ended.stderr.trim()).toMatch(
      /^MONGODB_URI: expected a MongoDB replica set or sharded cluster .*standalone server, which cannot do transactions.*$/,
    )
  })

  test('a data directory that another version wrote', async () => {
    const folder = await newFolder()
    const embedded = await startEmbeddedServer({ dataDir: folder })
    const client = await MongoClient.connect(embedded.uri)
    await client
      .db('alkaid')
      .collection('meta')
      .insertOne({ _id: 'epoch' as never, epoch: 1 })
    await client.close()
    await embedded.close()
    const ended = await run('start.ts', ['--port', '0', '--data-dir', folder]).ended
    expect(ended.code).toBe(1)
    expect(ended.stderr.trim()).toMatch(/^DATA_DIR: .* the database is in layout 1, and this version .*$/)
  })

  test('every mistake at once, one line each', async () => {
    const ended = await run('start.ts', ['--port', 'x', '--data-dir', await newFolder()], { REDIS_URL: 'y' }).ended
    expect(ended.stderr.trim().split('\n')).toHaveLength(2)
  })

  test('an unknown option, with the help', async () => {
    const ended = await run('start.ts', ['--prot', '4000']).ended
    expect(ended.code).toBe(1)
    expect(ended.stderr).toMatch(/--prot/)
    expect(ended.stderr).toContain('Usage: npm start')
  })
})

test('npm start -- --help lists the options', async () => {
  const { code, stdout } = await run('start.ts', ['--help']).ended
  expect(code).toBe(0)
  for (const option of ['--port', '--data-dir', '--no-demo']) expect(stdout).toContain(option)
})
