// What somebody should look at in how Alkaid was set up: it works, and may lose data, or show secrets to others. Each
// warning says what to do. They are logged, and are the check `setup` of `/readyz`, which looks again each time.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../base/log.ts'
import { createRedisConfigCheck, type RedisConfigCheck } from '../channel/redis-config-check.ts'
import type { Store } from '../store/store.ts'
import type { Checks } from './health.ts'
import type { Settings } from './settings.ts'

/** What is told of once it is there. Outside production, only what others on this machine may do. */
export type Setup = {
  store(store: Store): void
  /** What looks at the settings of a Redis, to be given to whoever connects to it; undefined outside production. */
  redis(options: { holdsEvents: boolean }): RedisConfigCheck | undefined
  channelInProcess(): void
  /** Logs what was not logged before. */
  tell(): Promise<void>
  check: Checks[string]
}

type Warnings = readonly string[]

export function createSetup(settings: Pick<Settings, 'production' | 'dataDir'>, log: Pick<Logger, 'warn'>): Setup {
  const { production, dataDir } = settings
  const sources: (() => Warnings | Promise<Warnings>)[] = [() => dataFolderWarnings(dataDir)]
  const add = (source: () => Warnings | Promise<Warnings>) => {
    if (production) sources.push(source)
  }
  const told = new Set<string>()

  /** A source that is out of reach has nothing to tell now; the checks of store and channel tell of that. */
  async function look(): Promise<Warnings> {
    const found = await Promise.all(sources.map(async (source) => source()).map((all) => all.catch(() => [])))
    return found.flat()
  }
  async function tell(): Promise<void> {
    for (const warning of await look()) {
      if (!told.has(warning)) log.warn(warning)
      told.add(warning)
    }
  }
  return {
    store(store) {
      let embedded: boolean | undefined // asked once: it does not change
      add(async () => {
        embedded ??= await isEmbedded(store)
        return embedded ? [EMBEDDED_STORE] : []
      })
    },
    redis({ holdsEvents }) {
      if (!production) return undefined
      const redis = createRedisConfigCheck({ holdsEvents, onChecked: () => void tell() })
      add(() => redis.warnings())
      return redis
    },
    channelInProcess: () => add(() => [CHANNEL_IN_PROCESS]),
    tell,
    check: async () => ({ warning: await look() }),
  }
}

const EMBEDDED_STORE =
  'NODE_ENV=production runs on the embedded store, which is for trying out: one copy, on one disk, for one process. ' +
  'Set MONGODB_URI to a MongoDB replica set'

/** In this process or in one of its own: it says who it is. */
async function isEmbedded(store: Store): Promise<boolean> {
  return (await store.client.db('admin').command({ buildInfo: 1 })).gitVersion === 'alkaid-embedded'
}

const CHANNEL_IN_PROCESS =
  'NODE_ENV=production has its channel in process: nodes in other processes get no publications. Set REDIS_URL to a Redis'

const OTHERS_MAY_WRITE = 0o022
const OTHERS_MAY_DO_ANYTHING = 0o077

/** By the mode bits, which Windows does not have. What is not there yet, or not used, is no trouble. */
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

/** The permissions; none where there is no such file. */
function modeOf(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o777
}

function octal(mode: number): string {
  return `mode ${mode.toString(8).padStart(4, '0')}`
}
