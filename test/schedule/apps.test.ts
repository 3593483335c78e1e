import { beforeAll, expect, test } from '@jest/globals'
import { type App, insertApp } from '../../common/apps/apps.ts'
import { sha256 } from '../../common/base/content-hash.ts'
import { SETTINGS } from '../../common/channel/channel.ts'
import type { Store } from '../../common/store/store.ts'
import { openAt } from '../../engine/publication/sign.ts'
import type { AppSettings } from '../../engine/publication/types.ts'
import { failure, freshCode, type Input, makeApp, type Planning, run, startPlanning } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { testServices } from '../support/subgraphs.ts'

const HOUR_MS = 3_600_000
const APP = `query ($id: ID!) { app(id: $id) {
  id version name zone linkSchemes corsOrigins fourEyes maxAgeSeconds requestsPerSecond createdAt } }`

describeEachStore('Apps', (open) => {
  let store: Store
  let planning: Planning

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
  })

  const stored = async (code: string) => (await store.collection<App>('apps').findOne({ _id: code }))!
  const refused = (more: Input) => failure(planning, 'createApp', { code: freshCode(), name: 'An app', ...more })
  const rotate = (app: string, expectedVersion: number, graceHours?: number) =>
    run(planning, 'rotateAppKey', { app, expectedVersion, graceHours })

  async function settingsOnChannel(app: string): Promise<AppSettings> {
    const address = { app, code: SETTINGS } as const
    const [sealed] = await planning.services.channel.read([address])
    return openAt(planning.services.keys, address, sealed!) as AppSettings
  }

  test('an app is created from the input, and a field that is left out has its default', async () => {
    const plain = await makeApp(planning)
    expect(await planning.schedule.must('viewer', APP, { id: plain })).toEqual({
      id: plain,
      version: 1,
      name: 'An app',
      zone: 'UTC',
      linkSchemes: [],
      corsOrigins: [],
      fourEyes: true,
      maxAgeSeconds: 30,
      requestsPerSecond: 10_000,
      createdAt: '2031-05-01T08:00:00.000Z',
    })
    const given = {
      name: 'Chosen',
      zone: 'Asia/Shanghai',
      linkSchemes: ['myapp', 'my+app.v2-x'],
      corsOrigins: ['https://shop.example', 'https://shop.example:8443', 'http://localhost:3000', '*'],
      fourEyes: false,
      maxAgeSeconds: 0,
      requestsPerSecond: 1,
    }
    const chosen = await makeApp(planning, given)
    expect(await planning.schedule.must('viewer', APP, { id: chosen })).toMatchObject(given)
    const { name: _name, fourEyes: _fourEyes, ...onNodes } = given
    expect(await settingsOnChannel(chosen)).toMatchObject(onNodes)
  })

  test('only the hash of an app key is kept', async () => {
    const { key, app } = await run(planning, 'createApp', { code: freshCode(), name: 'An app' })
    expect(key).toMatch(/^ak_[\w-]{43}$/)
    expect((await stored(app.id)).keys).toEqual([{ hash: sha256(key), expiresAt: null }])
    const { client, database } = store
    for (const { name } of await client.db(database).listCollections().toArray()) {
      expect(JSON.stringify(await client.db(database).collection(name).find().toArray())).not.toContain(key)
    }
  })

  test('a code that exists already is refused, also when two requests use it at the same time', async () => {
    const code = await makeApp(planning)
    const failed = await failure(planning, 'createApp', { code, name: 'Another' })
    expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.code' })
    expect(failed.message).toContain(`"${code}" exists already`)

    const wanted = { code: freshCode(), name: 'An app' }
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => run(planning, 'createApp', wanted)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(String(outcome.reason)).toContain('exists already')
    }
  })

  test('a code has 1 to 64 of a-z, 0-9 and -, and does not begin with -', async () => {
    for (const code of ['a', '7-eleven', 'x'.repeat(64)]) await run(planning, 'createApp', { code, name: 'An app' })
    for (const code of ['', '-a', 'A', 'a.b', 'a b', 'ä', 'a\n', '*', 'x'.repeat(65)]) {
      expect(await refused({ code })).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.code' })
    }
  })

  test('a zone is an IANA zone, kept in its usual spelling', async () => {
    for (const [given, kept] of [
      ['Europe/Berlin', 'Europe/Berlin'],
      ['utc', 'UTC'],
      ['ASIA/SHANGHAI', 'Asia/Shanghai'],
      // What Intl calls Asia/Calcutta and America/New_York: another name for a zone is kept as it is.
      ['asia/kolkata', 'Asia/Kolkata'],
      ['us/eastern', 'US/Eastern'],
    ]) {
      expect((await stored(await makeApp(planning, { zone: given }))).zone).toBe(kept)
    }
    // Intl takes PST, JST and IST, but no clock can be made of them.
    for (const zone of ['Mars/Olympus', '+08:00', '', 'UTC+8', 'PST', 'jst', 'IST', 'Etc/Unknown']) {
      expect(await refused({ zone })).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.zone' })
    }
  })

  test('schemes of deep links are never those that browsers and devices know', async () => {
    const wrong = ['javascript', 'data', 'vbscript', 'file', 'blob', 'http', 'intent', 'My', '1a', 'a:', 'a b', '', 'ä']
    for (const scheme of [...wrong, 'x'.repeat(65)]) {
      const expected = { code: 'BAD_USER_INPUT', path: 'input.linkSchemes[1]' }
      expect(await refused({ linkSchemes: ['fine', scheme] })).toMatchObject(expected)
    }
    const schemes = Array.from({ length: 21 }, (_, index) => `own${index}`)
    await makeApp(planning, { linkSchemes: schemes.slice(1) })
    await makeApp(planning, { linkSchemes: ['x'.repeat(64)] })
    expect(await refused({ linkSchemes: schemes })).toMatchObject({ path: 'input.linkSchemes' })
  })

  test('origins are as browsers and web views send them', async () => {
    const wrong = ['https://a.example/', 'https://a.example/x', 'http://a.example', 'a.example', 'https://A.example']
    const wronger = ['https://*.example', 'https://u@a.example', 'https://a.example:443', 'file:///', 'data:', '']
    const notLocal = ['http://localhost.evil.example', 'http://127.0.0.1.evil.example', 'http://192.168.1.5:8100']
    for (const origin of [...wrong, ...wronger, ...notLocal]) {
      const failed = await refused({ corsOrigins: [origin] })
      expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.corsOrigins[0]' })
    }
    const local = ['http://localhost', 'http://localhost:8100', 'http://tauri.localhost', 'http://127.0.0.1:5173']
    const webViews = ['capacitor://localhost', 'ionic://localhost', 'app://localhost', 'https://localhost', 'file://']
    const corsOrigins = [...local, ...webViews, 'https://appassets.androidplatform.net', 'null', '*']
    const app = await makeApp(planning, { corsOrigins })
    expect((await stored(app)).corsOrigins).toEqual(corsOrigins)
    const origins = Array.from({ length: 101 }, (_, index) => `https://a${index}.example`)
    await makeApp(planning, { corsOrigins: origins.slice(1) })
    expect(await refused({ corsOrigins: origins })).toMatchObject({ path: 'input.corsOrigins' })
  })

  test('the nodes learn of a new app and of a rotated key', async () => {
    const code = await makeApp(planning)
    const [list] = await planning.services.channel.read(['apps'])
    expect(openAt(planning.services.keys, 'apps', list!)).toMatchObject({ apps: expect.arrayContaining([code]) })
    expect(await settingsOnChannel(code)).toMatchObject({ kind: 'settings', revision: 1 })
    const { key } = await rotate(code, 1)
    const settings = await settingsOnChannel(code)
    expect(settings.revision).toBe(2)
    expect(settings.keys[0]).toEqual({ hash: sha256(key), expiresAt: null })
  })

  test('a rotated key works for the hours of grace, and no later rotation prolongs it', async () => {
    const code = await makeApp(planning)
    const [first] = (await stored(code)).keys
    const start = planning.clock.now()
    await rotate(code, 1, 10)
    await rotate(code, 2, 24)
    const [newest, second, oldest] = (await stored(code)).keys
    expect(newest!.expiresAt).toBeNull()
    expect(second!.expiresAt).toEqual(new Date(start + 24 * HOUR_MS))
    expect(oldest).toEqual({ hash: first!.hash, expiresAt: new Date(start + 10 * HOUR_MS) })
    planning.clock.advance(10 * HOUR_MS)
    await rotate(code, 3)
    expect((await stored(code)).keys.map(({ hash }) => hash)).not.toContain(first!.hash)
  })

  test('without grace the earlier keys end at once', async () => {
    const code = await makeApp(planning)
    const { key } = await rotate(code, 1, 0)
    expect((await stored(code)).keys).toEqual([{ hash: sha256(key), expiresAt: null }])
  })

  test('an app is made although the channel is out of reach', async () => {
    const services = testServices(store, planning.clock.now)
    await services.channel.close()
    const cutOff = await startPlanning(store, { channel: services.channel })
    expect(await makeApp(cutOff)).toBeTruthy()
    await cutOff.stop()
  })

  test('an app is made although the channel never answers', async () => {
    const { channel } = testServices(store, planning.clock.now)
    const stuck = await startPlanning(store, { channel: { ...channel, write: () => new Promise(() => {}) } })
    expect(await makeApp(stuck)).toBeTruthy()
    await stuck.stop()
  })

  test('an app that does not exist is null, and one without a role there is forbidden', async () => {
    expect(await planning.schedule.must('viewer', APP, { id: 'nothing' })).toBeNull()
    expect(await planning.schedule.codeOf(undefined, APP, { id: 'nothing' })).toBe('UNAUTHENTICATED')
  })

  test('the index on codes refuses a second app with the same code', async () => {
    const app = await stored(await makeApp(planning))
    const again = store.transaction((tx) => insertApp(tx, app, 'hash'))
    await expect(again).rejects.toMatchObject({ code: 11000 })
  })
})
