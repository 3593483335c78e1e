// What a bench of the serving lane needs around the servers: a folder, a Redis with the documents, and the answers that are right.

import { connectRedisChannel } from '../../../common/channel/redis-channel.ts'
import { reportPinning } from '../children.ts'
import { readReference } from './reference.ts'
import { type BenchRedis, startBenchRedis, temporaryFolder } from './servers.ts'
import { type Setup, startNode } from './variants.ts'
import { documents, writeDocuments } from './world.ts'

export type Stage = Setup & { redis: BenchRedis | undefined }

/** Sets everything up, runs, and takes everything down again. */
export async function onStage<T>(print: (line: string) => void, run: (stage: Stage) => Promise<T>): Promise<T> {
  print(reportPinning())
  const folder = await temporaryFolder()
  let redis: BenchRedis | undefined
  try {
    redis = await startBenchRedis(folder.path)
    if (redis) await fill(redis.url)
    else print('there is no redis-server on the PATH: the node has its channel in process')
    const core = 'server'
    const setup = { folder: folder.path, redisUrl: redis?.url, core } as const
    const node = await startNode({
      ...setup,
      reference: { decisionsOfUsers: {}, etags: [], first: { headers: {}, body: '' } },
    })
    const reference = await readReference(node.port).finally(() => node.stop())
    print(`an answer has ${Buffer.byteLength(reference.first.body)} bytes`)
    return await run({ ...setup, reference, redis })
  } finally {
    await redis?.stop()
    await folder.remove()
  }
}

async function fill(redisUrl: string): Promise<void> {
  const channel = await connectRedisChannel({ url: redisUrl })
  try {
    await writeDocuments(channel, documents())
  } finally {
    await channel.close()
  }
}
