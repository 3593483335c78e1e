// Invariant 8: a retried mutation applies once. The connection is reset after the commit, on each of the three ways that the answer
// takes: from the database to the subgraph, from the subgraph to the gateway, and from the gateway to the client.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { urlVariable } from '../../common/service/settings.ts'
import type { Store } from '../../common/store/store.ts'
import { createClient } from '../../scripts/shared/client.ts'
import { inconsistencies } from '../support/consistency.ts'
import { type MongoProxy, startMongoProxy } from '../support/mongo-proxy.ts'
import { describeWithRedis } from '../support/redis.ts'
import { untilAcknowledged } from './support/counting-slot.ts'
import { type CrashGate, createCrashGate } from './support/crash-point.ts'
import { databaseKinds } from './support/database.ts'
import { type Installation, startInstallation, tokenOf } from './support/installation.ts'
import {
  addedRows,
  countRows,
  MUTATION_NAMES,
  prepareMutations,
  type RowCounts,
  SERVICE_OF,
} from './support/mutations.ts'
import { startTcpProxy, type TcpProxy } from './support/tcp-proxy.ts'

const SERVICES = [...new Set(Object.values(SERVICE_OF))]

describeWithRedis('A mutation whose answer is lost', () => {
  describe.each(databaseKinds)('on %s', (database) => {
    let alkaid: Installation
    let store: Store
    let clientProxy: TcpProxy
    let prepare: Awaited<ReturnType<typeof prepareMutations>>
    const subgraphProxies = new Map<string, TcpProxy>()
    const mongoProxies: MongoProxy[] = []
    const gates = new Map<string, CrashGate>()
    /** What each mutation adds when nothing goes wrong. */
    const usual = new Map<string, RowCounts>()

    beforeAll(async () => {
      alkaid = await startInstallation({ database, stopped: ['gateway', 'stats', 'distribution', ...SERVICES] })
      store = await alkaid.store()
      for (const service of SERVICES) {
        const gate = createCrashGate()
        const mongo = await startMongoProxy(store.client, gate)
        alkaid.get(service).setEnv({ MONGODB_URI: mongo.uri })
        gates.set(service, gate)
        mongoProxies.push(mongo)
        subgraphProxies.set(service, await startTcpProxy(Number(new URL(alkaid.get(service).url).port)))
      }
      const urls = [...subgraphProxies].map(([name, { port }]) => [urlVariable(name), `http://127.0.0.1:${port}`])
      const gateway = alkaid.get('gateway')
      gateway.setEnv(Object.fromEntries(urls))
      await Promise.all([gateway, ...SERVICES.map(alkaid.get)].map((service) => service.start()))
      clientProxy = await startTcpProxy(Number(new URL(gateway.url).port))
      for (const role of ['operator', 'reviewer', 'publisher'] as const) {
        alkaid.clients[role] = createClient(`http://127.0.0.1:${clientProxy.port}/graphql`, await tokenOf(role))
      }
      prepare = await prepareMutations(alkaid, 'shop')
      for (const name of MUTATION_NAMES) {
        const { mutation, input, client } = await prepare[name]()
        const before = await countRows(store)
        await client(mutation, { input: { ...input, idempotencyKey: randomUUID() } })
        usual.set(name, addedRows(before, await countRows(store)))
      }
    })
    afterAll(async () => {
      await alkaid?.stop()
      for (const proxy of [clientProxy, ...subgraphProxies.values(), ...mongoProxies]) await proxy?.stop()
    })

    /** Where the answer is lost. Resolves to whether it was. */
    const WAYS: Record<string, (service: string, key: string) => { wasLost(): Promise<boolean> }> = {
      'the database and the subgraph'(service) {
        const gate = gates.get(service)!
        gate.arm({ at: 'commitTransaction', when: 'after' }, async () => {})
        return { wasLost: () => gate.disarm() }
      },
      'the subgraph and the gateway'(service, key) {
        let lost = false
        void subgraphProxies
          .get(service)!
          .loseAnswerTo(key)
          .then(() => (lost = true))
        return { wasLost: async () => lost }
      },
      'the gateway and the client'(_service, key) {
        let lost = false
        void clientProxy.loseAnswerTo(key).then(() => (lost = true))
        return { wasLost: async () => lost }
      },
    }

    describe.each(Object.keys(WAYS))('between %s', (way) => {
      test.each(MUTATION_NAMES)('applies once when it is sent again with its key: %s', async (name) => {
        const { mutation, input, client } = await prepare[name]()
        const before = await countRows(store)
        const idempotencyKey = randomUUID()
        const { wasLost } = WAYS[way]!(SERVICE_OF[name], idempotencyKey)
        await untilAcknowledged(client, mutation, { input: { ...input, idempotencyKey } })
        expect(await wasLost()).toBe(true)
        const repeated = await client(mutation, { input: { ...input, idempotencyKey } })
        expect(Object.values(repeated)[0]).not.toBeNull()
        expect(addedRows(before, await countRows(store))).toEqual(usual.get(name))
        expect(await inconsistencies(store)).toEqual([])
      })
    })
  })
})
