// How a node keeps its table up to date, over every implementation of the channel. Each test gets an empty channel.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Channel, Listener } from '../../common/channel/channel.ts'
import { digestOf } from '../../engine/publication/digest.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import { type Sync, type SyncIntervals, startSync } from '../../subgraphs/distribution/sync.ts'
import { listDocument, put, putText, sealed, settingsDocument, slotDocument, testKeys } from './documents.ts'
import { until } from './until.ts'

const NEVER = 600_000
/** Nothing but the first load and notifications. */
export const ONLY_NOTIFICATIONS: SyncIntervals = {
  compare: NEVER,
  reload: NEVER,
  retry: NEVER,
  grace: NEVER,
  heartbeat: NEVER,
  heartbeatAfterChange: 5,
}
export const ONLY_COMPARISONS: SyncIntervals = { ...ONLY_NOTIFICATIONS, compare: 20, retry: 20 }

export const silent = { info() {}, warn() {} }

/** A channel whose notifications reach nobody, with a way to send some by hand. */
export function withoutNotifications(channel: Channel): { channel: Channel; listener: () => Listener } {
  let listener: Listener | undefined
  const deaf: Channel = {
    ...channel,
    async listen(given) {
      listener = given
      return { async stop() {} }
    },
  }
  return { channel: deaf, listener: () => listener! }
}

/** A channel in which reading several documents at once, as loading does, waits while the gate is shut. */
function withGate(channel: Channel) {
  let gate = Promise.resolve()
  let waiting = 0
  const gated: Channel = {
    ...channel,
    async read(addresses) {
      const texts = await channel.read(addresses)
      if (addresses.length > 1) {
        waiting += 1
        await gate
        waiting -= 1
      }
      return texts
    },
  }
  return {
    channel: gated,
    waiting: () => waiting,
    shut(): () => void {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return resolve
    },
  }
}

export function shownIn(sync: Sync, app: string, code: string): string | undefined {
  return sync.table.slot(app, code)?.entries[0]?.creatives[0]?.answer.id
}

export function describeSync(title: string, open: () => Promise<{ writer: Channel; reader: Channel }>): void {
  describe(title, () => {
    let writer: Channel
    let reader: Channel
    const started: Sync[] = []
    beforeEach(async () => {
      ;({ writer, reader } = await open())
    })
    afterEach(async () => {
      await Promise.all(started.splice(0).map((sync) => sync.stop()))
      await Promise.all([writer.close(), reader.close()])
    })

    async function start(intervals: SyncIntervals, channel = reader): Promise<Sync> {
      const sync = await startSync({ channel, keys: testKeys, node: 'n1', log: silent, intervals })
      started.push(sync)
      return sync
    }

    /** An app with its settings and one slot, listed. */
    const putShop = () =>
      put(writer, settingsDocument('shop', 1), slotDocument('shop', 'home', 1), listDocument(1, ['shop']))

    test('loads everything at its start and is ready', async () => {
      await putShop()
      const sync = await start(ONLY_NOTIFICATIONS)
      await sync.untilReady()
      expect(sync.ready).toBe(true)
      expect(sync.table.apps()).toEqual(['shop'])
      expect(sync.table.appOfKey('hash-of-shop-1', 0)).toBe('shop')
      expect(shownIn(sync, 'shop', 'home')).toBe('home-1')
      expect(sync.status()).toMatchObject({ ready: true, applied: 3, reloads: 1, failures: 0, missing: 0 })
    })

    test('is not ready before it holds the list, the settings and every document that a manifest names', async () => {
      const { channel } = withoutNotifications(reader)
      const sync = await start(ONLY_COMPARISONS, channel)
      const notYet = async (count: keyof ReturnType<Sync['status']>) => {
        const before = Number(sync.status()[count])
        await until(`${count} is counted twice`, () => Number(sync.status()[count]) >= before + 2)
        expect(sync.ready).toBe(false)
        expect(sync.status().stalenessMs).toBeNull()
      }
      await notYet('missing') // the list
      await put(writer, listDocument(1, ['shop']), slotDocument('shop', 'home', 1))
      await until('the slot is held', () => sync.table.slot('shop', 'home') !== undefined)
      await notYet('missing') // the settings
      await putText(writer, slotDocument('shop', 'feed', 1), 'rubbish')
      await put(writer, settingsDocument('shop', 1))
      await notYet('corrupt')
      await put(writer, slotDocument('shop', 'feed', 2))
      await sync.untilReady()
      expect(shownIn(sync, 'shop', 'feed')).toBe('feed-2')
    })

    test('is ready with an empty list of apps', async () => {
      await put(writer, listDocument(1, []))
      const sync = await start(ONLY_NOTIFICATIONS)
      expect(sync.ready).toBe(true)
    })

    test('serves a publication after its notification', async () => {
      await putShop()
      const sync = await start(ONLY_NOTIFICATIONS)
      for (let revision = 2; revision < 30; revision += 1) await put(writer, slotDocument('shop', 'home', revision))
      await until('the last is served', () => shownIn(sync, 'shop', 'home') === 'home-29')
      await put(writer, settingsDocument('shop', 2))
      await until('the new key is known', () => sync.table.appOfKey('hash-of-shop-2', 0) === 'shop')
      expect(sync.table.appOfKey('hash-of-shop-1', 0)).toBeUndefined()
    })

    test('finds changes without notification by comparison', async () => {
      await putShop()
      const sync = await start(ONLY_COMPARISONS, withoutNotifications(reader).channel)
      await put(writer, slotDocument('shop', 'home', 2), slotDocument('shop', 'feed', 1))
      await until('the change is served', () => shownIn(sync, 'shop', 'home') === 'home-2')
      await until('the new slot is served', () => shownIn(sync, 'shop', 'feed') === 'feed-1')
      await put(writer, settingsDocument('news', 1), slotDocument('news', 'top', 1), listDocument(2, ['news', 'shop']))
      await until('the new app is served', () => shownIn(sync, 'news', 'top') === 'top-1')
      expect(sync.status().reloads).toBe(1)
    })

    test('fetches by comparison only what differs', async () => {
      await putShop()
      const asked: string[] = []
      const spied: Channel = {
        ...reader,
        read(addresses) {
          asked.push(...addresses.map((address) => (address === 'apps' ? 'apps' : address.code)))
          return reader.read(addresses)
        },
      }
      const sync = await start(ONLY_COMPARISONS, withoutNotifications(spied).channel)
      asked.length = 0
      await until('it has compared a few times', () => asked.length > 3)
      expect(new Set(asked)).toEqual(new Set(['apps']))
      await put(writer, slotDocument('shop', 'home', 2))
      await until('the change is served', () => shownIn(sync, 'shop', 'home') === 'home-2')
      expect(new Set(asked)).toEqual(new Set(['apps', 'home']))
    })

    test('loads a new app after the notification of the list of apps', async () => {
      await putShop()
      const { channel, listener } = withoutNotifications(reader)
      const sync = await start(ONLY_NOTIFICATIONS, channel)
      await put(writer, settingsDocument('news', 1), slotDocument('news', 'top', 1), listDocument(2, ['news', 'shop']))
      listener().changed('apps')
      await until('the new app is served', () => shownIn(sync, 'news', 'top') === 'top-1')
      expect(sync.table.appOfKey('hash-of-news-1', 0)).toBe('news')
    })

    test('does not change for corrupt, forged, misplaced or older documents, and counts them', async () => {
      await putShop()
      await put(writer, slotDocument('shop', 'home', 5))
      const sync = await start(ONLY_NOTIFICATIONS)
      const before = sync.table.slot('shop', 'home')
      const at = (revision: number) => slotDocument('shop', 'home', revision)
      const stranger = deriveSigningKeys('a secret that is not the one of this platform')

      const counted = (count: 'corrupt' | 'forged' | 'notHigher', times: number) =>
        until(`${count} is ${times}`, () => sync.status()[count] === times)

      await putText(writer, at(6), '')
      await counted('corrupt', 1)
      await putText(writer, at(7), sealed(at(7)).slice(0, -7))
      await counted('corrupt', 2)
      await putText(writer, at(8), sealed(at(8)).replace('"capacity":1', '"capacity":9'))
      await counted('forged', 1)
      await putText(writer, at(9), sealed(at(9), stranger))
      await counted('forged', 2)
      await putText(writer, at(10), sealed(slotDocument('shop', 'feed', 10)))
      await counted('forged', 3)
      await putText(writer, at(11), sealed(at(4)))
      await counted('notHigher', 1)
      const unknown = at(12)
      unknown.entries[0]!.constraint = { dimension: 'moon', operator: 'IN', values: ['full'] }
      await put(writer, unknown)
      await counted('corrupt', 3)

      expect(sync.table.slot('shop', 'home')).toBe(before)
      expect(sync.table.slot('shop', 'feed')).toBeUndefined()
      await put(writer, at(13))
      await until('the next good one is served', () => shownIn(sync, 'shop', 'home') === 'home-13')
    })

    test('never shows an empty or mixed table, nor an older slot, while it reloads', async () => {
      const codes = Array.from({ length: 150 }, (_, index) => `slot-${index}`)
      await put(writer, listDocument(1, ['shop']), settingsDocument('shop', 1))
      await put(writer, ...codes.map((code) => slotDocument('shop', code, 1)))
      const sync = await start({ ...ONLY_COMPARISONS, compare: 1, reload: 0 })
      const first = sync.table
      const kept = sync.table.slot('shop', 'slot-149')

      let published = 1
      const publishing = (async () => {
        for (; published < 60; published += 1) await put(writer, slotDocument('shop', 'slot-0', published + 1))
      })()
      let seen = 1
      while (published < 60 || sync.status().reloads < 5) {
        const { table } = sync
        expect(table.apps()).toEqual(['shop'])
        expect(table.appOfKey('hash-of-shop-1', 0)).toBe('shop')
        expect(codes.filter((code) => table.slot('shop', code) === undefined)).toEqual([])
        const now = table.slot('shop', 'slot-0')!.stamp.revision
        expect(now).toBeGreaterThanOrEqual(seen)
        seen = now
        await nextTurn()
      }
      await publishing
      await until('the last is served', () => shownIn(sync, 'shop', 'slot-0') === 'slot-0-60')
      expect(sync.table).not.toBe(first)
      expect(sync.table.slot('shop', 'slot-149')).toBe(kept) // compiled once
      expect(sync.status().failures).toBe(0)
    })

    test('reloads everything after an interruption', async () => {
      await putShop()
      const { channel, listener } = withoutNotifications(reader)
      const sync = await start(ONLY_NOTIFICATIONS, channel)
      await put(writer, slotDocument('shop', 'home', 2))
      listener().interrupted()
      await until('the change is served', () => shownIn(sync, 'shop', 'home') === 'home-2')
      await until('it is a reload', () => sync.status().reloads === 2)
      expect(sync.status().interruptions).toBe(1)
    })

    test('reloads once more when it is interrupted while it reloads', async () => {
      await putShop()
      const gate = withGate(reader)
      const { channel, listener } = withoutNotifications(gate.channel)
      const sync = await start(ONLY_NOTIFICATIONS, channel)
      const open = gate.shut()
      listener().interrupted()
      await until('it reloads', () => gate.waiting() === 1)
      listener().interrupted()
      open()
      await until('both are done', () => sync.status().reloads === 3)
    })

    test('keeps documents of notifications that arrive during a reload with older answers', async () => {
      await putShop()
      const gate = withGate(reader)
      const { channel, listener } = withoutNotifications(gate.channel)
      const sync = await start(ONLY_NOTIFICATIONS, channel)
      const open = gate.shut()
      listener().interrupted()
      await until('it has read the older document', () => gate.waiting() === 1)
      await put(writer, slotDocument('shop', 'home', 2))
      listener().changed({ app: 'shop', code: 'home' })
      await until('the change is served before the reload is done', () => shownIn(sync, 'shop', 'home') === 'home-2')
      open()
      await until('the reload is done', () => sync.status().reloads === 2)
      expect(shownIn(sync, 'shop', 'home')).toBe('home-2')
      expect(sync.table.digest('shop')).toBe(
        digestOf([
          ['@app', '1.1'],
          ['home', '1.2'],
        ]),
      )
    })

    test('keeps serving when the channel is out of reach, and reports how stale it is', async () => {
      await putShop()
      const sync = await start(ONLY_COMPARISONS)
      expect(sync.status().stalenessMs).toBeLessThan(5000)
      await reader.close()
      await until('a comparison fails', () => sync.status().failures > 1)
      const { stalenessMs } = sync.status()
      await sleep(30)
      expect(sync.status().stalenessMs).toBeGreaterThan(stalenessMs!)
      expect(sync.ready).toBe(true)
      expect(shownIn(sync, 'shop', 'home')).toBe('home-1')
    })

    test('reports its documents in its heartbeats, soon after a change', async () => {
      await putShop()
      const sync = await start(ONLY_NOTIFICATIONS)
      const beatOf = async () => (await writer.heartbeats(NEVER)).find((heartbeat) => heartbeat.node === 'n1')
      await until('it says that it is ready', async () => (await beatOf())?.ready === true)
      expect(await beatOf()).toMatchObject({ digests: { shop: sync.table.digest('shop') } })
      expect((await beatOf())!.changed).toEqual({})

      await put(writer, slotDocument('shop', 'home', 2))
      await until('it names the change', async () => (await beatOf())?.changed['shop/home'] === '1.2')
      const stamps: [string, string][] = [
        ['@app', '1.1'],
        ['home', '1.2'],
      ]
      expect(await beatOf()).toMatchObject({ digests: { shop: digestOf(stamps) }, changed: { 'shop/home': '1.2' } })
    })

    test('reports in its heartbeats that it is not ready', async () => {
      await start(ONLY_NOTIFICATIONS)
      await until('it beats', async () => (await writer.heartbeats(NEVER)).length === 1)
      expect(await writer.heartbeats(NEVER)).toMatchObject([{ node: 'n1', ready: false }])
    })

    test('does not change after it was stopped', async () => {
      await putShop()
      const sync = await start({ ...ONLY_COMPARISONS, heartbeat: 5 })
      await sync.stop()
      const { applied } = sync.status()
      const at = (await writer.heartbeats(NEVER))[0]?.at
      await put(writer, slotDocument('shop', 'home', 2))
      await sleep(60)
      expect(shownIn(sync, 'shop', 'home')).toBe('home-1')
      expect(sync.status()).toMatchObject({ applied, failures: 0 })
      expect((await writer.heartbeats(NEVER))[0]?.at).toBe(at)
    })
  })
}
