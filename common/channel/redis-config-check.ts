// Checks the configuration of each Redis server: does it keep what Alkaid writes? It checks on each connect, because a restart or a
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
  /** Of each connection: the newest check. A cluster has several servers. */
  const checks = new Map<Redis, Check>()

  function start(redis: Redis, name: string): void {
    for (const [other, check] of checks) if (isReplaced(other, check, redis, name)) checks.delete(other)
    const found = checks.get(redis)?.found ?? []
    const check: Check = { name, checkedAt: performance.now(), found, running: Promise.resolve() }
    check.running = findWarnings(redis, name, holdsEvents).then(
      (warnings) => {
        check.found = warnings
        onChecked()
      },
      () => {}, // the connection was lost: the last result still holds, and the next connect checks again
    )
    checks.set(redis, check)
  }
  return {
    start,
    async warnings() {
      for (const [redis, { name, checkedAt }] of checks) {
        if (redis.status === 'ready' && performance.now() - checkedAt > CHECK_AGAIN_MS) start(redis, name)
      }
      await Promise.all([...checks.values()].map(({ running }) => running))
      return [...new Set([...checks.values()].flatMap(({ found }) => found))]
    },
  }
}

type Check = { name: string; checkedAt: number; found: readonly string[]; running: Promise<void> }

/** Whether a connection has ended: another one to the same server takes its place, or its server has left the cluster. */
function isReplaced(other: Redis, check: Check, redis: Redis, name: string): boolean {
  return other !== redis && (other.status === 'end' || check.name === name)
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
