// `npm run token`, as a person uses it: which roles a token has, and what is said of mistakes.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { tokenVerifier } from '../../common/access/tokens.ts'
import { readSecrets } from '../../common/service/secrets.ts'
import { readSettings } from '../../common/service/settings.ts'
import { run } from '../support/command.ts'

let dataDir: string
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'alkaid-token-'))
})
afterAll(() => rm(dataDir, { recursive: true }))

const token = (args: readonly string[], env: Record<string, string> = {}) =>
  run('token.ts', ['--data-dir', dataDir, ...args], env).ended

async function principalOf(args: readonly string[]) {
  const { tokens } = readSecrets(readSettings({ DATA_DIR: dataDir }))
  const { code, stdout, stderr } = await token(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return tokenVerifier(tokens)(`Bearer ${stdout.trim()}`)
}

describe('a token', () => {
  test('has every role that it was asked for, each where it was asked for', async () => {
    expect(await principalOf(['--role', 'operator'])).toEqual({ actor: 'operator', roles: { '*': ['operator'] } })
    expect(await principalOf(['--role', 'operator', '--role', 'reviewer', '--role', 'operator'])).toEqual({
      actor: 'operator-reviewer',
      roles: { '*': ['operator', 'reviewer'] },
    })
    expect(await principalOf(['--role', 'viewer', '--role', 'shop:reviewer', '--role', 'shop:publisher'])).toEqual({
      actor: 'viewer-reviewer-publisher',
      roles: { '*': ['viewer'], shop: ['reviewer', 'publisher'] },
    })
    const inOne = ['--app', 'shop', '--role', 'operator', '--role', '*:viewer', '--actor', 'ann']
    expect(await principalOf(inOne)).toEqual({ actor: 'ann', roles: { shop: ['operator'], '*': ['viewer'] } })
  })

  const ROLE = 'expected one of viewer, operator, reviewer, publisher, admin'
  test.each<[string, string[], string[]]>([
    ['no role', [], [`--role: ${ROLE}`]],
    ['an unknown role', ['--role', 'oprator'], [`--role: ${ROLE}, or one as APP:ROLE, not "oprator"`]],
    [
      'several mistakes, one line each',
      ['--role', 'viewer', '--role', 'shop:boss', '--role', ''],
      [`--role: ${ROLE}, or one as APP:ROLE, not "shop:boss"`, `--role: ${ROLE}, or one as APP:ROLE, not ""`],
    ],
    [
      'an app that none can be',
      ['--role', 'Shop!:viewer'],
      ['--role: expected the code of an app before the colon, not "Shop!:viewer"'],
    ],
    [
      'no app before the colon',
      ['--role', ':viewer'],
      ['--role: expected the code of an app before the colon, not ":viewer"'],
    ],
    ['another app that none can be', ['--role', 'viewer', '--app', ''], ['--app: expected the code of an app, not ""']],
    ['too many hours', ['--role', 'viewer', '--hours', '13'], ['--hours: expected a number above 0, at most 12']],
  ])('is not printed for %s', async (_what, args, lines) => {
    const { code, stdout, stderr } = await token(args)
    expect({ code, stdout, lines: stderr.trim().split('\n') }).toEqual({ code: 1, stdout: '', lines })
  })

  test('is not printed for an actor whom nobody would take', async () => {
    const { code, stdout, stderr } = await token(['--role', 'viewer', '--actor', ' '])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('`sub`')
  })

  test('is the identity provider’s to sign where there is one, which the command and npm start say', async () => {
    const env = { JWKS_URL: 'http://127.0.0.1:1/keys' }
    const { code, stdout, stderr } = await token(['--role', 'shop:viewer'], env)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      /^JWKS_URL: your identity provider signs the tokens.*\{"shop":\["viewer"\]\}; or set JWT_SECRET/,
    )
    const alkaid = run('start.ts', ['--port', '0', '--data-dir', dataDir], env)
    const printed = await alkaid.until('Your identity provider signs the tokens')
    await alkaid.end('SIGTERM')
    expect(printed).not.toMatch(/A token for each role|with an admin's token|ey[\w-]+\.ey/)
  })
})
