// The embedded server as its users meet it: through the driver, the server in its worker thread.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Collection, MongoClient } from 'mongodb'
import { startEmbeddedWorker } from '../../embedded/worker.ts'
import type { Bench, Measurement } from './bench.ts'

const rounds = 5
const operations = 1_000
const documents = 100_000
const groups = 1_000
const indexed = 10_000

interface Item {
  _id: number
  group: number
  body: string
}

export const embedded: Bench = {
  summary: 'the embedded server through the driver: reads by _id and by an index, and opening 100,000 documents',
  async run() {
    const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-bench-'))
    try {
      return [...(await reads(dataDir)), await opening(dataDir)]
    } finally {
      await rm(dataDir, { recursive: true })
    }
  },
}

async function reads(dataDir: string): Promise<Measurement[]> {
  return withServer(dataDir, async (items, client) => {
    await fill(items)
    const few = client.db('bench').collection<Item>('few')
    await few.createIndex({ group: 1 })
    await few.insertMany(Array.from({ length: indexed }, (_, at) => item(at, at % 100)))
    const findOne = await median(() =>
      average(operations, async (at) => {
        if ((await items.findOne({ _id: (at * 7919) % documents })) === null) throw new Error('a document is missing')
      }),
    )
    const find = await median(() =>
      average(operations / 10, async (at) => {
        const found = await few.find({ group: at % 100 }).toArray()
        if (found.length !== 100) throw new Error(`${found.length} documents of 100`)
      }),
    )
    return [
      { name: 'findOne by _id', unit: 'ms', atMost: 0.3, ...findOne },
      { name: '100 of 10,000 documents by an indexed field', unit: 'ms', atMost: 2, ...find },
    ]
  })
}

async function opening(dataDir: string): Promise<Measurement> {
  const open = await median(async () => {
    const start = performance.now()
    const server = await startEmbeddedWorker({ dataDir })
    const took = performance.now() - start
    await server.close()
    return took
  })
  return { name: 'open 100,000 documents of 1 KB', unit: 'ms', atMost: 3_000, ...open }
}

async function withServer<T>(dataDir: string, run: (items: Collection<Item>, client: MongoClient) => Promise<T>) {
  const server = await startEmbeddedWorker({ dataDir })
  const client = new MongoClient(server.uri)
  try {
    return await run(client.db('bench').collection<Item>('items'), client)
  } finally {
    await client.close()
    await server.close()
  }
}

async function fill(items: Collection<Item>): Promise<void> {
  await items.createIndex({ group: 1 })
  for (let from = 0; from < documents; from += 10_000) {
    await items.insertMany(Array.from({ length: 10_000 }, (_, at) => item(from + at, (from + at) % groups)))
  }
}

function item(_id: number, group: number): Item {
  return { _id, group, body: String(_id).padEnd(960, 'x') }
}

/** How long one call takes, of `count` one after the other. */
async function average(count: number, call: (at: number) => Promise<void>): Promise<number> {
  const start = performance.now()
  for (let at = 0; at < count; at++) await call(at)
  return (performance.now() - start) / count
}

async function median(measure: () => Promise<number>): Promise<{ value: number; runs: number[] }> {
  const runs: number[] = []
  for (let round = 0; round < rounds; round++) runs.push(await measure())
  return { value: [...runs].sort((a, b) => a - b)[(rounds - 1) / 2]!, runs }
}
