// The Redis users of deploy/redis/alkaid.conf, as flags of redis-server, and the URL of each service with its own user.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const SERVICE_USERS = ['schedule', 'delivery', 'stats', 'distribution']
export const ADMIN = { username: 'admin', password: 'change-me-admin' }

const deployed = new URL('../../../deploy/redis/alkaid.conf', import.meta.url)

/**
 * Writes the configuration to a folder: the deployed one, an admin for the test, and the users that its comments give for Sentinel and
 * replicas.
 */
export function redisUserFlags(folder: string): string[] {
  const text = readFileSync(deployed, 'utf8').replaceAll(/^# (?=user (?:sentinel|replica) )/gm, '')
  const conf = join(folder, 'alkaid.conf')
  writeFileSync(conf, `${text}\nuser ${ADMIN.username} on >${ADMIN.password} allkeys allchannels allcommands\n`)
  return ['--include', conf]
}

/** The URL with the user of this process, if its service has one: `distribution-2` has the user `distribution`. */
export function withUserOf(process: string, url: string): string {
  const user = SERVICE_USERS.find((one) => process === one || process.startsWith(`${one}-`))
  return user ? url.replace('//', `//${user}:change-me-${user}@`) : url
}
