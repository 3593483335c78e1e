import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { App } from '../../common/apps/apps.ts'
import { SETTINGS } from '../../common/channel/channel.ts'
import type { Change } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { startSync } from '../../subgraphs/distribution/sync.ts'
import { failure, type Input, makeApp, makeCreative, type Planning, run, startPlanning } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { testServices } from '../support/subgraphs.ts'
import { ONLY_NOTIFICATIONS, silent } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'

const APP = `query ($id: ID!) { app(id: $id) {
  version name zone linkSchemes corsOrigins fourEyes maxAgeSeconds requestsPerSecond } }`
const DEFAULTS = {
  zone: 'UTC',
  linkSchemes: [],
  corsOrigins: [],
  fourEyes: true,
  maxAgeSeconds: 30,
  requestsPerSecond: 10_000,
}
const CHOSEN = {
  name: 'Chosen',
  zone: 'Asia/Shanghai',
  linkSchemes: ['shop'],
  corsOrigins: ['https://shop.example'],
  fourEyes: false,
  maxAgeSeconds: 0,
  requestsPerSecond: 1,
}

describeEachStore('Settings of an app that change', (open) => {
  let store: Store
  let planning: Planning
  let written: number

  beforeAll(async () => {
    store = await open()
    const { channel } = testServices(store, Date.now)
    const write: typeof channel.write = (...all) => {
      written += 1
      return channel.write(...all)
    }
    planning = await startPlanning(store, { channel: { ...channel, write } })
  })
  afterAll(() => planning.stop())

  const read = (id: string) => planning.schedule.must('viewer', APP, { id })
  const update = (app: string, expectedVersion: number, patch: Input) =>
    run(planning, 'updateApp', { app, expectedVersion, ...patch })

  test('that an update names change; null takes the default', async () => {
    const app = await makeApp(planning, CHOSEN)
    for (const [at, [name, value]] of Object.entries(DEFAULTS).entries()) {
      await update(app, at * 2 + 1, { [name]: null })
      expect(await read(app)).toEqual({ ...CHOSEN, [name]: value, version: at * 2 + 2 })
      await update(app, at * 2 + 2, { [name]: CHOSEN[name as keyof typeof CHOSEN] })
      expect(await read(app)).toEqual({ ...CHOSEN, version: at * 2 + 3 })
    }
    await update(app, 13, { name: 'Anew' })
    expect(await read(app)).toEqual({ ...CHOSEN, name: 'Anew', version: 14 })
    await update(app, 14, {})
    expect(await read(app)).toEqual({ ...CHOSEN, name: 'Anew', version: 14 })
  })

  test('follow the same rules as those of a new app', async () => {
    const app = await makeApp(planning)
    for (const [patch, path] of [
      [{ name: null }, 'input.name'],
      [{ zone: 'Mars/Olympus' }, 'input.zone'],
      [{ linkSchemes: ['javascript'] }, 'input.linkSchemes[0]'],
      [{ corsOrigins: ['https://*.example'] }, 'input.corsOrigins[0]'],
      [{ maxAgeSeconds: 3_601 }, 'input.maxAgeSeconds'],
    ] as const) {
      const failed = await failure(planning, 'updateApp', { app, expectedVersion: 1, ...patch })
      expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path })
    }
    expect(await read(app)).toMatchObject({ version: 1, ...DEFAULTS })
  })

  test('do not change its keys, and the change log has only their number', async () => {
    const app = await makeApp(planning)
    const keys = async () => (await store.collection<App>('apps').findOne({ _id: app }))!.keys
    const before = await keys()
    await update(app, 1, { name: 'Anew' })
    expect(await keys()).toEqual(before)
    const [entry] = await store.collection<Change>('changes').find({ 'subject.id': app, mutation: 'updateApp' })
    expect(entry).toMatchObject({ before: { name: 'An app', keys: 1 }, after: { name: 'Anew', keys: 1, version: 2 } })
  })

  test('reach a node at once', async () => {
    const app = await makeApp(planning)
    const { channel, keys } = planning.services
    const node = await startSync({ channel, keys, node: 'n1', log: silent, intervals: ONLY_NOTIFICATIONS })
    expect(node.table.settings(app)).toMatchObject({ revision: 1, maxAgeSeconds: 30 })
    await update(app, 1, { maxAgeSeconds: 5, corsOrigins: ['*'] })
    await until('the node knows', () => node.table.settings(app)?.revision === 2)
    expect(node.table.settings(app)).toMatchObject({ maxAgeSeconds: 5, corsOrigins: ['*'], zone: 'UTC' })
    await node.stop()
  })

  test('are announced after the change, and not again when the call is repeated', async () => {
    const app = await makeApp(planning)
    const call = { app, expectedVersion: 1, name: 'Anew', idempotencyKey: 'once' }
    written = 0
    await run(planning, 'updateApp', call)
    expect(written).toBe(2)
    expect(await run(planning, 'updateApp', call)).toMatchObject({ version: 2 })
    expect(written).toBe(2)
    await failure(planning, 'updateApp', { ...call, idempotencyKey: null })
    expect(written).toBe(2)
  })

  test('change although the channel is out of reach, and reach it with the next change', async () => {
    const { channel } = testServices(store, Date.now)
    await channel.close()
    const cutOff = await startPlanning(store, { channel })
    const app = await makeApp(planning)
    expect(await run(cutOff, 'updateApp', { app, expectedVersion: 1, name: 'Anew' })).toMatchObject({ version: 2 })
    await update(app, 2, { name: 'Once more' })
    const [sealed] = await planning.services.channel.read([{ app, code: SETTINGS }])
    expect(sealed).toContain('"revision":3')
    await cutOff.stop()
  })

  test('do not change the links of its creatives, and apply to new links', async () => {
    const app = await makeApp(planning, { linkSchemes: ['shop'] })
    const link = 'shop://cart'
    const id = await makeCreative(planning, app, { link })
    await update(app, 1, { linkSchemes: null })
    const query = 'query ($id: ID!) { creative(id: $id) { link } }'
    expect(await planning.creative.must('viewer', query, { id })).toEqual({ link })
    await expect(makeCreative(planning, app, { link })).rejects.toThrow('input.content.link')
  })
})
