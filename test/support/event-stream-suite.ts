// What every implementation of the event stream does.

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { EventStream } from '../../common/channel/event-stream.ts'

/** @param open connects to the same stream each time; `clear` empties it before each test. */
export function describeEventStream(
  title: string,
  { open, clear }: { open(): Promise<EventStream>; clear(): Promise<void> },
): void {
  describe(title, () => {
    let stream: EventStream
    let other: EventStream
    beforeEach(async () => {
      await clear()
      stream = await open()
      other = await open()
    })
    afterEach(async () => {
      await Promise.all([stream.close(), other.close()])
    })

    const readAll = async (from: EventStream, limit = 1_000) => {
      const found: { position: string; payload: string }[] = []
      for (;;) {
        const next = await from.read(found.at(-1)?.position ?? null, limit)
        if (next.length === 0) return found
        expect(next.length).toBeLessThanOrEqual(limit)
        found.push(...next)
      }
    }
    const payloads = (events: { payload: string }[]) => events.map(({ payload }) => payload)

    test('an empty stream reads as empty', async () => {
      expect(await stream.read(null, 10)).toEqual([])
      expect(await stream.length()).toBe(0)
    })

    test('what is appended is read by others, in order, page by page, each at a position of its own', async () => {
      const batch = Array.from({ length: 250 }, (_, i) => JSON.stringify({ i, name: '瑶光 \u0000"' }))
      await stream.append(batch.slice(0, 100))
      await stream.append(batch.slice(100))
      const found = await readAll(other, 70)
      expect(payloads(found)).toEqual(batch)
      expect(new Set(found.map(({ position }) => position)).size).toBe(batch.length)
      expect(await other.length()).toBe(batch.length)
    })

    test('reading again from the same position gives the same', async () => {
      await stream.append(['a', 'b', 'c'])
      const [first] = await stream.read(null, 1)
      const once = await stream.read(first!.position, 10)
      expect(payloads(once)).toEqual(['b', 'c'])
      expect(await other.read(first!.position, 10)).toEqual(once)
    })

    test('an empty batch changes nothing', async () => {
      await stream.append([])
      expect(await stream.length()).toBe(0)
    })

    test('batches appended at once all arrive, none torn apart', async () => {
      const batches = Array.from({ length: 20 }, (_, b) => Array.from({ length: 30 }, (_, i) => `${b}.${i}`))
      await Promise.all(batches.map((batch, b) => (b % 2 ? stream : other).append(batch)))
      const found = payloads(await readAll(stream, 17))
      expect(found.toSorted()).toEqual(batches.flat().toSorted())
      for (const [b, batch] of batches.entries()) {
        expect(found.filter((payload) => payload.startsWith(`${b}.`))).toEqual(batch)
      }
    })

    test('a reader that follows writers sees everything once', async () => {
      const seen: string[] = []
      let position: string | null = null
      let writing = true
      const writers = [stream, other].map(async (end, w) => {
        for (let i = 0; i < 30; i++) await end.append([`${w}.${i}.a`, `${w}.${i}.b`])
      })
      const done = Promise.all(writers).finally(() => {
        writing = false
      })
      for (let last = false; !last; ) {
        last = !writing
        for (const event of await stream.read(position, 1_000)) {
          seen.push(event.payload)
          position = event.position
        }
      }
      await done
      expect(seen).toHaveLength(120)
      expect(new Set(seen).size).toBe(120)
    })

    test('trimming forgets up to and including a position, and nothing after it', async () => {
      await stream.append(['a', 'b', 'c', 'd'])
      const [, second] = await stream.read(null, 2)
      await stream.trim(second!.position)
      expect(payloads(await other.read(null, 10))).toEqual(['c', 'd'])
      expect(await other.length()).toBe(2)
      await stream.trim(second!.position)
      expect(await other.length()).toBe(2)
    })

    test('a stream trimmed to nothing goes on after the last position', async () => {
      await stream.append(['a', 'b'])
      const last = (await stream.read(null, 10)).at(-1)!
      await stream.trim(last.position)
      expect(await stream.length()).toBe(0)
      await other.append(['c'])
      expect(payloads(await stream.read(last.position, 10))).toEqual(['c'])
    })

    test('a position of another stream, or of none, counts as the beginning, and trimming to it deletes nothing', async () => {
      await stream.append(['a', 'b'])
      for (const foreign of [
        'no position',
        '1795791944855-0',
        'another/1795791944855-0',
        'another/0000000000000002',
        '',
      ]) {
        await stream.trim(foreign)
        expect(payloads(await stream.read(foreign, 10))).toEqual(['a', 'b'])
      }
    })
  })
}
