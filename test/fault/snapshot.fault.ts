// A node that is killed at 100 random moments, many of them while it writes its snapshot. After each, what is on disk must be whole,
// and at least as new as what was surely written.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import { createInProcessChannel } from '../../common/channel/in-process.ts'
import { startSync } from '../../subgraphs/distribution/sync.ts'
import { testKeys } from '../support/documents.ts'
import { ONLY_NOTIFICATIONS, silent } from '../support/sync-suite.ts'
import { seededRandom } from './support/seed.ts'

const KILLS = 100
const AT_ONCE = 4
const writer = fileURLToPath(new URL('./support/snapshot-writer.ts', import.meta.url))

/** Runs the writer for so long, and kills it. Returns the newest revision that it said is on disk. */
async function runAndKill(folder: string, revision: number, ms: number): Promise<number | undefined> {
  const child = spawn(process.execPath, [writer, folder, `${revision}`], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let written: number | undefined
  createInterface({ input: child.stdout }).on('line', (line) => {
    written = Number(line)
  })
  await sleep(ms)
  child.kill('SIGKILL')
  await exited
  return written
}

/** What a node serves that starts from the folder while the channel is away: the revisions of all slots. */
async function revisionsIn(folder: string): Promise<number[] | undefined> {
  const away = createInProcessChannel()
  await away.close()
  const options = { keys: testKeys, node: 'n2', log: silent, intervals: ONLY_NOTIFICATIONS, snapshotFolder: folder }
  const sync = await startSync({ channel: away, ...options })
  const shown = Array.from({ length: 6 }, (_, at) => sync.table.slot('shop', `slot-${at}`)?.stamp.revision ?? 0)
  const { ready } = sync
  await sync.stop()
  return ready ? shown : undefined
}

test('a snapshot is whole and not older than what was written, after every kill', async () => {
  const { random } = seededRandom('snapshots after kills')
  let kills = 0
  const lane = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'alkaid-kills-'))
    let surely: number | undefined
    let next = 1
    while (kills < KILLS) {
      kills += 1
      surely = (await runAndKill(folder, next, 500 + random() * 3_000)) ?? surely
      const revisions = await revisionsIn(folder)
      if (surely !== undefined) {
        expect(revisions).toBeDefined()
        expect(Math.min(...revisions!)).toBeGreaterThanOrEqual(surely)
      }
      next = Math.max(next, ...(revisions ?? [])) + 1
    }
    await rm(folder, { recursive: true })
    return next
  }
  const reached = await Promise.all(Array.from({ length: AT_ONCE }, lane))
  expect(Math.max(...reached)).toBeGreaterThan(10) // it really wrote
}, 400_000)
