// Invariant 9: no change without its entry in the change log, and no entry without its change. A mutation is stopped at a step, before or
// after a command of it reaches the database, and there its service or the database is killed. The database comes back with its journal.
// A publish is also killed between MongoDB and Redis.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { slotHeads } from '../../subgraphs/delivery/repository.ts'
import { inconsistencies } from '../support/consistency.ts'
import { type MongoProxy, startMongoProxy } from '../support/mongo-proxy.ts'
import { eventually } from '../support/platform.ts'
import { describeWithRedis } from '../support/redis.ts'
import { isTransient, untilAcknowledged } from './support/counting-slot.ts'
import { type CrashGate, type CrashPoint, createCrashGate } from './support/crash-point.ts'
import { databaseKinds } from './support/database.ts'
import { type Installation, startInstallation } from './support/installation.ts'
import {
  addedRows,
  countRows,
  MUTATION_NAMES,
  type MutationName,
  prepareMutations,
  type RowCounts,
  SERVICE_OF,
} from './support/mutations.ts'
import { type RedisProxy, startRedisProxy } from './support/redis-proxy.ts'
import { seededRandom } from './support/seed.ts'

const SERVICES = [...new Set(Object.values(SERVICE_OF))]
/** For each mutation, beside the two points around its commit. */
const RANDOM_POINTS = 1

describeWithRedis('A mutation that is cut off', () => {
  const { random } = seededRandom('crash-steps')

  describe.each(databaseKinds)('on %s', (database) => {
    let alkaid: Installation
    let store: Store
    let prepare: Awaited<ReturnType<typeof prepareMutations>>
    let redisProxy: RedisProxy
    const proxies: MongoProxy[] = []
    const gates = new Map<string, CrashGate>()
    /** What each mutation adds, and its commands, when nothing goes wrong. */
    const usual = new Map<MutationName, { rows: RowCounts; commands: readonly string[] }>()

    beforeAll(async () => {
      alkaid = await startInstallation({ database, stopped: ['gateway', 'stats', 'distribution', ...SERVICES] })
      store = await alkaid.store()
      redisProxy = await startRedisProxy(alkaid.redis.port, random)
      for (const service of SERVICES) {
        const gate = createCrashGate()
        const proxy = await startMongoProxy(store.client, gate)
        proxies.push(proxy)
        gates.set(service, gate)
        alkaid.get(service).setEnv({
          MONGODB_URI: proxy.uri,
          ...(service === 'delivery' ? { REDIS_URL: redisProxy.url } : {}),
        })
      }
      await Promise.all(['gateway', 'distribution', ...SERVICES].map((name) => alkaid.get(name).start()))
      prepare = await prepareMutations(alkaid, 'shop')
      for (const name of MUTATION_NAMES) {
        const { mutation, input, client } = await prepare[name]()
        const before = await countRows(store)
        const gate = gates.get(SERVICE_OF[name])!
        gate.listen()
        await client(mutation, { input: { ...input, idempotencyKey: randomUUID() } })
        usual.set(name, { commands: [...gate.commands], rows: addedRows(before, await countRows(store)) })
      }
    })
    afterAll(async () => {
      await alkaid?.stop()
      for (const proxy of [redisProxy, ...proxies]) await proxy?.stop()
    })

    /**
     * Whatever the crash left, the database is whole; and the mutation, sent again with its key, is there exactly once. Resolves to
     * whether there was a crash: reconciliation sends commands, too, so the last steps that were counted are not always reached.
     */
    async function crash(
      name: MutationName,
      arm: () => void,
      recover: () => Promise<unknown>,
      disarm: () => Promise<boolean>,
    ): Promise<boolean> {
      const { mutation, input, client } = await prepare[name]()
      const before = await countRows(store)
      const variables = { input: { ...input, idempotencyKey: randomUUID() } }
      arm()
      await client(mutation, variables).catch((error) => {
        if (!isTransient(error)) throw error
      })
      const wasReached = await disarm()
      await recover()
      const left = await eventually(
        () => inconsistencies(store),
        (found) => !found.some(isUnfinished),
      )
      expect(left).toEqual([])
      await untilAcknowledged(client, mutation, variables)
      expect(addedRows(before, await countRows(store))).toEqual(usual.get(name)!.rows)
      expect(await inconsistencies(store)).toEqual([])
      return wasReached
    }

    /** A revocation that was cut off is finished by reconciliation, a few seconds later. */
    const isUnfinished = (inconsistency: string) => / is not off its slots$|, which is REVOKED$/.test(inconsistency)

    /** The node serves what MongoDB calls the latest publication of the slot. */
    async function expectServed(): Promise<void> {
      const { slot } = await alkaid.clients.viewer('{ slot(id: "shop/home.banner") { id } }')
      const head = await slotHeads.get(store, slot.id)
      const ask = async () => {
        const query = '{ explainDecision(app: "shop", slot: "home.banner") { revision } }'
        return (await alkaid.clients.viewer(query)).explainDecision.revision
      }
      expect(await eventually(ask, (revision) => revision === head!.revision)).toBe(head!.revision)
    }

    function armedAt(
      name: MutationName,
      point: CrashPoint,
      kill: () => Promise<unknown>,
      start: () => Promise<unknown>,
    ) {
      const gate = gates.get(SERVICE_OF[name])!
      return crash(
        name,
        () => gate.arm(point, kill),
        start,
        () => gate.disarm(),
      )
    }

    describe('because its service is killed', () => {
      test.each(MUTATION_NAMES)(
        'is there as a whole or not at all, and once when it is sent again: %s',
        async (name) => {
          const service = alkaid.get(SERVICE_OF[name])
          const { commands } = usual.get(name)!
          const points: CrashPoint[] = [
            { at: 'commitTransaction', when: 'before' },
            { at: 'commitTransaction', when: 'after' },
          ]
          for (let count = 0; count < RANDOM_POINTS; count++) {
            const at = 1 + Math.floor(random() * commands.length)
            points.push({ at, when: random() < 0.5 ? 'before' : 'after' })
          }
          let crashes = 0
          for (const point of points) {
            const wasReached = await armedAt(
              name,
              point,
              () => service.kill(),
              () => service.start(),
            )
            if (wasReached) crashes += 1
            else expect(point.at).not.toBe('commitTransaction')
          }
          expect(crashes).toBeGreaterThanOrEqual(2)
          if (service.name === 'delivery') await expectServed()
        },
      )
    })

    describe('because the database is killed', () => {
      let starting: Promise<unknown> | undefined
      /** It is started again at once, and comes up while the mutation may still be trying. */
      async function kill(): Promise<void> {
        await alkaid.database.process.kill()
        starting = alkaid.database.process.start()
      }
      const restart = async () => starting

      test('is there as a whole or not at all, at every step of a publish', async () => {
        const { commands } = usual.get('publish')!
        let crashes = 0
        for (let at = 1; at <= commands.length; at++) {
          if (await armedAt('publish', { at, when: random() < 0.5 ? 'before' : 'after' }, kill, restart)) crashes += 1
        }
        expect(crashes).toBeGreaterThan(commands.length / 2)
        await expectServed()
      }, 300_000)

      test.each(MUTATION_NAMES)('is there once when the answer to its commit is lost: %s', async (name) => {
        expect(await armedAt(name, { at: 'commitTransaction', when: 'after' }, kill, restart)).toBe(true)
      })
    })

    describe('between MongoDB and Redis', () => {
      const delivery = () => alkaid.get('delivery')
      const kills: [string, () => Promise<unknown>, () => Promise<unknown>][] = [
        ['delivery', () => delivery().kill(), () => delivery().start()],
        ['Redis', () => alkaid.redis.kill(), () => alkaid.redis.restart()],
      ]
      const steps = kills.flatMap((kill) => (['before', 'after'] as const).map((when) => [when, ...kill] as const))

      test.each(steps)(
        'is served in the end: %s Redis has the publication, %s is killed',
        async (when, _, kill, start) => {
          let killing: Promise<unknown> | undefined
          const lose = async (command: readonly string[]) => {
            const isWrite = /^eval/i.test(command[0]!) && command.some((word) => word === '{shop}:slot:home.banner')
            if (!isWrite || killing || command[2] !== '2') return
            killing = kill()
            await killing
            throw new Error('the connection ends here')
          }
          const arm = () => redisProxy.gate({ [when]: lose })
          const wasReached = await crash('publish', arm, start, async () => {
            redisProxy.gate(undefined)
            await killing
            return killing !== undefined
          })
          expect(wasReached).toBe(true)
          await expectServed()
        },
      )
    })
  })
})
