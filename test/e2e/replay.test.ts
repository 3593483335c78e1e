// `npm run replay` as a person runs it. The log of the demo must come out equal; replay.campaign.ts replays the whole logs.

import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals'
import { run } from '../support/command.ts'
import { startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { REPLAY_MS, replay } from '../support/replay.ts'

const demoLog = fileURLToPath(new URL('../../demo/open-bandit.csv', import.meta.url))

// The decisions of a run are a fair draw: about one run in three hundred fails a test at 0.001 by chance alone.
jest.retryTimes(1)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'alkaid-replay-test-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test(
  'the small log of the demo comes out equal, and is taken where no file is named',
  async () => {
    const { code, result, stderr } = await replay([])
    expect({ result, stderr }).toMatchObject({ result: { rows: 1_000, answered: 1_000, errors: 0, mismatches: 0 } })
    expect(stderr).toMatch(/The app of this run: open-bandit-/)
    expect(code).toBe(0)
  },
  REPLAY_MS,
)

describe('on a running platform', () => {
  let alkaid: TestPlatform
  beforeAll(async () => {
    alkaid = await startTestPlatform({ JWT_SECRET: 'a secret that both know, which is long enough' })
  }, 30_000)
  afterAll(() => alkaid.stop())

  test(
    'each run makes an app of its own, and prints its code',
    async () => {
      const short = join(folder, 'short.csv')
      await writeFile(short, firstLines(demoLog, 301))
      const urls = ['--url', alkaid.platform.gatewayUrl, '--distribution-url', alkaid.platform.distributionUrl]
      const env = { JWT_SECRET: 'a secret that both know, which is long enough', DATA_DIR: folder }
      const codes = new Set<string>()
      for (const _ of [1, 2]) {
        const { result, stderr } = await replay([short, ...urls], env)
        expect({ result, stderr }).toMatchObject({ result: { rows: 300, answered: 300, errors: 0, mismatches: 0 } })
        codes.add(/The app of this run: (\S+)/.exec(stderr)![1]!)
      }
      expect(codes.size).toBe(2)
      for (const id of codes) {
        const { app } = await alkaid.clients.viewer('query App($id: ID!) { app(id: $id) { name } }', { id })
        expect(app.name).toBe(`Replay ${id}`)
      }
    },
    REPLAY_MS,
  )
})

describe('a malformed row is named by its line, and nothing is recorded', () => {
  const broken: [string, (cells: string[]) => string[], string][] = [
    ['a click that is none', (cells) => cells.with(3, '2'), 'line 5: click: expected 0 or 1, not "2"'],
    ['a position that is none', (cells) => cells.with(2, '4'), 'line 5: position: expected 1, 2 or 3, not "4"'],
    ['a time that is none', (cells) => cells.with(0, 'yesterday'), 'line 5: timestamp: expected a UTC time'],
    [
      'a day that is none',
      (cells) => cells.with(0, '2019-02-31 00:00:00+00:00'),
      'line 5: timestamp: expected a UTC time',
    ],
    ['a value too few', (cells) => cells.slice(1), 'line 5: expected 9 values, not 8'],
    ['a hash that is none', (cells) => cells.with(6, 'x'), 'line 5: user_feature_1: expected a hash'],
  ]

  test.each(broken)('%s', async (_what, change, message) => {
    const lines = firstLines(demoLog, 10).trimEnd().split('\n')
    lines[4] = change(lines[4]!.split(',')).join(',')
    const file = join(folder, 'broken.csv')
    await writeFile(file, lines.join('\n'))
    // No platform is running at this address: had anything been sent, that would be the error.
    const { code, stdout, stderr } = await replay([file, '--url', 'http://127.0.0.1:1'], { DATA_DIR: folder })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(message)
  })
})

test('a file that is not there is named, and --help explains', async () => {
  const { code, stderr } = await replay(['no-such.csv'])
  expect(code).toBe(1)
  expect(stderr).toContain('no-such.csv')
  expect((await run('replay.ts', ['--help']).ended).stdout).toContain('--distribution-url')
})

function firstLines(file: string, count: number): string {
  return `${readFileSync(file, 'utf8').split('\n').slice(0, count).join('\n')}\n`
}
