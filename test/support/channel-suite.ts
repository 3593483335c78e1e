// The tests that every implementation of the channel must pass. Each test uses its own apps, so that all can share one Redis.

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  type Address,
  type Channel,
  ChannelUnavailable,
  type Heartbeat,
  OPERATIONS,
  SETTINGS,
} from '../../common/channel/channel.ts'
import { compareStamps, formatStamp, type Stamp } from '../../engine/publication/types.ts'
import { until } from './until.ts'

export type ChannelSuite = {
  /** Two ends of one channel: one writes, the other reads. In one process they are the same object. */
  open(): Promise<{ writer: Channel; reader: Channel }>
  /** A channel that no other test uses, for the test that closes it. */
  openAlone(): Promise<Channel>
}

export function describeChannel(title: string, { open, openAlone }: ChannelSuite): void {
  describe(title, () => {
    let writer: Channel
    let reader: Channel
    beforeAll(async () => {
      ;({ writer, reader } = await open())
    })
    afterAll(async () => {
      await Promise.all([writer.close(), reader.close()])
    })

    test('a document that was never written reads as null, and its manifest is empty', async () => {
      const app = newApp()
      expect(
        await reader.read([
          { app, code: 'home' },
          { app, code: SETTINGS },
        ]),
      ).toEqual([null, null])
      expect(await reader.manifest(app)).toEqual(new Map())
    })

    test('documents are read in the order asked for, across apps and more than one batch', async () => {
      const apps = [newApp(), newApp()]
      const addresses = apps.flatMap((app) => Array.from({ length: 40 }, (_, i) => ({ app, code: `slot-${i}` })))
      const name = ({ app, code }: { app: string; code: string }) => `sealed ${app} ${code} 瑶光`
      await Promise.all(addresses.map((address) => writer.write(address, { epoch: 1, revision: 1 }, name(address))))
      const asked = [...addresses.toReversed(), { app: apps[0]!, code: 'none' }, addresses[0]!]
      expect(await reader.read(asked)).toEqual([...addresses.toReversed().map(name), null, name(addresses[0]!)])
      expect(await reader.read([])).toEqual([])
    })

    test('a document is written with its manifest line', async () => {
      const app = newApp()
      expect(await writer.write({ app, code: 'home.banner' }, { epoch: 1700000000, revision: 3 }, 'a')).toBe('written')
      expect(await writer.write({ app, code: SETTINGS }, { epoch: 1700000000, revision: 1 }, 'b')).toBe('written')
      expect(await writer.write({ app, code: OPERATIONS }, { epoch: 1700000000, revision: 2 }, 'c')).toBe('written')
      expect(await reader.manifest(app)).toEqual(
        new Map([
          ['home.banner', '1700000000.3'],
          [SETTINGS, '1700000000.1'],
          [OPERATIONS, '1700000000.2'],
        ]),
      )
      const codes = ['home.banner', SETTINGS, OPERATIONS, 'operations', 'app']
      expect(await reader.read(codes.map((code) => ({ app, code })))).toEqual(['a', 'b', 'c', null, null])
    })

    test.each([
      ['the same stamp', '5.9', '5.9', 'not higher'],
      ['a lower revision', '5.9', '5.8', 'not higher'],
      ['a higher revision', '5.9', '5.10', 'written'],
      ['a lower revision with more digits', '5.10', '5.9', 'not higher'],
      ['a higher epoch with a lower revision', '5.9', '6.1', 'written'],
      ['a lower epoch with a higher revision', '10.1', '9.2', 'not higher'],
      ['the next of very large revisions', '1.999999999999998', '1.999999999999999', 'written'],
    ])('%s: %s, then %s, is %s', async (_, first, second, outcome) => {
      const address = { app: newApp(), code: 'home' }
      await writer.write(address, stampOf(first), 'first')
      expect(await writer.write(address, stampOf(second), 'second')).toBe(outcome)
      const [sealed] = await reader.read([address])
      const manifest = await reader.manifest(address.app)
      expect([sealed, manifest.get('home')]).toEqual(outcome === 'written' ? ['second', second] : ['first', first])
    })

    test('of concurrent writes in any order, the highest document stays, with its own manifest line', async () => {
      const stamp = fc.record({ epoch: fc.integer({ min: 1, max: 3 }), revision: fc.integer({ min: 1, max: 120 }) })
      await fc.assert(
        fc.asyncProperty(fc.array(stamp, { minLength: 2, maxLength: 12 }), async (stamps) => {
          const address = { app: newApp(), code: 'home' }
          const ends = [writer, reader]
          await Promise.all(stamps.map((s, i) => ends[i % 2]!.write(address, s, formatStamp(s))))
          const highest = formatStamp(stamps.toSorted(compareStamps).at(-1)!)
          expect(await reader.read([address])).toEqual([highest])
          expect(await reader.manifest(address.app)).toEqual(new Map([['home', highest]]))
        }),
        { numRuns: 40 },
      )
    })

    test('the list of apps is written only if higher, even beside an app called alkaid', async () => {
      const epoch = Date.now() // rises from one run of this test to the next
      expect(await writer.write('apps', { epoch, revision: 2 }, 'list 2')).toBe('written')
      expect(await writer.write({ app: 'alkaid', code: 'apps' }, { epoch, revision: 9 }, 'slot')).toBe('written')
      expect(await writer.write('apps', { epoch, revision: 1 }, 'list 1')).toBe('not higher')
      expect(await writer.write('apps', { epoch, revision: 3 }, 'list 3')).toBe('written')
      expect(await reader.read(['apps', { app: 'alkaid', code: 'apps' }])).toEqual(['list 3', 'slot'])
    })

    test('an unreadable document is replaced, even by a lower one, unless it has changed meanwhile', async () => {
      const address = { app: newApp(), code: 'home' }
      await writer.write(address, { epoch: 1, revision: 9 }, 'nonsense')
      expect(await writer.replace(address, 'other nonsense', { epoch: 1, revision: 2 }, 'two')).toBe('changed')
      expect(await reader.read([address])).toEqual(['nonsense'])
      expect(await writer.replace(address, 'nonsense', { epoch: 1, revision: 2 }, 'two')).toBe('written')
      expect(await reader.read([address])).toEqual(['two'])
      expect(await reader.manifest(address.app)).toEqual(new Map([['home', '1.2']]))
      expect(await writer.write(address, { epoch: 1, revision: 2 }, 'again')).toBe('not higher')
    })

    test('an unreadable document is removed with its line, unless it has changed meanwhile', async () => {
      const app = newApp()
      const [home, feed] = [
        { app, code: 'home' },
        { app, code: 'feed' },
      ]
      await writer.write(home, { epoch: 1, revision: 9 }, 'nonsense')
      await writer.write(feed, { epoch: 1, revision: 1 }, 'one')
      expect(await writer.remove(home, 'other nonsense')).toBe('changed')
      expect(await writer.remove(home, null)).toBe('changed')
      expect(await reader.manifest(app)).toEqual(
        new Map([
          ['home', '1.9'],
          ['feed', '1.1'],
        ]),
      )
      expect(await writer.remove(home, 'nonsense')).toBe('removed')
      expect(await reader.read([home, feed])).toEqual([null, 'one'])
      expect(await reader.manifest(app)).toEqual(new Map([['feed', '1.1']]))
      expect(await writer.write(home, { epoch: 1, revision: 1 }, 'again')).toBe('written')
    })

    test.each([
      { app: 'a}:slot:b', code: 'x' },
      { app: '', code: 'x' },
      { app: 'a', code: 'b:c' },
      { app: 'A', code: 'x' },
    ])('a code that cannot be part of a key is refused: %j', async (address) => {
      await expect(writer.write(address, { epoch: 1, revision: 1 }, '')).rejects.toThrow(RangeError)
      await expect(reader.read([address])).rejects.toThrow(RangeError)
    })

    test('a stamp that cannot be compared exactly is refused', async () => {
      const address = { app: newApp(), code: 'home' }
      await expect(writer.write(address, { epoch: 1, revision: 1.5 }, '')).rejects.toThrow(RangeError)
      await expect(writer.write(address, { epoch: 1, revision: 1e15 }, '')).rejects.toThrow(RangeError)
      await expect(writer.write(address, { epoch: -1, revision: 1 }, '')).rejects.toThrow(RangeError)
    })

    test('each kind of document is notified; a write that changes nothing is not', async () => {
      const app = newApp()
      const heard: Address[] = []
      const { stop } = await reader.listen({ changed: (a) => heard.push(a), interrupted: () => {} })
      const all: Address[] = [...['home.banner', SETTINGS, OPERATIONS].map((code) => ({ app, code })), 'apps']
      const epoch = Date.now() * 2
      for (const address of all) await writer.write(address, { epoch, revision: 1 }, 'x')
      await writer.write({ app, code: 'home.banner' }, { epoch, revision: 1 }, 'x')
      await writer.write({ app, code: 'last' }, { epoch, revision: 1 }, 'x')
      await until('the last write is heard', () => heard.length > all.length)
      expect(heard).toEqual([...all, { app, code: 'last' }])
      await stop()
    })

    test('a listener is told outside the call of the writer, and no more once it stopped', async () => {
      const app = newApp()
      const heard: Address[] = []
      const { stop } = await writer.listen({ changed: (a) => heard.push(a), interrupted: () => {} })
      const writing = writer.write({ app, code: 'a' }, { epoch: 1, revision: 1 }, 'x')
      expect(heard).toEqual([])
      await writing
      await until('the write is heard', () => heard.length === 1)
      await stop()
      await writer.write({ app, code: 'b' }, { epoch: 1, revision: 1 }, 'x')
      await sleep(50)
      expect(heard).toEqual([{ app, code: 'a' }])
    })

    test('a listener that throws still hears of the next change', async () => {
      const app = newApp()
      const heard: Address[] = []
      const changed = (address: Address) => {
        heard.push(address)
        throw new Error('a defect')
      }
      const { stop } = await reader.listen({ changed, interrupted: () => {} })
      await writer.write({ app, code: 'a' }, { epoch: 1, revision: 1 }, 'x')
      await writer.write({ app, code: 'b' }, { epoch: 1, revision: 1 }, 'x')
      await until('both writes are heard', () => heard.length === 2)
      await stop()
    })

    test('heartbeats are listed with what they hold, the newest of each node, unless they are too old', async () => {
      const [young, old, ahead]: string[] = [randomUUID(), randomUUID(), randomUUID()]
      await writer.beat(heartbeatOf(young!, Date.now() - 1_000, false))
      await writer.beat(heartbeatOf(young!, Date.now(), true))
      await writer.beat(heartbeatOf(old!, Date.now() - 30_000, true))
      await writer.beat(heartbeatOf(ahead!, Date.now() + 30_000, true))
      const listed = await reader.heartbeats(10_000)
      const mine = listed.filter(({ node }) => [young, old, ahead].includes(node))
      expect(mine.map(({ node }) => node).sort()).toEqual([young, ahead].sort())
      expect(mine.find(({ node }) => node === young)).toMatchObject({ ready: true, digests: { demo: 'd1' } })
      expect((await reader.heartbeats(60_000)).map(({ node }) => node)).toContain(old)
    })

    test('a closed channel rejects every call, and closing it again is harmless', async () => {
      const channel = await openAlone()
      const { stop } = await channel.listen({ changed: () => {}, interrupted: () => {} })
      await channel.close()
      await stop()
      await channel.close()
      const listener = { changed: () => {}, interrupted: () => {} }
      await expect(channel.read(['apps'])).rejects.toThrow(ChannelUnavailable)
      await expect(channel.manifest('demo')).rejects.toThrow(ChannelUnavailable)
      await expect(channel.write('apps', { epoch: 1, revision: 1 }, '')).rejects.toThrow(ChannelUnavailable)
      await expect(channel.listen(listener)).rejects.toThrow(ChannelUnavailable)
      await expect(channel.heartbeats(1_000)).rejects.toThrow(ChannelUnavailable)
    })
  })
}

let apps = 0
function newApp(): string {
  return `app-${process.pid}-${Date.now()}-${++apps}`
}

function stampOf(text: string): Stamp {
  const [epoch, revision] = text.split('.').map(Number)
  return { epoch: epoch!, revision: revision! }
}

function heartbeatOf(node: string, at: number, ready: boolean): Heartbeat {
  return { node, at, ready, digests: { demo: 'd1' }, changed: { 'demo/home': '1.2' } }
}
