// The snapshot of a node on disk: what is written, what is loaded, and what happens to damaged files.

import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { Channel } from '../../common/channel/channel.ts'
import { createInProcessChannel } from '../../common/channel/in-process.ts'
import { examine } from '../../common/service/health.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import { distributionChecks } from '../../subgraphs/distribution/monitoring.ts'
import { type Sync, startSync } from '../../subgraphs/distribution/sync.ts'
import { listDocument, put, settingsDocument, slotDocument, testKeys } from '../support/documents.ts'
import { seeded } from '../support/seeded.ts'
import { ONLY_COMPARISONS, shownIn } from '../support/sync-suite.ts'
import { until } from '../support/until.ts'

let folder: string
let channel: Channel
const running: Sync[] = []
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alkaid-snapshot-'))
  channel = createInProcessChannel()
  await put(channel, settingsDocument('shop', 1), slotDocument('shop', 'home', 1), slotDocument('shop', 'feed', 1))
  await put(channel, listDocument(1, ['shop']))
})
afterEach(async () => {
  await Promise.all(running.splice(0).map((sync) => sync.stop()))
  await rm(folder, { recursive: true })
})

const lines: string[] = []
const log = { info() {}, warn: (_: object, line: string) => void lines.push(line) }

async function start(from: Channel = channel, keys = testKeys): Promise<Sync> {
  lines.length = 0
  const options = { keys, node: 'n1', log, intervals: ONLY_COMPARISONS, snapshotFolder: folder }
  const sync = await startSync({ channel: from, ...options })
  running.push(sync)
  return sync
}

async function stop(sync: Sync): Promise<void> {
  running.splice(running.indexOf(sync), 1)
  await sync.stop()
}

/** A channel that is out of reach. */
async function away(): Promise<Channel> {
  const closed = createInProcessChannel()
  await closed.close()
  return closed
}

const files = () => readdirSync(folder).filter((name) => name !== 'lock')
const fileAt = (name: string) => join(folder, name)

/** Publishes revisions of a slot, and waits until they are on disk. Each has a long text, so that the file soon is outdated. */
async function publish(sync: Sync, revision: number, characters = 10): Promise<void> {
  const document = slotDocument('shop', 'home', revision)
  document.entries[0]!.creatives[0]!.text = `${revision}`.padEnd(characters, 'x')
  await put(channel, document)
  await until('it is served', () => shownIn(sync, 'shop', 'home') === `home-${revision}`)
}

/** Two generations. Returns the last revision of the slots `long-0` to `long-19`. The older one has earlier revisions, too. */
async function writeTwoGenerations(): Promise<number> {
  const sync = await start()
  const codes = Array.from({ length: 20 }, (_, at) => `long-${at}`)
  let revision = 0
  while (!files().includes('2.snapshot')) {
    revision += 1
    expect(revision).toBeLessThan(8)
    const documents = codes.map((code) => slotDocument('shop', code, revision))
    for (const document of documents) document.entries[0]!.creatives[0]!.text = `${revision}`.padEnd(450_000, 'x')
    await put(channel, ...documents)
    await until('they are served', () => codes.every((code) => shownIn(sync, 'shop', code) === `${code}-${revision}`))
    const since = Date.now()
    await until('they are written', () => Date.now() - (sync.status().snapshot?.ageMs ?? 1e15) > since)
  }
  await stop(sync)
  expect(files().sort()).toEqual(['1.snapshot', '2.snapshot'])
  return revision
}

test('a node that starts while the channel is out of reach serves what it served before, and says so', async () => {
  const first = await start()
  await until('the base is written', () => first.status().snapshot?.documents === 4)
  await publish(first, 2)
  await stop(first)

  const sync = await start(await away())
  expect(sync.ready).toBe(true)
  expect([shownIn(sync, 'shop', 'home'), shownIn(sync, 'shop', 'feed')]).toEqual(['home-2', 'feed-1'])
  expect(sync.table.appOfKey('hash-of-shop-1', 0)).toBe('shop')
  await until('it has tried to reach the channel', () => sync.status().unreachableMs !== null)
  const { source, stalenessMs } = sync.status()
  expect(source).toBe('snapshot')
  expect(stalenessMs).toBeGreaterThan(0)
  const { ready, warnings } = await examine(distributionChecks(sync))
  expect(ready).toBe(true)
  expect(warnings).toEqual([expect.stringMatching(/has not answered for \d+ s.*served is the snapshot on disk/)])
})

test('a node with a snapshot catches up when the channel answers', async () => {
  await stop(await start())
  await put(channel, slotDocument('shop', 'home', 7), slotDocument('shop', 'new', 1))
  let isAway = true
  const flaky: Channel = {
    ...channel,
    listen: (listener) => (isAway ? away().then((closed) => closed.listen(listener)) : channel.listen(listener)),
  }
  const sync = await start(flaky)
  expect(shownIn(sync, 'shop', 'home')).toBe('home-1')
  isAway = false
  await until('it has caught up', () => shownIn(sync, 'shop', 'home') === 'home-7')
  await until('it is whole', () => shownIn(sync, 'shop', 'new') === 'new-1')
  await until('its source is the channel', () => sync.status().source === 'channel')
})

test('with neither snapshot nor channel a node is not ready, keeps trying, and is ready when the channel is there', async () => {
  let isAway = true
  const gone = await away()
  const flaky: Channel = { ...channel, listen: (listener) => (isAway ? gone : channel).listen(listener) }
  const sync = await start(flaky)
  await until('it has tried a few times', () => sync.status().failures > 3)
  expect(sync.ready).toBe(false)
  const { ready, reasons } = await examine(distributionChecks(sync))
  expect({ ready, reasons }).toEqual({ ready: false, reasons: [expect.stringContaining('no snapshot')] })
  isAway = false
  await sync.untilReady()
})

test('only changes are written, and only the owner may read the files', async () => {
  const sync = await start()
  await until('the base is written', () => sync.status().snapshot?.documents === 4)
  const base = readFileSync(fileAt('1.snapshot'), 'utf8')
  expect(statSync(fileAt('1.snapshot')).mode & 0o777).toBe(0o600)
  expect(statSync(folder).mode & 0o077).toBe(0)
  await publish(sync, 2)
  const written = () => readFileSync(fileAt('1.snapshot'), 'utf8')
  const namesIn = (text: string) => text.match(/^document \d+ [0-9a-f]{8} (.*)$/gm)!.map((line) => line.split(' ')[3])
  await until('it is written', () => namesIn(written()).length === 5)
  expect(written().startsWith(base)).toBe(true)
  expect(namesIn(written())).toEqual(['apps', 'shop/@app', 'shop/home', 'shop/feed', 'shop/home'])
})

test('when most of a generation is outdated the next one is written, and the last one is kept', async () => {
  const revision = await writeTwoGenerations()
  expect(statSync(fileAt('1.snapshot')).size).toBeGreaterThan(26_000_000)
  expect(statSync(fileAt('2.snapshot')).size).toBeLessThan(19_000_000)
  const sync = await start(await away())
  expect([shownIn(sync, 'shop', 'home'), shownIn(sync, 'shop', 'long-7')]).toEqual(['home-1', `long-7-${revision}`])
  expect(lines.filter((line) => line.includes('.snapshot'))).toEqual([])
}, 60_000)

test('a generation that is damaged in its base is reported and skipped, and the other one is loaded', async () => {
  const revision = await writeTwoGenerations()
  const [older, whole] = [readFileSync(fileAt('1.snapshot')), readFileSync(fileAt('2.snapshot'))]
  const baseEnd = whole.indexOf('\nbase ')
  const random = seeded(5)
  const damages: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['another file', Buffer.from('SQLite format 3\0')],
    ['half', whole.subarray(0, baseEnd / 2)],
    ['without its end', whole.subarray(0, baseEnd + 1)],
    ...Array.from({ length: 6 }, (_, at): [string, Buffer] => {
      const flipped = Buffer.from(whole)
      const place = Math.floor(random() * baseEnd)
      flipped[place]! ^= 1 << Math.floor(random() * 8)
      return [`bit flip ${at} at ${place}`, flipped]
    }),
  ]
  for (const [what, bytes] of damages) {
    writeFileSync(fileAt('2.snapshot'), bytes)
    const sync = await start(await away())
    expect([what, sync.ready]).toEqual([what, true])
    // A change after the second generation was written is not in the first one.
    expect([`long-7-${revision - 1}`, `long-7-${revision}`]).toContain(shownIn(sync, 'shop', 'long-7'))
    expect(lines.some((line) => line.includes('2.snapshot: is not loaded'))).toBe(true)
    await stop(sync)
    for (const name of files()) await rm(fileAt(name))
    writeFileSync(fileAt('1.snapshot'), older)
  }
}, 120_000)

test('changes that are cut off or damaged are left out, and the next generation is written without them', async () => {
  const first = await start()
  await until('the base is written', () => files().includes('1.snapshot'))
  const { size } = statSync(fileAt('1.snapshot'))
  await publish(first, 2)
  await stop(first)
  const whole = readFileSync(fileAt('1.snapshot'))
  const at = whole.indexOf('\ndocument', size - 1)
  for (const cut of [at + 5, at + 40, at + 300]) {
    writeFileSync(fileAt('1.snapshot'), whole)
    truncateSync(fileAt('1.snapshot'), cut)
    const sync = await start(await away())
    expect(shownIn(sync, 'shop', 'home')).toBe('home-1')
    expect(lines.find((line) => line.includes('1.snapshot'))).toMatch(/is damaged at its end: .*Loaded up to there/)
    await until('the next one is written', () => files().some((name) => /^[2-9]\.snapshot$/.test(name)))
    await stop(sync)
    for (const name of files()) await rm(fileAt(name))
  }
}, 60_000)

test('a snapshot of another signing secret is not loaded', async () => {
  await stop(await start())
  const sync = await start(await away(), deriveSigningKeys('another secret of 32 characters or more'))
  expect(sync.ready).toBe(false)
  expect(lines.find((line) => line.includes('snapshot'))).toContain('another SIGNING_SECRET')
})

test('of two nodes with one folder, one writes and both load', async () => {
  const first = await start()
  await until('the base is written', () => files().includes('1.snapshot'))
  await publish(first, 2)
  await until('it is written', () => (first.status().snapshot?.ageMs ?? 1e9) < 500)
  const second = await start(await away())
  expect([first, second].map((sync) => sync.status().snapshot?.writes)).toEqual([true, false])
  expect(second.ready).toBe(true)
  await stop(first)
  await stop(second)
  const third = await start()
  expect(third.status().snapshot?.writes).toBe(true)
})

test('a folder that cannot be used is reported, and the node serves without a snapshot', async () => {
  await rm(folder, { recursive: true })
  writeFileSync(folder, 'a file in place of the folder')
  const sync = await start()
  expect(shownIn(sync, 'shop', 'home')).toBe('home-1')
  expect(lines).toEqual([expect.stringContaining('can neither be read nor written')])
  const { ready, warnings } = await examine(distributionChecks(sync))
  expect(ready).toBe(true)
  expect(warnings).toEqual([expect.stringContaining('the snapshot on disk cannot be written')])
})
