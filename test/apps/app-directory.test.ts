// The keys and origins of all apps in a service that has the store: what they cost MongoDB, and what holds without it.

import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { type AppDirectory, appDirectory } from '../../common/apps/app-directory.ts'
import { addAppKey, changeApp, insertApp, requireApp } from '../../common/apps/apps.ts'
import { sha256 } from '../../common/base/content-hash.ts'
import { createLogger } from '../../common/base/log.ts'
import { connectStore, type Store } from '../../common/store/store.ts'
import { type MongoProxy, startMongoProxy } from '../support/mongo-proxy.ts'
import { readsDuring } from '../support/reads.ts'
import { describeEachStore } from '../support/stores.ts'
import { until } from '../support/until.ts'

const HOUR_MS = 3_600_000
const NOW = Date.parse('2031-05-07T08:30:00Z')
const log = createLogger('silent')

describeEachStore('The directory of apps', (open) => {
  let store: Store
  let apps: AppDirectory
  /** Of the directory's ages, and of the keys' ends; both are the test's. */
  let time = 0
  let now = NOW

  beforeAll(async () => {
    store = await open()
    await addApp('home')
  })
  beforeEach(() => {
    time = 0
    now = NOW
    apps = directoryOf(store)
  })

  const directoryOf = (of: Store) => appDirectory(of, { now: () => now, log, clock: () => time })

  async function addApp(app: string): Promise<string> {
    const key = `the key of ${app}`
    const settings = { linkSchemes: [], corsOrigins: [`https://${app}.example`], fourEyes: true, maxAgeSeconds: 30 }
    const made = { _id: app, name: app, zone: 'UTC', createdAt: new Date(NOW), createdBy: 'test' }
    await store.transaction((tx) => insertApp(tx, { ...made, ...settings, requestsPerSecond: 7 }, sha256(key)))
    return key
  }

  const rotate = (app: string, key: string, version: number, graceMs: number) =>
    store.transaction((tx) =>
      addAppKey(tx, app, version, { hash: sha256(key), now: new Date(now), graceEnds: new Date(now + graceMs) }),
    )
  const find = async (key: string) => (await apps.appOfKey(sha256(key)))?.app
  const readsOf = async (work: () => Promise<unknown>) => {
    const { reads } = await readsDuring(store, work)
    return reads.apps?.reads ?? 0
  }

  test('reads keys and origins once for all callers', async () => {
    const ask = () =>
      Promise.all(
        Array.from({ length: 200 }, async (_, n) => {
          expect(await apps.appOfKey(sha256('the key of home'))).toEqual({
            app: 'home',
            requestsPerSecond: 7,
            corsOrigins: ['https://home.example'],
          })
          expect(await apps.allowsOrigin('https://home.example')).toBe(true)
          expect(await apps.allowsOrigin(`https://evil-${n}.example`)).toBe(false)
        }),
      )
    expect(await readsOf(ask)).toBe(1)
    expect(await readsOf(ask)).toBe(0)
  })

  test('answers a known key and an origin at once, without a promise, also while the list is read again', async () => {
    await apps.load()
    for (const age of [0, 5_000]) {
      time += age
      expect(apps.appOfKey(sha256('the key of home'))).toMatchObject({ app: 'home' })
      expect(apps.allowsOrigin('https://home.example')).toBe(true)
    }
    time += 3_600_000 // Too old: the caller waits for the list.
    expect(apps.appOfKey(sha256('the key of home'))).toBeInstanceOf(Promise)
  })

  test('knows a new key at its first use', async () => {
    await find('the key of home')
    const key = await addApp('fresh')
    expect(await find(key)).toBe('fresh')
  })

  test('a thousand made-up keys cost one read, at once or one by one, and an old one none for a minute', async () => {
    await find('the key of home')
    const madeUp = Array.from({ length: 500 }, (_, n) => `made up ${n}`)
    const reads = await readsOf(async () => {
      expect(new Set(await Promise.all(madeUp.map(find)))).toEqual(new Set([undefined]))
      for (const key of madeUp) expect(await find(`another ${key}`)).toBeUndefined()
    })
    expect(reads).toBe(1)
    time += 500
    expect(await readsOf(() => find('old'))).toBe(1)
    time += 500
    expect(await readsOf(() => find('old'))).toBe(0)
  })

  test('a new key that was refused before a read is accepted after it', async () => {
    await find('the key of home')
    await find('made up')
    const key = await addApp('unlucky')
    expect(await find(key)).toBeUndefined() // a read half a second ago did not have it
    time += 500
    expect(await find(key)).toBe('unlucky')
  })

  test('serves what it has while it reads, and what is older than ten seconds to nobody', async () => {
    await find('the key of home')
    const set = (settings: object) =>
      store.transaction(async (tx) => changeApp(tx, await requireApp(tx, 'home'), settings))
    await set({ corsOrigins: ['https://moved.example'] })
    expect(await apps.allowsOrigin('https://moved.example')).toBe(false)
    time += 9_000
    const reads = await readsOf(async () => {
      expect(await apps.allowsOrigin('https://moved.example')).toBe(false)
      while (!(await apps.allowsOrigin('https://moved.example'))) await new Promise((done) => setTimeout(done, 1))
    })
    expect(reads).toBe(1)
    await set({ corsOrigins: ['https://home.example'] })
    time += 11_000
    expect(await apps.allowsOrigin('https://moved.example')).toBe(false)
  })

  test('a key that is rotated away ends to the millisecond when its grace does, and without grace within ten seconds', async () => {
    const key = await addApp('rotated')
    await rotate('rotated', 'second', 1, HOUR_MS)
    expect(await find(key)).toBe('rotated')
    now += HOUR_MS - 1
    expect(await find(key)).toBe('rotated')
    now += 1
    expect(await find(key)).toBeUndefined()
    await rotate('rotated', 'third', 2, 0)
    time += 10_000
    expect(await find('second')).toBeUndefined()
    expect(await find('third')).toBe('rotated')
  })
})

describeEachStore('The directory of apps without MongoDB', (open) => {
  let proxy: MongoProxy
  let store: Store
  let apps: AppDirectory
  let time = 0
  /** Whether the server answers; and how often it was asked for apps. */
  let isHanging = false
  let asked = 0
  const hanging: (() => void)[] = []

  beforeEach(async () => {
    const direct = await open()
    const made = { zone: 'UTC', linkSchemes: [], fourEyes: true, maxAgeSeconds: 30, requestsPerSecond: 7 }
    const more = { name: 'Home', corsOrigins: ['https://home.example'], createdAt: new Date(NOW), createdBy: 'test' }
    await direct.transaction((tx) => insertApp(tx, { _id: 'home', ...made, ...more }, sha256('known')))
    proxy = await startMongoProxy(direct.client, {
      async before(command) {
        if (command.find === 'apps') asked += 1
        if (isHanging) await new Promise<void>((release) => hanging.push(release))
      },
      after() {},
    })
    store = await connectStore({ uri: proxy.uri, database: direct.database, now: () => NOW })
    time = asked = 0
    apps = appDirectory(store, { now: () => NOW, log, clock: () => time })
  })
  afterEach(async () => {
    isHanging = false
    for (const release of hanging.splice(0)) release()
    await store.close()
    await proxy.stop()
  })

  const find = async (key: string) => (await apps.appOfKey(sha256(key)))?.app
  const codeOf = (work: Promise<unknown>) =>
    work.then(
      () => 'ok',
      (error: { code?: string }) => error.code,
    )

  test('known keys and origins work on for a day; unknown keys are UNAVAILABLE, and cost no read each', async () => {
    await apps.load()
    await proxy.stop()
    expect(await codeOf(find('unknown'))).toBe('UNAVAILABLE')
    for (const hours of [1, 22]) {
      time += hours * HOUR_MS
      expect(await find('known')).toBe('home')
      expect(await apps.allowsOrigin('https://home.example')).toBe(true)
      expect(await apps.allowsOrigin('https://evil.example')).toBe(false)
      for (let n = 0; n < 100; n++) expect(await codeOf(find(`unknown ${n}`))).toBe('UNAVAILABLE')
    }
    time += HOUR_MS
    expect(await codeOf(find('known'))).toBe('UNAVAILABLE')
    expect(await codeOf(Promise.resolve(apps.allowsOrigin('https://home.example')))).toBe('UNAVAILABLE')
  })

  test('while it hangs, known keys wait for nothing, and reads do not pile up', async () => {
    await apps.load()
    isHanging = true
    time += 5_000
    const before = asked
    const unknown = Array.from({ length: 100 }, (_, n) => codeOf(find(`unknown ${n}`)))
    await until('a read is under way', () => hanging.length === 1)
    for (let n = 0; n < 1_000; n++) expect(await find('known')).toBe('home')
    expect(hanging).toHaveLength(1) // it hangs still: nobody with a known key has waited for it
    expect(new Set(await Promise.all(unknown))).toEqual(new Set(['UNAVAILABLE']))
    expect(asked - before).toBe(1)
  })

  test('a list that was never read is UNAVAILABLE, and read as soon as MongoDB is there', async () => {
    isHanging = true
    expect(await codeOf(find('known'))).toBe('UNAVAILABLE')
    expect(await codeOf(find('known'))).toBe('UNAVAILABLE')
    expect(asked).toBe(1)
    isHanging = false
    for (const release of hanging.splice(0)) release()
    time += 1_000
    expect(await find('known')).toBe('home')
  })
})
