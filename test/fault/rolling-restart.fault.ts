// Invariant 10: SIGTERM fails no request. Every service is replaced by a second instance under load, as an orchestrator does it: start
// the new one, wait until it is ready, end the old one. A balancer in front of each service sends new connections to what is ready.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { urlVariable } from '../../common/service/settings.ts'
import { createClient } from '../../scripts/shared/client.ts'
import { subgraphs } from '../../subgraphs/registry.ts'
import { describeWithRedis } from '../support/redis.ts'
import { type Balancer, startBalancer } from './support/balancer.ts'
import { type CountingSlot, makeApp, makeCountingSlot } from './support/counting-slot.ts'
import { type Installation, startInstallation, tokenOf } from './support/installation.ts'
import { ALL_OK, askParts } from './support/parts.ts'
import { startSlotLoad } from './support/slot-load.ts'

const NAMES = [...subgraphs.map(({ name }) => name), 'gateway']
const PER_SECOND = 60
/** Between two queries of the graph, and between two mutations. */
const PAUSE_MS = 100

describeWithRedis('A rolling restart of everything', () => {
  const balancers = new Map<string, Balancer>()
  let alkaid: Installation
  let slot: CountingSlot

  beforeAll(async () => {
    alkaid = await startInstallation({ stopped: ['gateway'], env: { DRAIN_SECONDS: '1' } })
    for (const name of NAMES) balancers.set(name, await startBalancer(alkaid.get(name).url))
    await startGateway('gateway')
    const url = balancers.get('gateway')!.url
    for (const role of ['operator', 'reviewer', 'publisher'] as const) {
      alkaid.clients[role] = createClient(`${url}/graphql`, await tokenOf(role))
    }
    await balancers.get('gateway')!.untilReady(1)
    slot = await makeCountingSlot(alkaid, await makeApp(alkaid, 'shop'), 'home.banner', 6)
    await sleep(500)
  })
  afterAll(async () => {
    for (const balancer of balancers.values()) await balancer.stop()
    await alkaid?.stop()
  })

  async function startGateway(name: string): Promise<void> {
    const urls = subgraphs.map((subgraph) => [urlVariable(subgraph.name), balancers.get(subgraph.name)!.url])
    alkaid.get(name).setEnv(Object.fromEntries(urls))
    await alkaid.get(name).start()
  }

  test('fails no slot query, no query of the graph and no mutation', async () => {
    const url = balancers.get('gateway')!.url
    const failures: string[] = []
    let isOver = false
    /** Repeats something until the end, and notes each failure. */
    const repeat = async (what: string, work: () => Promise<unknown>) => {
      let times = 0
      for (; !isOver; times++) {
        await work().catch((error: Error) => failures.push(`${new Date().toISOString()} ${what}: ${error.message}`))
        await sleep(PAUSE_MS)
      }
      return times
    }
    const queries = repeat('query', async () => {
      const { parts } = await askParts(url, 'shop', 'home.banner')
      expect(parts).toEqual(ALL_OK)
    })
    const creations = repeat('createCreative', () =>
      alkaid.clients.operator('mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { id } }', {
        input: { app: 'shop', content: { name: 'Made meanwhile', title: 'Made meanwhile' } },
      }),
    )
    const load = startSlotLoad({
      urls: () => [balancers.get('distribution')!.url],
      perSecond: PER_SECOND,
      queries: [slot.query],
      check: ({ status, body }) => (status === 200 && slot.numberIn(body) === 0 ? undefined : `${status} ${body}`),
    })
    const relayed = startSlotLoad({
      urls: () => [url],
      perSecond: PER_SECOND / 2,
      queries: [slot.query],
      check: ({ status, body }) => (status === 200 && slot.numberIn(body) === 0 ? undefined : `${status} ${body}`),
    })
    try {
      for (const name of NAMES) {
        const next = await alkaid.add(`${name}-next`, name)
        if (name === 'gateway') await startGateway(next.name)
        else await next.start()
        balancers.get(name)!.add(next.url)
        await balancers.get(name)!.untilReady(2)
        const { code, signal } = await alkaid.get(name).terminate()
        expect({ name, code, signal }).toEqual({ name, code: 0, signal: null })
      }
    } finally {
      isOver = true
      const [slots, relays] = [await load.stop(), await relayed.stop()]
      const [asked, created] = [await queries, await creations]
      process.stderr.write(
        `rolling-restart: ${slots.sent} slot queries, ${relays.sent} through the gateway, ${asked} queries, ${created} mutations\n`,
      )
      expect({ slots: slots.failures, relayed: relays.failures, graph: failures }).toEqual({
        slots: [],
        relayed: [],
        graph: [],
      })
      expect(Math.min(slots.sent, relays.sent, asked, created)).toBeGreaterThan(20)
    }
  }, 240_000)
})
