import { expect, test } from '@jest/globals'
import { ChannelUnavailable } from '../../common/channel/channel.ts'
import type { Store } from '../../common/store/store.ts'
import { connectMongoEventStream } from '../../subgraphs/stats/mongo-event-stream.ts'
import { describeEventStream } from '../support/event-stream-suite.ts'
import { describeEachStore } from '../support/stores.ts'

describeEachStore('The event stream in MongoDB', (open) => {
  let store: Store
  const clear = async () => {
    store = await open()
  }
  describeEventStream('as every event stream', { open: () => connectMongoEventStream(store), clear })

  test('a reader that follows several writers never skips an event that is committed later', async () => {
    await clear()
    const writers = await Promise.all(Array.from({ length: 4 }, () => connectMongoEventStream(store)))
    const reader = await connectMongoEventStream(store)
    let writing = true
    const done = Promise.all(
      writers.map(async (writer, w) => {
        for (let i = 0; i < 15; i++) await writer.append([`${w}.${i}`])
      }),
    ).finally(() => {
      writing = false
    })
    const seen: string[] = []
    let position: string | null = null
    for (let last = false; !last; ) {
      last = !writing
      for (const entry of await reader.read(position, 3)) {
        seen.push(entry.payload)
        position = entry.position
      }
      if (last && seen.length < 60) last = (await reader.read(position, 1)).length === 0
    }
    await done
    for (const [w] of writers.entries()) {
      const own = Array.from({ length: 15 }, (_, i) => `${w}.${i}`)
      expect(seen.filter((payload) => payload.startsWith(`${w}.`))).toEqual(own)
    }
  })

  test('a batch larger than a document takes is read back whole, from any position', async () => {
    await clear()
    const stream = await connectMongoEventStream(store)
    const batch = Array.from({ length: 1_234 }, (_, i) => `${i}`)
    await stream.append(['before'])
    await stream.append(batch)
    const all = await stream.read(null, 10_000)
    expect(all.map(({ payload }) => payload)).toEqual(['before', ...batch])
    const some = await stream.read(all[700]!.position, 20)
    expect(some).toEqual(all.slice(701, 721))
    await stream.trim(all[700]!.position)
    expect(await stream.read(null, 10_000)).toEqual(all.slice(701))
  })

  test('a closed stream accepts nothing', async () => {
    await clear()
    const stream = await connectMongoEventStream(store)
    await stream.close()
    await expect(stream.append(['a'])).rejects.toThrow(ChannelUnavailable)
  })
})
