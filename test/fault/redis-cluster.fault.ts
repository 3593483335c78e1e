// A Redis Cluster, with the users of deploy/: while slots move and primaries fail, every node serves every acknowledged publish within 10 s.
// No node goes back to an earlier publication, and no query of slots fails. A primary that is gone holds up only the apps that it has.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis } from '../support/redis.ts'
import { startCluster, type TestCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'
import { type CountingSlot, makeApp, makeCountingSlot } from './support/counting-slot.ts'
import { type Installation, startInstallation } from './support/installation.ts'
import { publishDuring } from './support/publish-during.ts'
import { ADMIN, redisUserFlags, withUserOf } from './support/redis-users.ts'
import { type RevisionWatch, watchRevisions } from './support/revision-watch.ts'
import { type SlotLoad, startSlotLoad } from './support/slot-load.ts'

const IN_STEP_MS = 10_000
const PER_SECOND = 100

describeWithRedis('In a Redis Cluster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'alkaid-cluster-users-'))
  let cluster: TestCluster
  let alkaid: Installation
  /** One for each app; the apps are on different primaries. */
  let slots: CountingSlot[]
  let watches: RevisionWatch[][]
  let load: SlotLoad
  const apps = ['shop', 'news', 'mail']

  beforeAll(async () => {
    cluster = await startCluster({
      primaries: 3,
      replicas: 1,
      spare: 1,
      flags: [...redisUserFlags(folder), '--masteruser', 'replica', '--masterauth', 'change-me-replica'],
      admin: ADMIN,
    })
    // One app to each primary, wherever their names would put them.
    for (const [at, app] of apps.entries()) {
      await cluster.moveSlot(await cluster.slotOf(`{${app}}`), cluster.servers[at]!)
    }
    alkaid = await startInstallation({
      nodes: 2,
      redisUrl: cluster.url,
      envOf: (name) => ({ REDIS_URL: withUserOf(name, cluster.url) }),
    })
    slots = await Promise.all(
      apps.map(async (app) => makeCountingSlot(alkaid, await makeApp(alkaid, app), `${app}.home`)),
    )
    watches = slots.map((slot) => alkaid.nodes().map(({ url }) => watchRevisions(url, [slot])))
    load = startSlotLoad({
      urls: () => alkaid.nodes().map(({ url }) => url),
      perSecond: PER_SECOND,
      queries: slots.map(({ query }) => query),
      check: ({ status, body }) => (status === 200 ? undefined : `${status} ${body}`),
    })
  })
  afterAll(async () => {
    await load?.stop()
    await Promise.all((watches ?? []).flat().map((watch) => watch.stop()))
    await alkaid?.stop()
    await cluster?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function tryWhile(what: string, disturb: () => Promise<void>, whose: readonly number[] = [0, 1, 2]) {
    load.mark()
    const watched = whose.flatMap((at) => watches[at]!.map((watch) => ({ slot: slots[at]!, watch })))
    const { publishes, most } = await publishDuring(watched, disturb)
    const { sent, failures } = load.report()
    process.stderr.write(`redis-cluster: ${what}: ${publishes} publishes, served within ${most} ms; ${sent} queries\n`)
    expect(watches.flat().flatMap(({ problems }) => problems)).toEqual([])
    expect(failures).toEqual([])
    expect(most).toBeLessThanOrEqual(IN_STEP_MS)
  }

  const untilPrimaryOf = (key: string, isRight: (id: string) => boolean) =>
    until('a replica has taken over', async () => isRight((await cluster.primaryOf(key))?.id ?? ''), { within: 20_000 })

  test('slots move between primaries, and to one that had none', () =>
    tryWhile('slots moved', async () => {
      const [first, second, third] = cluster.servers
      const spare = cluster.servers.at(-1)!
      const between = () => sleep(100)
      await cluster.moveSlot(await cluster.slotOf('{shop}'), spare, between)
      await cluster.moveSlot(await cluster.slotOf('{news}'), third!, between)
      await cluster.moveSlot(await cluster.slotOf('{alkaid}'), spare, between)
      await sleep(3_000)
      await cluster.moveSlot(await cluster.slotOf('{shop}'), first!, between)
      await cluster.moveSlot(await cluster.slotOf('{news}'), second!, between)
      await cluster.moveSlot(await cluster.slotOf('{alkaid}'), third!, between)
    }))

  test('a primary is killed, and its replica takes over', () =>
    tryWhile('a primary killed', async () => {
      const primary = await cluster.primaryOf('{news}')
      await primary.kill()
      await untilPrimaryOf('{news}', (id) => id !== '' && id !== primary.id)
      await cluster.untilWhole()
    }))

  test('a primary is gone that has no replica: the apps of the others go on as before', async () => {
    const primary = await cluster.primaryOf('{news}')
    await primary.kill()
    await sleep(3_000)
    await tryWhile('a primary gone', () => sleep(8_000), [0, 2])
    await primary.restart()
    await cluster.untilWhole()
    await tryWhile('the primary is back, empty', async () => {})
  })

  test('Redis refused nothing to any service', async () => {
    const refusals = await Promise.all(
      cluster.servers.map(({ admin }) => admin.call('ACL', 'LOG').catch(() => [])), // one of them is gone
    )
    expect(refusals.flat()).toEqual([])
  })
})
