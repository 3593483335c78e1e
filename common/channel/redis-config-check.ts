// Checks the configuration of a Redis server: does it keep what Alkaid writes? It checks on each connect, because a restart or a
// failover can bring another configuration, and again when the last check is old. Managed servers often forbid CONFIG, so it
// asks INFO first.

import type { Redis } from 'ioredis'
import { reasonOf } from './redis-connection.ts'

export type RedisConfigCheck = {
  /** Starts a check. It is called on each connect. `name`: the server without credentials. */
  start(redis: Redis, name: string): void
  /** Each warning says what to change. Waits for a check that is running, and checks again when the last one is old. */
  warnings(): Promise<readonly string[]>
}

export type RedisConfigCheckOptions = {
  /** Whether this Redis holds accepted events. They must survive a crash; publications can be written again. */
  holdsEvents: boolean
  /** Called after each check. */
  onChecked?: () => void
}

/** `warnings` checks again when the last check is older, in milliseconds. */
const CHECK_AGAIN_MS = 30_000

export function createRedisConfigCheck({
  holdsEvents,
  onChecked = () => {},
}: RedisConfigCheckOptions): RedisConfigCheck {
  let connection: { redis: Redis; name: string } | undefined
  let running: Promise<void> | undefined
  let checkedAt = 0
  let found: readonly string[] = []

  function start(redis: Redis, name: string): void {
    connection = { redis, name }
    checkedAt = performance.now()
    running = findWarnings(redis, name, holdsEvents).then(
      (warnings) => {
        found = warnings
        onChecked()
      },
      () => {}, // the connection was lost: the last result still holds, and the next connect checks again
    )
  }
  return {
    start,
    async warnings() {
      const isOld = performance.now() - checkedAt > CHECK_AGAIN_MS
      if (connection?.redis.status === 'ready' && isOld) start(connection.redis, connection.name)
      await running
      return found
    },
  }
}

async function findWarnings(redis: Redis, name: string, holdsEvents: boolean): Promise<string[]> {
  const refusals = new Set<string>()
  /** Undefined when the server refuses to answer. Rejects when the connection is lost. */
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

  const warnings: string[] = []
  if (policy !== undefined && policy !== 'noeviction') {
    warnings.push(
      `${name} drops what it holds when it is full (maxmemory-policy ${policy}), accepted events among it. ` +
        'Set maxmemory-policy noeviction',
    )
  }
  if (!isAppending && appendOnly !== undefined && snapshots !== undefined) {
    warnings.push(`${name} ${lossOf(snapshots)}. Set appendonly yes`)
  }
  const unknown = [
    ...(policy === undefined ? ['maxmemory-policy is noeviction'] : []),
    ...(!isAppending && (appendOnly === undefined || snapshots === undefined) ? ['appendonly is yes'] : []),
  ]
  if (unknown.length > 0) {
    warnings.push(
      `${name} does not tell its settings (${[...refusals].join('; ')}). Make sure that ${unknown.join(' and ')}`,
    )
  }
  return warnings
}

function lossOf(snapshots: string): string {
  return snapshots === ''
    ? 'keeps nothing on disk: when it restarts, accepted events that are not counted yet are lost'
    : 'keeps snapshots only: when it crashes, events accepted since the last one are lost'
}

function fieldOf(info: string, field: string): string | undefined {
  return new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(info)?.[1]
}
