// Channels without Redis. `createInProcessChannel` serves `npm start` without Redis, and tests. It behaves as the channel over
// Redis, but is never out of reach and loses nothing. `noChannel` is for services that do not use a channel.

import { compareStamps, formatStamp, parseStamp, type Stamp } from '../../engine/publication/types.ts'
import {
  type Address,
  type Channel,
  type ChannelLog,
  ChannelUnavailable,
  callListener,
  HEARTBEAT_KEPT_MS,
  type Heartbeat,
  type Listener,
  REPORT_KEPT_MS,
  type UseReport,
} from './channel.ts'
import { manifestKey, placeOf } from './keys.ts'

type StoredDocument = { stamp: Stamp; sealed: string }

/** Services of one process share the channel that this returns. */
export function createInProcessChannel({ log = () => {} }: { log?: ChannelLog } = {}): Channel {
  const documents = new Map<string, StoredDocument>()
  /** By manifest key: code -> `epoch.revision`. */
  const manifests = new Map<string, Map<string, string>>()
  const subscriptions = new Set<{ listener: Listener }>()
  const heartbeats = new Map<string, Heartbeat>()
  const reports = new Map<string, UseReport>()
  let closed = false

  return {
    async write(address, stamp, sealed) {
      assertOpen()
      const { key } = placeOf(address)
      if (!parseStamp(formatStamp(stamp))) throw new RangeError(`Not a stamp: ${formatStamp(stamp)}.`)
      const present = documents.get(key)
      if (present && compareStamps(stamp, present.stamp) <= 0) return 'not higher'
      put(address, stamp, sealed)
      return 'written'
    },

    async replace(address, unreadable, stamp, sealed) {
      assertOpen()
      if (documents.get(placeOf(address).key)?.sealed !== unreadable) return 'changed'
      put(address, stamp, sealed)
      return 'written'
    },

    async remove(address, unreadable) {
      assertOpen()
      const { key, stamps, field } = placeOf(address)
      if ((documents.get(key)?.sealed ?? null) !== unreadable) return 'changed'
      documents.delete(key)
      manifests.get(stamps)?.delete(field)
      return 'removed'
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
      // A new object for each call: one listener that is registered twice has two subscriptions, as over Redis.
      const subscription = { listener }
      subscriptions.add(subscription)
      return {
        async stop() {
          subscriptions.delete(subscription)
        },
      }
    },

    notifications: () => 'on',

    async beat(heartbeat) {
      assertOpen()
      heartbeats.set(heartbeat.node, structuredClone(heartbeat))
    },

    async heartbeats(maxAgeMs) {
      assertOpen()
      const now = Date.now()
      for (const { node, at } of heartbeats.values()) if (at < now - HEARTBEAT_KEPT_MS) heartbeats.delete(node)
      return structuredClone([...heartbeats.values()].filter(({ at }) => at >= now - maxAgeMs))
    },

    async reportUses(report) {
      assertOpen()
      reports.set(report.reporter, structuredClone(report))
    },

    async useReports() {
      assertOpen()
      for (const { reporter, days } of reports.values()) {
        if ((days[0]?.day ?? 0) < Date.now() - REPORT_KEPT_MS) reports.delete(reporter)
      }
      return structuredClone([...reports.values()])
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
      // Later, as over a network: a listener must not run inside the call of the writer.
      setImmediate(() => {
        if (subscriptions.has(subscription)) callListener(log, () => subscription.listener.changed(address))
      })
    }
  }

  function assertOpen(): void {
    if (closed) throw new ChannelUnavailable('The channel is closed.')
  }
}

/** A channel that rejects every call, so that no call is lost without notice. `service`: its name, for the message. */
export function noChannel(service: string): Channel {
  const refuse = async () => {
    throw new ChannelUnavailable(`The service ${service} was started without a channel.`)
  }
  return {
    write: refuse,
    replace: refuse,
    remove: refuse,
    read: refuse,
    manifest: refuse,
    listen: refuse,
    notifications: () => 'unknown',
    beat: refuse,
    heartbeats: refuse,
    reportUses: refuse,
    useReports: refuse,
    close: async () => {},
  }
}
