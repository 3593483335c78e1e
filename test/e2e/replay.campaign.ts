// `npm run replay` on both real logs, whole: every decision and every number of the reports must come out equal.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, jest, test } from '@jest/globals'
import { describeWithRedis, startRedis } from '../support/redis.ts'
import { REPLAY_MS, replay } from '../support/replay.ts'

const data = fileURLToPath(new URL('../../../shared/data/open-bandit/', import.meta.url))
const equal = { rows: 10_000, answered: 10_000, errors: 0, mismatches: 0 }

// The decisions of a run are a fair draw: about one run in three hundred fails a test at 0.001 by chance alone.
jest.retryTimes(1)

describeWithData('a real log comes out equal', () => {
  test(
    'on the embedded default',
    async () => {
      const { code, result, stderr } = await replay([join(data, 'random-men.csv')])
      expect({ result, stderr }).toMatchObject({ result: equal })
      expect(result.pValue).toBeGreaterThan(0.001)
      expect(stderr).toMatch(/rows sent: 5,000 of 10,000/)
      expect(code).toBe(0)
    },
    REPLAY_MS,
  )
})

describeWithRedis('a real log comes out equal with REDIS_URL set', () => {
  describeWithData('the other log', () => {
    test(
      'on real Redis',
      async () => {
        const redis = await startRedis()
        const { code, result, stderr } = await replay([join(data, 'bts-women.csv')], { REDIS_URL: redis.url })
        await redis.stop()
        expect({ result, stderr }).toMatchObject({ result: equal })
        expect(code).toBe(0)
      },
      REPLAY_MS,
    )
  })
})

/** The logs lie beside the project; they are no part of it. */
function describeWithData(title: string, body: () => void): void {
  if (existsSync(join(data, 'random-men.csv'))) {
    describe(title, body)
    return
  }
  if (process.env.REQUIRE_SERVICES === '1') {
    test(`${title}: needs the logs`, () => {
      throw new Error(`Expected the Open Bandit logs in ${data}`)
    })
    return
  }
  process.stderr.write(
    'The Open Bandit logs are not beside the project (../shared/data/open-bandit): their replay is skipped\n',
  )
  describe.skip(title, body)
}
