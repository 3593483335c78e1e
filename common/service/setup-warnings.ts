// Warnings about the installation: it works, but it may lose data or show secrets to others. Each warning says what to do. They are
// logged, and `/readyz` shows them as its check `setup`, which looks again each time.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../base/log.ts'
import { createRedisConfigCheck, type RedisConfigCheck } from '../channel/redis-config-check.ts'
import type { Store } from '../store/store.ts'
import type { Checks } from './health.ts'
import type { Settings } from './settings.ts'

/** Outside production only the rights on the data folder and the number of workers are checked. */
export type SetupWarnings = {
  /** Checks whether this store is the embedded one. */
  addStore(store: Store): void
  /** Checks the settings of a Redis. Pass the result to the function that connects. Undefined outside production. */
  addRedis(options: { holdsEvents: boolean }): RedisConfigCheck | undefined
  addChannelInProcess(): void
  /** Everything runs in one process, whatever DISTRIBUTION_WORKERS says. */
  addOneProcess(): void
  /** Logs the warnings that were not logged before. */
  logNew(): Promise<void>
  check: Checks[string]
}

type Warnings = readonly string[]

export function createSetupWarnings(
  settings: Pick<Settings, 'production' | 'dataDir' | 'distributionWorkers'>,
  log: Pick<Logger, 'warn'>,
): SetupWarnings {
  const { production, dataDir, distributionWorkers } = settings
  const sources: (() => Warnings | Promise<Warnings>)[] = [() => dataFolderWarnings(dataDir)]
  const add = (source: () => Warnings | Promise<Warnings>) => {
    if (production) sources.push(source)
  }
  const logged = new Set<string>()

  /** A source that cannot be reached has no warnings now. The checks of store and channel report that it cannot. */
  async function findWarnings(): Promise<Warnings> {
    const found = await Promise.all(sources.map(async (source) => source()).map((all) => all.catch(() => [])))
    return found.flat()
  }
  async function logNew(): Promise<void> {
    for (const warning of await findWarnings()) {
      if (!logged.has(warning)) log.warn(warning)
      logged.add(warning)
    }
  }
  return {
    addStore(store) {
      let embedded: boolean | undefined // asked once, because it does not change
      add(async () => {
        embedded ??= await isEmbedded(store)
        return embedded ? [EMBEDDED_STORE] : []
      })
    },
    addRedis({ holdsEvents }) {
      if (!production) return undefined
      const redis = createRedisConfigCheck({ holdsEvents, onChecked: () => void logNew() })
      add(() => redis.warnings())
      return redis
    },
    addChannelInProcess: () => add(() => [CHANNEL_IN_PROCESS]),
    addOneProcess() {
      if (distributionWorkers > 1) sources.push(() => [ONE_PROCESS])
    },
    logNew,
    check: async () => ({ warning: await findWarnings() }),
  }
}

const ONE_PROCESS =
  'DISTRIBUTION_WORKERS has no effect here: npm start runs everything in one process. For a node on every core, use ' +
  'npm run start:processes'

const EMBEDDED_STORE =
  'NODE_ENV=production uses the embedded store, which is only for trying out: one copy, on one disk, for one process. ' +
  'Set MONGODB_URI to a MongoDB replica set'

/** The embedded server says so in its `buildInfo`, also when it is a process of its own. */
async function isEmbedded(store: Store): Promise<boolean> {
  return (await store.client.db('admin').command({ buildInfo: 1 })).gitVersion === 'alkaid-embedded'
}

const CHANNEL_IN_PROCESS =
  'NODE_ENV=production has its channel in process: nodes in other processes get no publications. Set REDIS_URL to a Redis'

const OTHERS_MAY_WRITE = 0o022
const OTHERS_MAY_DO_ANYTHING = 0o077

/** Reads the mode bits, which Windows does not have. A file that does not exist yet gives no warning. */
function dataFolderWarnings(dataDir: string): Warnings {
  if (process.platform === 'win32') return []
  const secrets = join(dataDir, 'secrets.json')
  const [folderMode, secretsMode] = [modeOf(dataDir), modeOf(secrets)]
  return [
    ...(folderMode & OTHERS_MAY_WRITE
      ? [`others on this machine may write into the data folder (${octal(folderMode)}). Run: chmod go-w ${dataDir}`]
      : []),
    ...(secretsMode & OTHERS_MAY_DO_ANYTHING
      ? [
          `others on this machine may read or change the secrets (${octal(secretsMode)}), and sign tokens with them. ` +
            `Run: chmod 600 ${secrets}; then delete the file and start again, so that new ones are made`,
        ]
      : []),
  ]
}

/** The permission bits, for example 0o600; 0 when the file does not exist. */
function modeOf(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777
}

function octal(mode: number): string {
  return `mode ${mode.toString(8).padStart(4, '0')}`
}
