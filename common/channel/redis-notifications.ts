// Redis tells of changed keys only if `notify-keyspace-events` says so. Alkaid adds what it needs on every
// connect (a restart forgets it) and leaves what others need. Where CONFIG is forbidden, as on many managed
// servers, nodes still find changes by comparing manifests, only later.

import type { Redis } from 'ioredis'
import { type ChannelLog, reasonOf } from './log.ts'

/** K: keyspace channels. $: string commands; documents are strings, and SET is the only way they change. */
const NEEDED = ['K', '$']
const SETTING = 'notify-keyspace-events'

/** The setting to write, or undefined when the present one suffices. `A` stands for all common classes. */
export function mergeNotificationFlags(present: string): string | undefined {
  const missing = NEEDED.filter((flag) => !present.includes(flag) && !(flag === '$' && present.includes('A')))
  return missing.length ? present + missing.join('') : undefined
}

/** A function to run on each connect. A server that refuses is warned of once; other failures reject. */
export function notificationKeeper(name: string, log: ChannelLog): (redis: Redis) => Promise<void> {
  let warned = false
  return async (redis) => {
    try {
      const present = ((await redis.config('GET', SETTING)) as string[])[1] ?? ''
      const merged = mergeNotificationFlags(present)
      if (merged === undefined) return
      await redis.config('SET', SETTING, merged)
      log({ level: 'info', kind: 'notifications-on', message: `Set ${SETTING} of ${name} to ${merged}.` })
    } catch (error) {
      // Only an answer is a refusal. A lost connection or a silent server is not, and the next connect tries again.
      if (!(error instanceof Error) || error.name !== 'ReplyError') throw error
      if (warned) return
      warned = true
      const message =
        `${name} does not let us set ${SETTING} (${reasonOf(error)}). Make sure that it contains ` +
        `${NEEDED.join('')}; without it nodes see changes only when they next compare manifests.`
      log({ level: 'warn', kind: 'notifications-refused', message })
    }
  }
}
