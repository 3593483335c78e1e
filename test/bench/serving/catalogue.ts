// A large app beside the measured one: 5,000 slots with 20 schedules each, of 1.5 KB each, and somebody who publishes in it all the time.

import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { connectRedisChannel } from '../../../common/channel/redis-channel.ts'
import type { Publication } from '../../../engine/publication/types.ts'
import { type Child, pinProcess, startChild } from '../children.ts'
import { APP, list, publication, SLOTS, settings, writeDocuments } from './world.ts'

export const CATALOGUE = 'catalogue'
export const CATALOGUE_SLOTS = 5_000
const SCHEDULES_PER_SLOT = 20
/** So that an entry has 1.5 KB as JSON. */
const PADDING = 680
/** Written in groups, so that not all documents are in memory at once. */
const WRITTEN_AT_ONCE = 100

/** Each 20th publication changes one of the measured slots. */
const MEASURED_EVERY = 20

/** Writes the app with all its slots. @param slots fewer ones for a quick run. */
export async function writeCatalogue(redisUrl: string, slots: number): Promise<void> {
  const channel = await connectRedisChannel({ url: redisUrl })
  try {
    for (let from = 0; from < slots; from += WRITTEN_AT_ONCE) {
      const codes = Array.from({ length: Math.min(WRITTEN_AT_ONCE, slots - from) }, (_, at) => codeOf(from + at))
      const documents = codes.map((code) => cataloguePublication(code, 1))
      if (from === 0) requireSize(documents[0]!)
      await writeDocuments(channel, documents)
    }
    const both = list([APP, CATALOGUE], 2)
    await writeDocuments(channel, [settings(CATALOGUE, 'ak_another-key-for-benches'), both])
  } finally {
    await channel.close()
  }
}

/** The `number`th publication of somebody who publishes all the time. Revisions only rise. */
export function nextPublication(number: number, slots: number): Publication {
  if (number % MEASURED_EVERY === 0) {
    const code = SLOTS[(number / MEASURED_EVERY) % SLOTS.length]!
    return publication({ app: APP, code, revision: 2 + number })
  }
  return cataloguePublication(codeOf((number * 7919) % slots), 2 + number)
}

function cataloguePublication(code: string, revision: number): Publication {
  return publication({ app: CATALOGUE, code, revision, schedules: SCHEDULES_PER_SLOT, padding: PADDING })
}

function codeOf(at: number): string {
  return `slot.${String(at).padStart(4, '0')}`
}

function requireSize({ entries }: Publication): void {
  const bytes = JSON.stringify(entries).length / entries.length
  if (bytes < 1_500) throw new Error(`a schedule has only ${bytes} bytes`)
}

/** Resolves when it publishes. It shares the core of the load, and gives way to the load generator. */
export async function startPublisher(redisUrl: string, perMinute: number, slots: number): Promise<Child> {
  const script = fileURLToPath(new URL('./publisher.ts', import.meta.url))
  const env = { REDIS_URL: redisUrl, PER_MINUTE: String(perMinute), SLOTS: String(slots) }
  const child = startChild({ name: 'publisher', args: [script], core: 'load', env })
  try {
    await child.nextMessage()
  } catch (error) {
    await child.stop()
    throw error
  }
  pinProcess(child.pid, 'load')
  return child
}

/** Cuts the subscriptions of all nodes. A node that lost notifications loads everything again. */
export async function makeNodesReload(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: 1, commandTimeout: 2_000 })
  try {
    await redis.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB')
  } finally {
    redis.disconnect()
  }
}
