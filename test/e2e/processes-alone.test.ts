// A service that is started alone: what it refuses to start without, and what a launch that fails leaves behind.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { run, runFile } from '../support/command.ts'
import { freePortForProcesses } from '../support/ports.ts'
import { startStandaloneMongo } from '../support/standalone-mongo.ts'

describe('a service that is started alone', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'alkaid-alone-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const MONGODB = /^MONGODB_URI: expected a MongoDB replica set or sharded cluster/m
  const REDIS = /^REDIS_URL: expected a Redis/m
  const NEEDS: [string, RegExp[]][] = [
    ['subgraphs/creative', [MONGODB]],
    ['subgraphs/strategy', [MONGODB]],
    ['subgraphs/audit', [MONGODB]],
    ['subgraphs/schedule', [MONGODB, REDIS]],
    ['subgraphs/delivery', [MONGODB, REDIS]],
    ['subgraphs/stats', [MONGODB, REDIS]],
    ['subgraphs/distribution', [REDIS]],
  ]

  test.each(NEEDS)(
    '%s refuses to start without the URLs that it needs, with a line for each mistake',
    async (path, lines) => {
      const ended = await runFile(`${path}/index.ts`, [], { DATA_DIR: folder, PORT: 'x' }).ended
      expect(ended).toMatchObject({ code: 1, stdout: '' })
      for (const line of [...lines, /^PORT: expected a number from 0 to 65525, not "x"$/m])
        expect(ended.stderr).toMatch(line)
      expect(ended.stderr.trim().split('\n')).toHaveLength(lines.length + 1)
    },
  )

  test('in production, the gateway does not start without the secrets that it shares with the others', async () => {
    const { code, stderr } = await runFile('gateway/index.ts', [], { NODE_ENV: 'production', AUDIT_URL: 'audit' }).ended
    expect(code).toBe(1)
    expect(
      stderr
        .trim()
        .split('\n')
        .map((line) => line.split(':')[0]),
    ).toEqual(['AUDIT_URL', 'SERVICE_SECRET', 'JWT_SECRET or JWKS_URL', 'SIGNING_SECRET'])
  })

  test('refuses a MongoDB that cannot do transactions', async () => {
    const mongo = await startStandaloneMongo()
    const env = { DATA_DIR: folder, PORT: '0', MONGODB_URI: mongo.uri }
    const ended = await runFile('subgraphs/creative/index.ts', [], env).ended
    await mongo.stop()
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr.trim()).toMatch(/^MONGODB_URI: .*standalone server, which cannot do transactions.*$/)
  })

  test('the gateway starts with everything else down, says so, and ends on SIGTERM', async () => {
    const gateway = runFile('gateway/index.ts', [], { DATA_DIR: folder, PORT: '0', SCHEDULE_URL: 'http://127.0.0.1:1' })
    const url = /http:\S+/.exec(await gateway.until('gateway listens at'))![0]
    const typename = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"query":"{ __typename }"}',
    })
    expect(await typename.json()).toEqual({ data: { __typename: 'Query' } })
    const ready = (await (await fetch(`${url}/readyz`)).json()) as Record<string, unknown>
    expect(ready).toMatchObject({ ready: true, upstreams: { schedule: false } })
    expect(await gateway.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
  })

  test.each(['subgraphs/creative', 'subgraphs/distribution', 'gateway'])('%s has a --help', async (path) => {
    const { code, stdout } = await runFile(`${path}/index.ts`, ['--help']).ended
    expect(code).toBe(0)
    expect(stdout).toContain('SERVICE_SECRET')
  })
})

describe('npm run start:processes', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'alkaid-launch-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('says in one line that it needs a Redis, and leaves nothing running', async () => {
    const port = await freePortForProcesses()
    const { code, stderr } = await run('start-processes.ts', ['--port', `${port}`, '--data-dir', folder], { PATH: '' })
      .ended
    expect(code).toBe(1)
    expect(stderr.trim()).toMatch(
      /^REDIS_URL: expected the URL of a Redis, since there is no redis-server .*install redis-server$/,
    )
    // The data folder is locked to one process: a server that was left behind would still have it.
    const again = runFile('embedded/index.ts', ['--data-dir', folder])
    await again.until('mongodb://')
    await again.end('SIGTERM')
  })

  test('that is interrupted while it starts ends what it has started', async () => {
    const port = await freePortForProcesses()
    const command = run('start-processes.ts', ['--port', `${port}`, '--data-dir', folder], {
      REDIS_URL: 'redis://127.0.0.1:1',
    })
    // Those that need this Redis end by themselves; whichever comes first, the rest must go.
    await command.until('mongodb://')
    const { stderr } = await command.end('SIGINT')
    expect(stderr).not.toContain('Error')
    const again = runFile('embedded/index.ts', ['--data-dir', folder])
    await again.until('mongodb://')
    await again.end('SIGTERM')
    for (const offset of [0, 1, 2, 3, 4, 5, 6, 10]) {
      await expect(fetch(`http://127.0.0.1:${port + offset}/livez`)).rejects.toThrow()
    }
  })

  test('names every port that is taken, before it starts anything', async () => {
    const gateway = runFile('gateway/index.ts', [], { DATA_DIR: folder, PORT: '0' })
    const { port } = new URL(/http:\S+/.exec(await gateway.until('gateway listens at'))![0])
    const ended = await run('start-processes.ts', ['--port', `${Number(port) - 4}`, '--data-dir', folder]).ended
    await gateway.end('SIGTERM')
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toMatch(new RegExp(`^PORT: ${port} \\(audit\\) cannot be listened on, .*EADDRINUSE`, 'm'))
  })

  test('names the ports of metrics that are wanted twice', async () => {
    const port = await freePortForProcesses()
    const env = { METRICS_PORT: `${port + 5}` }
    const ended = await run('start-processes.ts', ['--port', `${port}`, '--data-dir', folder], env).ended
    expect(ended.code).toBe(1)
    const lines = ended.stderr.trim().split('\n')
    expect(lines).toContain(
      `METRICS_PORT: ${port + 5} (gateway) cannot be listened on, it is one of the services themselves; expected ports that are free`,
    )
  })

  test('has a --help, and needs a port from which the others follow', async () => {
    expect((await run('start-processes.ts', ['--help']).ended).stdout).toContain('--data-dir')
    const { code, stderr } = await run('start-processes.ts', ['--port', '0', '--data-dir', folder]).ended
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^PORT: expected a number above 0/)])
  })
})
