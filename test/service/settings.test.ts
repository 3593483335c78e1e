import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { readSecrets, readServiceSecrets } from '../../common/service/secrets.ts'
import { PORTS_OF_SERVICES, readSettings, SettingsError, type SettingsOptions } from '../../common/service/settings.ts'
import { gateway, subgraphs } from '../../subgraphs/registry.ts'

describe('settings', () => {
  test('everything has a default, and an empty variable counts as not set', () => {
    expect(readSettings({ PORT: '', REDIS_URL: '' })).toMatchObject({
      production: false,
      host: '127.0.0.1',
      port: 4000,
      redisUrl: undefined,
      corsOrigins: [],
      logLevel: 'warn',
    })
  })

  test('leave room above PORT for the port of every service', () => {
    const offsets = subgraphs.map(({ port }) => port - gateway.port)
    expect(Math.max(...offsets)).toBe(PORTS_OF_SERVICES)
    expect(() => readSettings({ PORT: String(65_535 - PORTS_OF_SERVICES) })).not.toThrow()
    expect(() => readSettings({ PORT: String(65_536 - PORTS_OF_SERVICES) })).toThrow('PORT')
  })

  test('a service has a port of its own, and finds the others where its variables say', () => {
    const upstreams = [
      { name: 'schedule', port: 4001 },
      { name: 'stats', port: 4006 },
    ]
    const settings = readSettings({ STATS_URL: 'https://stats.internal/alkaid/' }, { port: 4002, upstreams })
    expect(settings.port).toBe(4002)
    expect(Object.fromEntries(settings.upstreams)).toEqual({
      schedule: ['http://127.0.0.1:4001'],
      stats: ['https://stats.internal/alkaid'],
    })
  })

  test('a service may have several nodes, each with its URL', () => {
    const upstreams = [{ name: 'distribution', port: 4010 }]
    const urls = (DISTRIBUTION_URL: string) =>
      readSettings({ DISTRIBUTION_URL }, { upstreams }).upstreams.get('distribution')
    expect(urls('http://node-1:4010, http://node-2:4010/')).toEqual(['http://node-1:4010', 'http://node-2:4010'])
    for (const wrong of ['http://node-1:4010,', 'http://node-1:4010,node-2:4010', 'http://a:1,http://a:1/']) {
      expect(mistakes({ DISTRIBUTION_URL: wrong }, { upstreams })).toMatch(/^DISTRIBUTION_URL: expected/)
    }
  })

  test('metrics have a port beside that of the service, and are for this machine alone', () => {
    const portOf = (env: Record<string, string>, port?: number) => readSettings(env, port ? { port } : {}).metricsPort
    expect(readSettings({}).metricsHost).toBe('127.0.0.1')
    expect([portOf({}), portOf({}, 4006), portOf({ PORT: '5000' })]).toEqual([4100, 4106, 5100])
    expect([portOf({ PORT: '0' }), portOf({ METRICS_PORT: '0' }), portOf({ METRICS_PORT: '9464' })]).toEqual([
      0, 0, 9464,
    ])
    expect(portOf({ PORT: '65525' })).toBe(65_415) // there is no room above
    expect(mistakes({ METRICS_PORT: '-1' })).toBe('METRICS_PORT: expected a number from 0 to 65525, not "-1"')
  })

  test('what a query may ask for can be set, within what the subgraphs take of its plan', () => {
    expect(readSettings({}).queryLimits).toMatchObject({
      tokens: 5_000,
      depth: 16,
      aliases: 15,
      directives: 50,
      fields: 1_000,
    })
    const set = { MAX_QUERY_TOKENS: '10000', MAX_QUERY_DEPTH: '20', MAX_QUERY_ALIASES: '0', MAX_QUERY_DIRECTIVES: '7' }
    const { queryLimits } = readSettings({ ...set, MAX_QUERY_FIELDS: '300' })
    expect(queryLimits).toMatchObject({ tokens: 10_000, depth: 20, aliases: 0, directives: 7, fields: 300 })
    expect(mistakes({ MAX_QUERY_DEPTH: '0' })).toBe('MAX_QUERY_DEPTH: expected a whole number from 1 to 60, not "0"')
    for (const [name, value] of Object.entries({
      MAX_QUERY_TOKENS: '50001',
      MAX_QUERY_ALIASES: '-1',
      MAX_QUERY_DIRECTIVES: '201',
      MAX_QUERY_FIELDS: '1.5',
    })) {
      expect(mistakes({ [name]: value })).toMatch(new RegExp(`^${name}: expected a whole number`))
    }
  })

  test('every mistake is told at once, and no credential', () => {
    const env = {
      NODE_ENV: 'production',
      PORT: 'many',
      MONGODB_URI: 'root:hunter2@db',
      SCHEDULE_URL: 'schedule:hunter2',
      JWT_SECRET: 'hunter2',
      CORS_ORIGINS: 'https://admin.example/',
    }
    const wanted: SettingsOptions = {
      needs: ['MONGODB_URI', 'REDIS_URL', 'SERVICE_SECRET'],
      upstreams: [{ name: 'schedule', port: 4001 }],
    }
    const message = mistakes(env, wanted)
    expect(message.split('\n').map((line) => line.split(':')[0])).toEqual([
      'PORT',
      'MONGODB_URI',
      'JWT_SECRET',
      'CORS_ORIGINS',
      'SCHEDULE_URL',
      'REDIS_URL',
      'SERVICE_SECRET',
      'SIGNING_SECRET',
    ])
    expect(message).not.toContain('hunter2')
  })

  test('origins are whole origins: no path, no wildcard', () => {
    expect(readSettings({ CORS_ORIGINS: 'https://a.example, http://localhost:5173' }).corsOrigins).toEqual([
      'https://a.example',
      'http://localhost:5173',
    ])
    for (const wrong of ['*', 'a.example', 'https://a.example/', 'https://a.example,', 'null']) {
      expect(mistakes({ CORS_ORIGINS: wrong })).toMatch(/^CORS_ORIGINS: expected origins separated by commas/)
    }
  })

  test('the URL of a key set is one that can be fetched and logged: whole, without a password', () => {
    const url = 'https://login.example/keys?tenant=1'
    expect(readSettings({ JWKS_URL: url }).tokens.key).toEqual({ jwksUrl: url })
    for (const wrong of ['login.example', 'https://', 'https://a b/', 'https://me:hunter2@login.example/keys']) {
      expect(mistakes({ JWKS_URL: wrong })).toBe(
        'JWKS_URL: expected a URL that begins with https:// or http://, without a user or password',
      )
    }
  })

  test('the service secret is needed in production only: elsewhere it makes itself', () => {
    expect(() => readSettings({}, { needs: ['SERVICE_SECRET'] })).not.toThrow()
    expect(mistakes({ SIGNING_SECRET_OLD: 'x'.repeat(32) })).toMatch(/^SIGNING_SECRET: expected the new secret beside/)
    const same = { JWT_SECRET: 'x'.repeat(32), JWT_SECRET_OLD: 'x'.repeat(32) }
    expect(mistakes(same)).toBe('JWT_SECRET_OLD: expected the secret before JWT_SECRET, not the same one')
    expect(mistakes({ SERVICE_SECRET: 'short' })).toBe('SERVICE_SECRET: expected at least 32 characters')
    expect(mistakes({ SERVICE_SECRET: `${'x'.repeat(32)}€` })).toMatch(/^SERVICE_SECRET: expected printable characters/)
  })
})

describe('the secrets of an installation in development', () => {
  const folders: string[] = []
  const newFolder = () => folders[folders.push(mkdtempSync(join(tmpdir(), 'alkaid-secrets-'))) - 1]!
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  })

  test('are made once, for their owner only, and differ', () => {
    const settings = readSettings({ DATA_DIR: newFolder() })
    const service = readServiceSecrets(settings)
    const { tokens } = readSecrets(settings)
    expect(service.accepted).toEqual([service.shown])
    const file = join(settings.dataDir, 'secrets.json')
    const kept = JSON.parse(readFileSync(file, 'utf8'))
    expect(kept).toMatchObject({ jwtSecret: (tokens.key as { secret: string }).secret, serviceSecret: service.shown })
    expect(new Set(Object.values(kept)).size).toBe(3)
    expect(readServiceSecrets(settings)).toEqual(service)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  test('a file from before there was a service secret is completed, and keeps the others', () => {
    const dataDir = newFolder()
    const before = { jwtSecret: 'j'.repeat(40), signingSecret: 's'.repeat(40) }
    const file = join(dataDir, 'secrets.json')
    writeFileSync(file, JSON.stringify(before), { mode: 0o600 })
    const settings = readSettings({ DATA_DIR: dataDir })
    const service = readServiceSecrets(settings).shown
    expect(service.length).toBeGreaterThanOrEqual(32)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ ...before, serviceSecret: service })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readServiceSecrets(settings).shown).toBe(service)
  })

  test('the environment goes before the file', () => {
    const serviceSecret = 'from the environment, long enough'
    const settings = readSettings({ SERVICE_SECRET: serviceSecret, DATA_DIR: '/nowhere' })
    expect(readServiceSecrets(settings).shown).toBe(serviceSecret)
  })
})

function mistakes(env: Record<string, string>, wanted?: SettingsOptions): string {
  try {
    readSettings(env, wanted)
  } catch (error) {
    expect(error).toBeInstanceOf(SettingsError)
    return (error as Error).message
  }
  throw new Error('Expected a SettingsError, and there was none')
}
