// Whether a Redis keeps what it is given. It is looked at on each connect, since a restart or a failover may bring other
// settings, and again when somebody asks after a while. Managed servers often forbid CONFIG, so INFO is asked first.

import type { Redis } from 'ioredis'
import { reasonOf } from './log.ts'

export type RedisSettings = {
  /** To be called on each connect; whoever asks for warnings waits for what comes of it. `name`: without credentials. */
  look(redis: Redis, name: string): void
  /** What should be otherwise, each with what to do. */
  warnings(): Promise<readonly string[]>
}

export type RedisSettingsOptions = {
  /** Whether accepted events lie in it: these must survive its crash, while publications are written again. */
  holdsEvents: boolean
  /** Called when it was looked at anew. */
  looked?: () => void
}

/** How old, in ms, what was seen may be for somebody who asks. */
const LOOK_AGAIN_MS = 30_000

export function redisSettings({ holdsEvents, looked = () => {} }: RedisSettingsOptions): RedisSettings {
  let connection: { redis: Redis; name: string } | undefined
  let looking: Promise<void> | undefined
  let lookedAt = 0
  let found: readonly string[] = []

  function look(redis: Redis, name: string): void {
    connection = { redis, name }
    lookedAt = performance.now()
    looking = warningsOf(redis, name, holdsEvents).then(
      (warnings) => {
        found = warnings
        looked()
      },
      () => {}, // the connection was lost: what was seen still holds, and the next one is looked at
    )
  }
  return {
    look,
    async warnings() {
      const isOld = performance.now() - lookedAt > LOOK_AGAIN_MS
      if (connection?.redis.status === 'ready' && isOld) look(connection.redis, connection.name)
      await looking
      return found
    },
  }
}

async function warningsOf(redis: Redis, name: string, holdsEvents: boolean): Promise<string[]> {
  const refusals = new Set<string>()
  /** Undefined where the server does not say. Rejects when the connection is lost. */
  const ask = async (command: () => Promise<string | undefined>) =>
    command().catch((error: Error) => {
      if (error.name !== 'ReplyError') throw error
      refusals.add(reasonOf(error))
      return undefined
    })
  const info = (section: string, field: string) => ask(async () => fieldOf(await redis.info(section), field))
  const config = (setting: string) => ask(async () => ((await redis.config('GET', setting)) as string[])[1])

  const policy = (await info('memory', 'maxmemory_policy')) ?? (await config('maxmemory-policy'))
  const appendOnly = holdsEvents ? ((await info('persistence', 'aof_enabled')) ?? (await config('appendonly'))) : '1'
  const isAppending = appendOnly === '1' || appendOnly === 'yes'
  const snapshots = isAppending ? '' : await config('save')

  const unknown = [
    ...(policy === undefined ? ['maxmemory-policy is noeviction'] : []),
    ...(!isAppending && (appendOnly === undefined || snapshots === undefined) ? ['appendonly is yes'] : []),
  ]
  return [
    ...(policy !== undefined && policy !== 'noeviction'
      ? [
          `${name} drops what it holds when it is full (maxmemory-policy ${policy}), accepted events among it. ` +
            'Set maxmemory-policy noeviction',
        ]
      : []),
    ...(!isAppending && appendOnly !== undefined && snapshots !== undefined
      ? [`${name} ${lossOf(snapshots)}. Set appendonly yes`]
      : []),
    ...(unknown.length > 0
      ? [`${name} does not tell its settings (${[...refusals].join('; ')}). Make sure that ${unknown.join(' and ')}`]
      : []),
  ]
}

function lossOf(snapshots: string): string {
  return snapshots === ''
    ? 'keeps nothing on disk: when it restarts, accepted events that are not counted yet are lost'
    : 'keeps snapshots only: when it crashes, events accepted since the last one are lost'
}

function fieldOf(info: string, field: string): string | undefined {
  return new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(info)?.[1]
}
