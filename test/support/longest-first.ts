// The order in which Jest runs the test files: those that take longest first, then the others by size. Two workers then end at about the
// same time. Without it, a machine that has never run the tests begins a file of 40 seconds last, and one worker waits for it.

import { statSync } from 'node:fs'

/** Files that take more than ten seconds, the longest first. A file that is missing here only makes the whole run a little longer. */
const LONGEST = [
  'e2e/start',
  'rules/orders',
  'e2e/shutdown',
  'e2e/replay',
  'e2e/processes',
  'embedded/durability',
  'e2e/full-disk',
  'rules/model',
  'rules/storm',
  'delivery/redis-away',
  'rules/every-mutation',
  'e2e/processes-alone',
  'lane/compiled-operation',
  'apps/app-directory',
  'decision/recurrence',
  'rules/interleavings',
  'rules/orders-archive',
  'channel/start',
]

type TestFile = { path: string }

/** What Jest asks of a `testSequencer`. */
export default class LongestFirst {
  sort<Test extends TestFile>(tests: Test[]): Test[] {
    const ranked = tests.map((test) => ({ test, rank: rankOf(test), size: statSync(test.path).size }))
    return ranked.sort((a, b) => a.rank - b.rank || b.size - a.size).map(({ test }) => test)
  }

  /** `--shard=1/3` */
  shard<Test extends TestFile>(
    tests: Test[],
    { shardIndex, shardCount }: { shardIndex: number; shardCount: number },
  ): Test[] {
    return this.sort(tests).filter((_, index) => index % shardCount === shardIndex - 1)
  }

  /** For `--onlyFailures`. Nothing is remembered between runs, so it runs all tests. */
  allFailedTests<Test extends TestFile>(tests: Test[]): Test[] {
    return tests
  }

  cacheResults(): void {}
}

function rankOf({ path }: TestFile): number {
  const rank = LONGEST.findIndex((file) => path.endsWith(`/test/${file}.test.ts`))
  return rank < 0 ? LONGEST.length : rank
}
