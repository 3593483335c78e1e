// Logs whose disk or reader takes no more, in a process of their own.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { limitFileSize } from '../support/small-disk.ts'

/** Logs so many lines a turn, says on standard output how far it is, and exits when it is told to. */
const SCRIPT = `
  const { createLogger } = await import(${JSON.stringify(new URL('../../common/base/log.ts', import.meta.url).href)})
  const log = createLogger('info', 'test')
  const body = 'y'.repeat(10_000)
  let lines = 0
  setInterval(() => {
    for (let n = 0; n < 200; n++) log.info({ line: lines++, body }, 'a line')
    process.stdout.write(JSON.stringify({ lines, mb: process.memoryUsage().rss / 1e6 }) + '\\n')
  }, 10)
  process.stdin.on('data', () => process.exit(0)).resume()
`

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'alkaid-log-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function start(standardError: number | 'pipe') {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    stdio: ['pipe', 'pipe', standardError],
  })
  let last = { lines: 0, mb: 0 }
  child.stdout!.on('data', (bytes: Buffer) => {
    const [whole] = bytes.toString().trim().split('\n').reverse()
    last = whole!.startsWith('{') && whole!.endsWith('}') ? JSON.parse(whole!) : last
  })
  return {
    child,
    async until(done: (now: typeof last) => boolean) {
      while (!done(last)) await once(child.stdout!, 'data')
      return last
    },
    /** How it ended. */
    async end() {
      const exited = once(child, 'exit')
      child.stdin!.write('end')
      return exited
    },
  }
}

test('a file that cannot grow costs lines, but no memory and no end; when it can, lines are whole again', async () => {
  const file = join(folder, 'log')
  const fd = openSync(file, 'w')
  const logging = start(fd)
  await logging.until(({ lines }) => lines > 400)
  limitFileSize(logging.child.pid!, 3_333_333)
  const before = await logging.until(({ lines }) => lines > 2_000)
  const after = await logging.until(({ lines }) => lines > before.lines + 40_000)
  expect(after.mb - before.mb).toBeLessThan(200) // what was dropped has 400 MB
  limitFileSize(logging.child.pid!, undefined)
  await logging.until(({ lines }) => lines > after.lines + 1_000)
  limitFileSize(logging.child.pid!, 1)
  expect(await logging.end()).toEqual([0, null])
  closeSync(fd)
  const found = readFileSync(file, 'utf8').trim().split('\n')
  const broken = found.filter((line) => !line.endsWith('"msg":"a line"}'))
  expect(broken.length).toBeLessThanOrEqual(1)
  expect(JSON.parse(found.at(-1)!).line).toBeGreaterThan(after.lines)
})

test('a reader that reads nothing costs lines, but no memory and no end', async () => {
  const logging = start('pipe')
  const before = await logging.until(({ lines }) => lines > 2_000)
  const after = await logging.until(({ lines }) => lines > before.lines + 40_000)
  expect(after.mb - before.mb).toBeLessThan(200)
  logging.child.stderr!.destroy()
  await logging.until(({ lines }) => lines > after.lines + 1_000)
  expect(await logging.end()).toEqual([0, null])
})
