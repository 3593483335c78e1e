// Redis with Sentinel, and with the users of deploy/: whatever becomes of the primary, every node serves every acknowledged publish within
// 10 s after another server is the primary. No node goes back to an earlier publication, and no query of slots fails.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Redis } from 'ioredis'
import { describeWithRedis } from '../support/redis.ts'
import { startSentinel, type TestSentinel } from '../support/redis-sentinel.ts'
import { type CountingSlot, makeApp, makeCountingSlot } from './support/counting-slot.ts'
import { type Installation, startInstallation } from './support/installation.ts'
import { publishDuring } from './support/publish-during.ts'
import { ADMIN, redisUserFlags, withUserOf } from './support/redis-users.ts'
import { type RevisionWatch, watchRevisions } from './support/revision-watch.ts'
import { type SlotLoad, startSlotLoad } from './support/slot-load.ts'

const IN_STEP_MS = 10_000
const PER_SECOND = 100

describeWithRedis('When the primary of a Redis with Sentinel', () => {
  const folder = mkdtempSync(join(tmpdir(), 'alkaid-sentinel-users-'))
  let sentinel: TestSentinel
  let alkaid: Installation
  let slots: CountingSlot[]
  let watches: RevisionWatch[]
  let load: SlotLoad

  beforeAll(async () => {
    sentinel = await startSentinel({
      replicas: 2,
      flags: [...redisUserFlags(folder), '--masteruser', 'replica', '--masterauth', 'change-me-replica'],
      sentinelLines: ['sentinel auth-user NAME sentinel', 'sentinel auth-pass NAME change-me-sentinel'],
    })
    alkaid = await startInstallation({
      nodes: 2,
      redisUrl: sentinel.url,
      envOf: (name) => ({ REDIS_URL: withUserOf(name, sentinel.url) }),
    })
    const app = await makeApp(alkaid, 'shop')
    slots = await Promise.all(['home', 'feed'].map((code) => makeCountingSlot(alkaid, app, code)))
    watches = alkaid.nodes().map(({ url }) => watchRevisions(url, slots))
    load = startSlotLoad({
      urls: () => alkaid.nodes().map(({ url }) => url),
      perSecond: PER_SECOND,
      queries: slots.map(({ query }) => query),
      check: ({ status, body }) => (status === 200 ? undefined : `${status} ${body}`),
    })
  })
  afterAll(async () => {
    await load?.stop()
    await Promise.all((watches ?? []).map((watch) => watch.stop()))
    await alkaid?.stop()
    await sentinel?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function tryWhile(what: string, disturb: () => Promise<void>): Promise<void> {
    load.mark()
    const watched = watches.flatMap((watch) => slots.map((slot) => ({ slot, watch })))
    const { publishes, most } = await publishDuring(watched, disturb)
    const { sent, failures } = load.report()
    process.stderr.write(`redis-sentinel: ${what}: ${publishes} publishes, served within ${most} ms; ${sent} queries\n`)
    expect(watches.flatMap(({ problems }) => problems)).toEqual([])
    expect(failures).toEqual([])
    expect(most).toBeLessThanOrEqual(IN_STEP_MS)
  }

  test("gives its place to a replica, on an operator's wish", () =>
    tryWhile('asked to fail over', () => sentinel.failOver()))

  test('is killed', async () => {
    await sentinel.untilReplicated()
    const primary = await sentinel.primary()
    await tryWhile('killed', async () => {
      await primary.kill()
      await sentinel.untilReplaced(primary)
    })
    await primary.restart()
  })

  test('freezes, and comes back later with what it had', async () => {
    await sentinel.untilReplicated()
    const primary = await sentinel.primary()
    await tryWhile('frozen', async () => {
      primary.pause()
      await sentinel.untilReplaced(primary)
    })
    await tryWhile('thawed', async () => primary.resume())
  })

  test('a new primary tells of changes, and it refused nothing to any service', async () => {
    const { port } = await sentinel.primary()
    const admin = new Redis(port, '127.0.0.1', ADMIN)
    const [, flags] = (await admin.config('GET', 'notify-keyspace-events')) as string[]
    const refusals = (await admin.call('ACL', 'LOG')) as unknown[][]
    admin.disconnect()
    expect(flags).toMatch(/K.*\$|\$.*K/)
    expect(refusals).toEqual([])
  })
})
