// What is told of how Alkaid was set up, in `/readyz` and in the log: what may lose data or show secrets, and what to do.

import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { createRedisConfigCheck, type RedisConfigCheck } from '../../common/channel/redis-config-check.ts'
import { connectRedisEventStream } from '../../common/channel/redis-event-stream.ts'
import { readSettings } from '../../common/service/settings.ts'
import { type Platform, startPlatform } from '../../platform/app.ts'
import { run } from '../support/command.ts'
import { describeWithRedis, startRedis, type TestRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const PRODUCTION = {
  NODE_ENV: 'production',
  JWT_SECRET: 'j'.repeat(32),
  SIGNING_SECRET: 's'.repeat(32),
  SERVICE_SECRET: 'x'.repeat(32),
}

let platform: Platform | undefined
let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'alkaid-setup-'))
})
afterEach(async () => {
  await platform?.stop()
  platform = undefined
})
afterAll(() => rm(dataDir, { recursive: true }))

async function start(env: Record<string, string>): Promise<Platform> {
  platform = await startPlatform(readSettings({ PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'error', ...env }))
  return platform
}

async function warningsOf({ gatewayUrl }: Platform): Promise<string[]> {
  const { ready, warnings } = (await (await fetch(`${gatewayUrl}/readyz`)).json()) as {
    ready: boolean
    warnings: string[]
  }
  expect(ready).toBe(true)
  return warnings.filter((warning) => warning.startsWith('setup: '))
}

describe('/readyz', () => {
  test('warns of the embedded store and of the channel in process in production', async () => {
    expect(await warningsOf(await start(PRODUCTION))).toEqual([
      expect.stringMatching(/embedded store.*Set MONGODB_URI to a MongoDB replica set$/),
      expect.stringMatching(/channel in process.*Set REDIS_URL to a Redis$/),
    ])
  })

  test('warns of neither in development', async () => {
    expect(await warningsOf(await start({}))).toEqual([])
  })

  test('warns of secrets that others may read and of a folder that they may write into, until they may not', async () => {
    const running = await start({})
    const secrets = join(dataDir, 'secrets.json')
    for (const mode of [0o644, 0o640, 0o602]) {
      await chmod(secrets, mode)
      expect(await warningsOf(running)).toEqual([expect.stringContaining(`Run: chmod 600 ${secrets}`)])
    }
    await chmod(secrets, 0o600)
    for (const mode of [0o720, 0o702, 0o777, 0o1777]) {
      await chmod(dataDir, mode)
      expect(await warningsOf(running)).toEqual([expect.stringContaining(`Run: chmod go-w ${dataDir}`)])
    }
    await chmod(dataDir, 0o755)
    expect(await warningsOf(running)).toEqual([])
    await chmod(dataDir, 0o700)
  })
})

test('npm start logs each warning once', async () => {
  const alkaid = run('start.ts', ['--port', '0', '--data-dir', dataDir], PRODUCTION)
  await alkaid.until('Alkaid is ready')
  const { stderr } = await alkaid.end('SIGTERM')
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { level: number; msg: string })
  expect(lines.map(({ level }) => level)).toEqual([40, 40])
  expect(lines[0]!.msg).toContain('Set MONGODB_URI')
  expect(lines[1]!.msg).toContain('Set REDIS_URL')
})

describeWithRedis('the settings of a Redis', () => {
  let redis: TestRedis
  let admin: Redis
  const open: { close(): Promise<void> }[] = []
  beforeAll(async () => {
    redis = await startRedis(['--maxmemory-policy', 'allkeys-lru'])
    admin = new Redis(redis.url)
  })
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close()
  })
  afterAll(async () => {
    admin.disconnect()
    await redis.stop()
  })

  async function lookAt(
    url: string,
    holdsEvents = true,
  ): Promise<{ settings: RedisConfigCheck; looked: () => number }> {
    let count = 0
    const settings = createRedisConfigCheck({ holdsEvents, onChecked: () => void count++ })
    open.push(await connectRedisEventStream({ url, configCheck: settings }))
    return { settings, looked: () => count }
  }
  const set = async (values: Record<string, string>) => {
    for (const [name, value] of Object.entries(values)) await admin.config('SET', name, value)
  }

  const DROPS = expect.stringMatching(/maxmemory-policy allkeys-lru.*Set maxmemory-policy noeviction$/)
  const KEEPS_NOTHING = expect.stringMatching(/keeps nothing on disk.*Set appendonly yes$/)
  const SNAPSHOTS = expect.stringMatching(/keeps snapshots only.*Set appendonly yes$/)

  test('are told where it drops what it holds, or does not keep it on disk', async () => {
    const { settings } = await lookAt(redis.url)
    expect(await settings.warnings()).toEqual([DROPS, KEEPS_NOTHING])
    await set({ save: '900 1', 'maxmemory-policy': 'noeviction' })
    expect(await (await lookAt(redis.url)).settings.warnings()).toEqual([SNAPSHOTS])
    await set({ appendonly: 'yes' })
    expect(await (await lookAt(redis.url)).settings.warnings()).toEqual([])
    await set({ save: '', appendonly: 'no', 'maxmemory-policy': 'allkeys-lru' })
  })

  test('of one that holds no events, only whether it drops things', async () => {
    expect(await (await lookAt(redis.url, false)).settings.warnings()).toEqual([DROPS])
  })

  test('are looked at again when it was restarted', async () => {
    await set({ 'maxmemory-policy': 'noeviction' })
    const { settings, looked } = await lookAt(redis.url)
    expect(await settings.warnings()).toEqual([KEEPS_NOTHING])
    await redis.restart() // with the policy of its command line
    await until('it was looked at again', () => looked() === 2)
    expect(await settings.warnings()).toEqual([DROPS, KEEPS_NOTHING])
  })

  test.each([
    [
      'CONFIG',
      '-config',
      [DROPS, expect.stringMatching(/does not tell its settings \(NOPERM.*Make sure that appendonly is yes$/)],
    ],
    [
      'CONFIG and INFO',
      '-config -info',
      [expect.stringMatching(/Make sure that maxmemory-policy is noeviction and appendonly is yes$/)],
    ],
  ])('are asked of whoever runs it where it forbids %s', async (_what, forbidden, warnings) => {
    await admin.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '~*', '&*', '+@all', ...forbidden.split(' '))
    const { settings } = await lookAt(redis.url.replace('//', '//app:secret@'))
    expect(await settings.warnings()).toEqual(warnings)
  })

  test('are in /readyz in production, and not in development', async () => {
    const production = await start({ ...PRODUCTION, REDIS_URL: redis.url })
    const warnings = (await warningsOf(production)).filter((warning) => warning.includes('Redis at'))
    expect(warnings).toEqual([DROPS, KEEPS_NOTHING])
    await production.stop()
    expect(await warningsOf(await start({ REDIS_URL: redis.url }))).toEqual([])
  })
})
