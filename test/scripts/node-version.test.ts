// Whoever starts Alkaid by an older Node is told so in one line, by every command.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from '@jest/globals'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'alkaid-node-'))
const { scripts, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
  engines: { node: string }
}

afterAll(() => rmSync(folder, { recursive: true }))

/** This Node, which says that it is another, so that no second one is needed. */
function runAs(version: string, command: string) {
  const pretence = join(folder, `as-${version}.cjs`)
  writeFileSync(pretence, `Object.defineProperty(process.versions, 'node', { value: '${version}' })`)
  const args = ['-r', pretence, ...command.replace(/^(exec )?node /, '').split(' '), '--help']
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env: { PATH: process.env.PATH } })
}

describe('a command of package.json', () => {
  const commands = ['start', 'start:processes', 'token', 'replay', 'embedded', 'raise-epoch'] as const

  test.each(commands)('%s says in one line that an older Node will not do', (name) => {
    const { status, stdout, stderr } = runAs('20.20.2', scripts[name]!)
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).toMatch(/^Alkaid needs Node 24 or newer, and \/\S+ is 20\.20\.2\. .*https:\/\/nodejs\.org$/m)
  })

  test.each(commands)('%s passes the guard by the version that package.json names', (name) => {
    const oldest = engines.node.replace('>=', '')
    expect(runAs(`${oldest}.0.0`, scripts[name]!)).toMatchObject({ status: 0, stderr: '' })
  })

  test('is run by Node only behind that guard', () => {
    const unguarded = Object.entries(scripts).filter(
      ([name, command]) => name !== 'check' && /\bnode (?!-r \.\/scripts\/require-node\.cjs)/.test(command),
    )
    expect(unguarded).toEqual([])
  })
})
