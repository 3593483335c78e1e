// The README's tour, run as it stands there, save for ports and folder.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { run } from '../support/command.ts'
import { freePair } from '../support/ports.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

test('the tour of the README does what it says', async () => {
  const [, tour] = /```bash\n(graph\(\)[\s\S]+?)```/.exec(readme)!
  const [, answer] = /The last one answers:\n\n```json\n(.+)\n```/.exec(readme)!
  const port = await freePair()
  const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-tour-'))
  const alkaid = run('start.ts', ['--port', String(port), '--data-dir', dataDir])
  try {
    await alkaid.until('Alkaid is ready')
    const here = tour!
      .replaceAll(':4000', `:${port}`)
      .replaceAll(':4010', `:${port + 10}`)
      .replaceAll('.data/', `${dataDir}/`)
      .replaceAll('npm run -s token --', `'${process.execPath}' scripts/token.ts --data-dir '${dataDir}'`)
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', here], {
      cwd: new URL('../../', import.meta.url),
    })
    expect(stdout).toContain('"title":"It will rain"')
    expect(stdout.trim().split('\n').at(-1)).toBe(answer)
  } finally {
    await alkaid.end('SIGTERM')
    await rm(dataDir, { recursive: true, force: true })
  }
}, 60_000)
