// The README's tour and its example for app developers, run as they stand there, save for ports, folder and key.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { run } from '../support/command.ts'
import { freePair } from '../support/ports.ts'

const root = new URL('../../', import.meta.url)
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

test('the tour of the README and its example for app developers do what they say', async () => {
  const blocks = [...readme.matchAll(/```bash\n([\s\S]+?)```/g)].map(([, block]) => block!)
  const [tour, takingDown, rollingBack] = blocks as [string, string, string]
  expect(tour).toMatch(/^graph\(\)/)
  expect(takingDown).toMatch(/^# Stop the slot/)
  expect(rollingBack).toMatch(/^# Take the slot back/)
  const [, answer] = /The last one answers:\n\n```json\n(.+)\n```/.exec(readme)!
  const port = await freePair()
  const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-tour-'))
  const alkaid = run('start.ts', ['--port', String(port), '--data-dir', dataDir])
  try {
    await alkaid.until('Alkaid is ready')
    const local = (text: string) => text.replaceAll(':4000', `:${port}`).replaceAll(':4010', `:${port + 10}`)
    const here = (text: string) =>
      local(text)
        .replaceAll('.data/', `${dataDir}/`)
        .replaceAll('npm run -s token --', `'${process.execPath}' scripts/token.ts --data-dir '${dataDir}'`)
    const script = `${here(tour)}\necho '--- taking down'\n${here(takingDown)}\n${here(rollingBack)}`
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd: root })
    const [toured, takenDown] = stdout.split('--- taking down\n') as [string, string]
    expect(toured).toContain('"title":"It will rain"')
    expect(toured.trim().split('\n').at(-1)).toBe(answer)
    expect(takenDown.split('\n').filter((line) => line !== '')).toEqual([
      '{"data":{"stopSlot":{"stopped":true}}}',
      '{"data":{"restartSlot":{"stopped":false}}}',
      expect.stringMatching(
        /^{"data":{"takedown":{"reason":"The wrong price","droppedAt":"[^"]+","creatives":\[{"title":"It will rain"}\],"schedules":\[{"name":"Rainy days"}\],"publications":\[{"slot":{"code":"feed.card"}}\]}}}$/,
      ),
      '{"data":{"rollbackSlot":{"leftOut":[{"reason":"REVOKED","schedule":{"name":"Rainy days"}}]}}}',
    ])

    const [, example] = /```js\n([\s\S]+?)```/.exec(readme)!
    const key = JSON.parse(readFileSync(join(dataDir, 'demo.json'), 'utf8')).appKey
    const app = `${local(example!).replace('ak_...', key)}\nconsole.log(shown.title)\nclient.stop()`
    const ran = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', app], { cwd: root })
    expect(ran.stdout.trim()).toMatch(/^(Spring sale|New shoes|Members first)$/)
  } finally {
    await alkaid.end('SIGTERM')
    await rm(dataDir, { recursive: true, force: true })
  }
}, 180_000)
