// How a node loads: 100,000 schedules in 5,000 slots from a real Redis, the same once more as a reload, and publications of 2 MB.
// A request that comes meanwhile waits for the longest stall of the event loop, so this is what is measured. Needs redis-server.

import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectRedisChannel } from '../../common/channel/redis-channel.ts'
import { addressOf } from '../../engine/publication/address.ts'
import { deriveSigningKeys, seal } from '../../engine/publication/sign.ts'
import type { ChannelDocument } from '../../engine/publication/types.ts'
import type { Child } from '../../scripts/processes/child.ts'
import { startRedis } from '../../scripts/processes/redis.ts'
import { listDocument, settingsDocument } from '../support/documents.ts'
import { type Bench, type Measurement, summarise } from './bench.ts'
import { LOAD_SECRET, type LoadResult } from './loading-node.ts'
import { createWorld } from './select-world.ts'

const ROUNDS = 5
const SLOTS = 5_000
const SCHEDULES_PER_SLOT = 20
const LONG_SLOTS = 20

export const loading: Bench = {
  summary: 'how a node loads 100,000 schedules and publications of 2 MB: time, memory, longest stall',
  async run() {
    const many = await measure(() => publications(SLOTS, SCHEDULES_PER_SLOT, 740))
    const long = await measure(() => publications(LONG_SLOTS, 1_000, 1_250))
    const what = '100,000 schedules in 5,000 slots'
    const longWhat = '20 publications of 2 MB'
    return [
      measured(`${what}: loaded in`, 'ms', many, 'loadMs', 5_000),
      measured(`${what}: longest stall while loading`, 'ms', many, 'loadStallMs', 10),
      measured(`${what}: the same in time of the processor`, 'ms', many, 'loadWorkMs', 10),
      measured(`${what}: reloaded in`, 'ms', many, 'reloadMs'),
      measured(`${what}: longest stall while reloading`, 'ms', many, 'reloadStallMs', 10),
      measured(`${what}: the same in time of the processor`, 'ms', many, 'reloadWorkMs', 10),
      measured(`${what}: resident after loading`, 'MB', many, 'rssMb', 400),
      measured(`${what}: resident while reloading`, 'MB', many, 'reloadRssMb', 500),
      measured(`${longWhat}: loaded in`, 'ms', long, 'loadMs'),
      measured(`${longWhat}: longest stall while loading`, 'ms', long, 'loadStallMs', 10),
      measured(`${longWhat}: the same in time of the processor`, 'ms', long, 'loadWorkMs', 10),
    ]
  },
}

function* publications(slots: number, schedules: number, padding: number): Iterable<ChannelDocument> {
  const world = createWorld(3)
  for (let at = 0; at < slots; at += 1) yield world.publication(`s${at}`, schedules, padding)
}

async function measure(documents: () => Iterable<ChannelDocument>): Promise<LoadResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'alkaid-bench-'))
  const started: Child[] = []
  try {
    const url = await startRedis({
      ...{ cwd: folder, dataDir: folder, endMs: 5_000, print() {} },
      started: (child) => void started.push(child),
    })
    await fill(url, documents())
    const script = fileURLToPath(new URL('./loading-node.ts', import.meta.url))
    return Array.from({ length: ROUNDS }, () => {
      return JSON.parse(execFileSync(process.execPath, [script, url], { encoding: 'utf8' })) as LoadResult
    })
  } finally {
    for (const child of started) await child.end()
    await rm(folder, { recursive: true, force: true })
  }
}

async function fill(url: string, documents: Iterable<ChannelDocument>): Promise<void> {
  const keys = deriveSigningKeys(LOAD_SECRET)
  const channel = await connectRedisChannel({ url })
  const put = (document: ChannelDocument) => channel.write(addressOf(document), document, seal(keys, document))
  await put(settingsDocument('bench', 1))
  for (const document of documents) await put(document)
  await put(listDocument(1, ['bench']))
  await channel.close()
}

function measured(
  name: string,
  unit: Measurement['unit'],
  results: readonly LoadResult[],
  field: keyof LoadResult,
  atMost?: number,
): Measurement {
  const measurement = summarise(
    name,
    unit,
    results.map((result) => result[field]),
  )
  return { ...measurement, ...(atMost === undefined ? {} : { atMost }) }
}
