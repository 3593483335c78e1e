// Invariant 4: a node that is restarted without Redis and MongoDB serves its last snapshot. Nodes are killed at a hundred random moments
// while slots are published, so while snapshots are written, and start without Redis. Then files are damaged.

import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { type CountingSlot, makeApp, makeCountingSlot } from './support/counting-slot.ts'
import { type Installation, type Service, startInstallation } from './support/installation.ts'
import { seededRandom } from './support/seed.ts'
import { askSlots } from './support/slot-load.ts'
import { startTcpProxy, type TcpProxy } from './support/tcp-proxy.ts'

const NODES = 4
const KILLS = 100
const SLOTS = 2
/** Between two publishes in one slot. */
const PUBLISH_EVERY_MS = 80
/** A kill comes at most so long after the node is in step again: its snapshot is written once a second. */
const KILL_WITHIN_MS = 1_300
/** A node writes what it holds within a second. The rest is room for a busy machine. */
const WRITTEN_MS = 4_000

type Site = { node: Service; proxy: TcpProxy }
type Channel = { source: string | null; stalenessMs: number | null }

describeWithRedis('A node that is killed and starts without Redis', () => {
  const { random } = seededRandom('snapshot')
  const sites: Site[] = []
  let alkaid: Installation
  let slots: CountingSlot[]
  let isOver = false
  let publishing: Promise<unknown>

  beforeAll(async () => {
    alkaid = await startInstallation({ without: ['stats'], stopped: ['distribution'] })
    const app = await makeApp(alkaid, 'shop')
    slots = await Promise.all(Array.from({ length: SLOTS }, (_, at) => makeCountingSlot(alkaid, app, `slot-${at}`, 11)))
    for (let at = 0; at < NODES; at++) {
      const proxy = await startTcpProxy(alkaid.redis.port)
      // No database either: a node does not use it.
      const env = { REDIS_URL: `redis://127.0.0.1:${proxy.port}`, MONGODB_URI: '' }
      const node = await alkaid.add(`node-${at}`, 'distribution', env)
      await node.start()
      sites.push({ node, proxy })
    }
    await sleep(WRITTEN_MS)
    publishing = Promise.all(
      slots.map(async (slot) => {
        while (!isOver && slot.acknowledged + 1 < slot.states) {
          await slot.publishNext()
          await sleep(PUBLISH_EVERY_MS)
        }
      }),
    )
  })
  afterAll(async () => {
    isOver = true
    await publishing
    for (const { proxy } of sites) await proxy.stop()
    await alkaid?.stop()
  })

  /** What the node serves, by slot. Throws for an answer that no publication gives. */
  async function served({ node }: Site): Promise<number[]> {
    const query = { ...slots[0]!.query, slots: slots.flatMap((slot) => slot.query.slots) }
    const { status, body } = await askSlots(node.url, query)
    if (status !== 200) throw new Error(`${node.name}: ${status} ${body}`)
    return slots.map((slot) => {
      const number = slot.numberIn(body)
      if (number > slot.started) throw new Error(`${node.name}: there is no publication ${number}: ${body}`)
      return number
    })
  }

  async function channelOf({ node }: Site): Promise<Channel> {
    return ((await (await fetch(`${node.url}/readyz`)).json()) as { channel: Channel }).channel
  }

  /** Cuts it off, kills it, and starts it again without Redis. */
  async function restartWithoutRedis(site: Site): Promise<void> {
    await site.node.kill()
    site.proxy.blackHole()
    await site.node.start()
    expect((await channelOf(site)).source).toBe('snapshot')
  }

  async function untilInStep(site: Site): Promise<void> {
    site.proxy.heal()
    const wanted = slots.map((slot) => slot.acknowledged)
    const isInStep = async () => (await served(site)).every((number, at) => number >= wanted[at]!)
    await until(`${site.node.name} is in step again`, isInStep, { within: 20_000 })
  }

  test('serves its last snapshot, whole and never older than the one before, a hundred times', async () => {
    const loop = async (site: Site) => {
      let before = slots.map(() => 0)
      for (let kill = 0; kill < KILLS / NODES; kill++) {
        await sleep(random() * KILL_WITHIN_MS)
        await restartWithoutRedis(site)
        const now = await served(site)
        expect({ node: site.node.name, isOlder: now.some((number, at) => number < before[at]!) }).toEqual({
          node: site.node.name,
          isOlder: false,
        })
        before = now
        await untilInStep(site)
      }
      return before
    }
    const reached = await Promise.all(sites.map(loop))
    process.stderr.write(`snapshot: ${KILLS} kills; the last snapshots had the publications ${reached.join(' | ')}\n`)
    for (const numbers of reached) expect(Math.min(...numbers)).toBeGreaterThan(0)
  }, 300_000)

  test('serves everything that it held some seconds before it was killed', async () => {
    const [site] = sites as [Site]
    await untilInStep(site)
    const wanted = await served(site)
    await sleep(WRITTEN_MS)
    await restartWithoutRedis(site)
    const now = await served(site)
    expect(now.every((number, at) => number >= wanted[at]!)).toBe(true)
    await untilInStep(site)
  })

  const damages: Record<string, (path: string) => void> = {
    'is cut off': (path) => truncateSync(path, Math.floor(random() * readFileSync(path).length)),
    'has a wrong bit': (path) => {
      const bytes = readFileSync(path)
      const at = Math.floor(random() * bytes.length)
      bytes[at] = bytes[at]! ^ (1 << Math.floor(random() * 8))
      writeFileSync(path, bytes)
    },
    'is foreign': (path) => writeFileSync(path, 'GIF89a'),
  }

  test.each(Object.keys(damages))('whose newest file %s serves what is whole, or waits for Redis', async (damage) => {
    await Promise.all(
      sites.map(async (site) => {
        const { node, proxy } = site
        await untilInStep(site)
        await node.kill()
        proxy.blackHole()
        const folder = join(alkaid.folder, node.name, `distribution-${new URL(node.url).port}`)
        const files = readdirSync(folder).filter((name) => name.endsWith('.snapshot'))
        const newest = files.sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))[0]!
        damages[damage]!(join(folder, newest))
        const starting = node.start() // resolves when it is ready: with Redis, where nothing whole was left
        const isUp = () =>
          fetch(`${node.url}/readyz`).then(
            () => true,
            () => false,
          )
        await until(`${node.name} answers`, isUp, { within: 30_000 })
        const { status } = await askSlots(node.url, slots[0]!.query)
        expect([200, 503]).toContain(status)
        if (status === 200) await served(site)
        proxy.heal()
        await starting
        await untilInStep(site)
      }),
    )
  })
})
