// A whole installation of real processes: the embedded server (or mongod), redis-server, and each service of the registry, on free
// loopback ports, each with a folder of its own. Every process can be killed, frozen and started again by its name.
//
//     const alkaid = await startInstallation({ nodes: 3 })
//     alkaid.get('schedule').freeze()
//     await alkaid.get('distribution-2').kill()

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Role } from '../../../common/access/rights.ts'
import { signToken, type TokenSettings } from '../../../common/access/tokens.ts'
import { urlVariable } from '../../../common/service/settings.ts'
import { connectStore, type Store } from '../../../common/store/store.ts'
import { deriveSigningKeys } from '../../../engine/publication/sign.ts'
import { type Client, createClient } from '../../../scripts/shared/client.ts'
import { tokensOfRoles } from '../../../scripts/shared/tokens.ts'
import { gateway, subgraphs } from '../../../subgraphs/registry.ts'
import { clientsOf } from '../../support/platform.ts'
import { startRedis, type TestRedis } from '../../support/redis.ts'
import { type Database, type DatabaseKind, startDatabase } from './database.ts'
import { type ManagedProcess, manageProcess } from './managed-process.ts'
import { stablePort } from './ports.ts'

export type Service = ManagedProcess & {
  /** As the registry calls it. Two nodes have one service name and two names. */
  service: string
  url: string
  metricsUrl: string
}

export type Installation = {
  folder: string
  /** Throws when the test brought a Redis of its own. */
  readonly redis: TestRedis
  database: Database
  /** A client of the gateway for each role. The actor is called like the role. */
  clients: Record<Role, Client>
  tokens: Record<Role, string>
  /** A client of the gateway for another person: `admin-2` has the role admin in every app. */
  clientOf(actor: string): Promise<Client>
  tokenOf(actor: string): Promise<string>
  /** Throws when there is no process of this name. */
  get(name: string): Service
  /** All services, nodes among them. */
  all(): Service[]
  nodes(): Service[]
  /** Adds a process of a service, without starting it. `url`: where others find it. Default: a port of its own. */
  add(name: string, service: string, env?: Record<string, string>): Promise<Service>
  /** The database as the services have it. `stop` closes it. */
  store(): Promise<Store>
  /** Kills everything, frozen processes among them, and deletes the folder. */
  stop(): Promise<void>
}

export type InstallationOptions = {
  /** How many nodes: `distribution`, `distribution-2`, ... Default: 1. */
  nodes?: number
  /** Services that are not started; `get(name).start()` starts them. */
  stopped?: readonly string[]
  /** Services that are left out. */
  without?: readonly string[]
  database?: DatabaseKind
  /** Flags of redis-server, such as `['--appendonly', 'yes']`. */
  redisFlags?: readonly string[]
  /** A Redis that the test itself starts and stops. Default: one redis-server. */
  redisUrl?: string
  /** More settings of a process, by its name, for example the address of a proxy. Called once the stores run. */
  envOf?(name: string, stores: { mongodbUri: string; redisUrl: string }): Record<string, string>
  /** Settings of every process. */
  env?: Record<string, string>
}

const SECRETS = {
  JWT_SECRET: 'the secret of the tokens of the fault suite',
  SIGNING_SECRET: 'the signing secret of the fault suite, long',
  SERVICE_SECRET: 'the-service-secret-of-the-fault-suite',
}
const tokenSettings: TokenSettings = { issuer: 'alkaid', audience: 'alkaid', key: { secret: SECRETS.JWT_SECRET } }

export const signingKeys = deriveSigningKeys(SECRETS.SIGNING_SECRET)
export const serviceSecret = SECRETS.SERVICE_SECRET
export { tokenSettings }

export async function startInstallation(options: InstallationOptions = {}): Promise<Installation> {
  const { nodes = 1, stopped = [], without = [], env = {}, envOf = () => ({}) } = options
  const folder = await mkdtemp(join(tmpdir(), 'alkaid-fault-'))
  const redis = options.redisUrl === undefined ? await startRedis(options.redisFlags) : undefined
  const database = await startDatabase(options.database ?? 'embedded', folder).catch(async (error) => {
    await redis?.stop()
    throw error
  })
  const stores = { mongodbUri: database.uri, redisUrl: options.redisUrl ?? redis!.url }
  const services = new Map<string, Service>()
  const addresses: Record<string, string> = {}
  let store: Promise<Store> | undefined

  async function add(name: string, service: string, own: Record<string, string> = {}): Promise<Service> {
    const [port, metricsPort] = [await stablePort(), await stablePort()]
    const url = `http://127.0.0.1:${port}`
    const process = manageProcess({
      name,
      args: [service === gateway.name ? 'gateway/index.ts' : `subgraphs/${service}/index.ts`],
      env: {
        ...SECRETS,
        ...addresses,
        MONGODB_URI: stores.mongodbUri,
        REDIS_URL: stores.redisUrl,
        DATA_DIR: join(folder, name),
        PORT: `${port}`,
        METRICS_PORT: `${metricsPort}`,
        DRAIN_SECONDS: '0',
        ...env,
        ...envOf(name, stores),
        ...own,
      },
      async ready(firstLine) {
        if (firstLine === undefined) return false
        return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok
      },
    })
    const added = Object.assign(process, { service, url, metricsUrl: `http://127.0.0.1:${metricsPort}` })
    services.set(name, added)
    return added
  }

  function get(name: string): Service {
    const found = services.get(name)
    if (!found) throw new Error(`There is no process ${name}; there are ${[...services.keys()].join(', ')}`)
    return found
  }

  async function stop(): Promise<void> {
    await store?.then((opened) => opened.close()).catch(() => {}) // it may be out of reach
    await Promise.all([...services.values()].map((service) => service.kill()))
    await Promise.all([database.process.kill(), redis?.stop()])
    await rm(folder, { recursive: true, force: true })
  }

  try {
    for (const { name } of subgraphs) {
      if (without.includes(name)) continue
      addresses[urlVariable(name)] = (await add(name, name)).url
    }
    for (let node = 2; node <= nodes; node++) await add(`distribution-${node}`, 'distribution')
    if (!without.includes(gateway.name)) await add(gateway.name, gateway.name)
    await Promise.all([...services.values()].filter(({ name }) => !stopped.includes(name)).map((one) => one.start()))
    const tokens = await tokensOfRoles(tokenSettings)
    const graph = services.get(gateway.name)?.url ?? ''
    return {
      folder,
      get redis() {
        if (!redis) throw new Error('The test brought a Redis of its own')
        return redis
      },
      database,
      tokens,
      clients: clientsOf(graph, tokens),
      tokenOf,
      clientOf: async (actor) => createClient(`${graph}/graphql`, await tokenOf(actor)),
      get,
      all: () => [...services.values()],
      nodes: () => [...services.values()].filter(({ service }) => service === 'distribution'),
      add,
      store: () => (store ??= connectStore({ uri: database.uri, now: Date.now })),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** `admin-2`: the role before the hyphen, in every app. */
export function tokenOf(actor: string): Promise<string> {
  const role = actor.split('-')[0] as Role
  return signToken(tokenSettings, { actor, roles: { '*': [role] } })
}
