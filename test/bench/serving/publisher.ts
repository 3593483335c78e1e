// Publishes at a constant rate, through the channel as delivery does, until it is ended. It says so after the first publication.

import { setTimeout as sleep } from 'node:timers/promises'
import { connectRedisChannel } from '../../../common/channel/redis-channel.ts'
import { nextPublication } from './catalogue.ts'
import { writeDocuments } from './world.ts'

const { REDIS_URL = '', PER_MINUTE = '', SLOTS = '' } = process.env
const everyMs = 60_000 / Number(PER_MINUTE)

process.once('disconnect', () => process.exit())
const channel = await connectRedisChannel({ url: REDIS_URL })
const began = performance.now()
for (let number = 0; ; number += 1) {
  await writeDocuments(channel, [nextPublication(number, Number(SLOTS))])
  if (number === 0) process.send?.('publishing')
  await sleep(Math.max(0, began + (number + 1) * everyMs - performance.now()))
}
