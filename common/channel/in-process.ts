// The channel inside one process, for `npm start` without Redis and for tests: behaves as the one over Redis,
// but it is never out of reach and never loses anything.

import { compareStamps, formatStamp, parseStamp, type Stamp } from '../../engine/publication/types.ts'
import type { Address, Channel, Heartbeat, Listener } from './channel.ts'
import { ChannelUnavailable } from './errors.ts'
import { HEARTBEAT_KEPT } from './heartbeat.ts'
import { manifestKey, placeOf } from './keys.ts'
import type { ChannelLog } from './log.ts'
import { tell } from './tell.ts'

type Held = { stamp: Stamp; sealed: string }

/** Everybody in the process who is to be connected shares the one that this returns. */
export function createInProcessChannel({ log = () => {} }: { log?: ChannelLog } = {}): Channel {
  const documents = new Map<string, Held>()
  /** By manifest key: code -> `epoch.revision`. */
  const manifests = new Map<string, Map<string, string>>()
  const subscriptions = new Set<{ listener: Listener }>()
  const beats = new Map<string, Heartbeat>()
  let closed = false

  return {
    async write(address, stamp, sealed) {
      assertOpen()
      const { key } = placeOf(address)
      if (!parseStamp(formatStamp(stamp))) throw new RangeError(`Not a stamp: ${formatStamp(stamp)}.`)
      const held = documents.get(key)
      if (held && compareStamps(stamp, held.stamp) <= 0) return 'not higher'
      put(address, stamp, sealed)
      return 'written'
    },

    async replace(address, unreadable, stamp, sealed) {
      assertOpen()
      if (documents.get(placeOf(address).key)?.sealed !== unreadable) return 'changed'
      put(address, stamp, sealed)
      return 'written'
    },

    async read(addresses) {
      assertOpen()
      return addresses.map((address) => documents.get(placeOf(address).key)?.sealed ?? null)
    },

    async manifest(app) {
      assertOpen()
      return new Map(manifests.get(manifestKey(app)))
    },

    async listen(listener) {
      assertOpen()
      // An object of our own, so that one listener registered twice is two subscriptions, as over Redis.
      const subscription = { listener }
      subscriptions.add(subscription)
      return {
        async stop() {
          subscriptions.delete(subscription)
        },
      }
    },

    async beat(heartbeat) {
      assertOpen()
      beats.set(heartbeat.node, structuredClone(heartbeat))
    },

    async heartbeats(maxAgeMs) {
      assertOpen()
      const now = Date.now()
      for (const { node, at } of beats.values()) if (at < now - HEARTBEAT_KEPT) beats.delete(node)
      return structuredClone([...beats.values()].filter(({ at }) => at >= now - maxAgeMs))
    },

    async close() {
      closed = true
      subscriptions.clear()
    },
  }

  function put(address: Address, { epoch, revision }: Stamp, sealed: string): void {
    const { key, stamps, field } = placeOf(address)
    documents.set(key, { stamp: { epoch, revision }, sealed })
    const manifest = manifests.get(stamps) ?? new Map<string, string>()
    manifests.set(stamps, manifest.set(field, formatStamp({ epoch, revision })))
    for (const subscription of subscriptions) {
      // Later, as over a network: a writer must not find itself inside its reader.
      setImmediate(() => {
        if (subscriptions.has(subscription)) tell(log, () => subscription.listener.changed(address))
      })
    }
  }

  function assertOpen(): void {
    if (closed) throw new ChannelUnavailable('The channel is closed.')
  }
}
