// `npm run operations`, as CI uses it: against a platform over HTTP, with its output and its exit codes.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { sha256 } from '../../common/base/content-hash.ts'
import { run } from '../support/command.ts'
import { manifestOf, slotQuery } from '../support/manifests.ts'
import { bookOne, startTestPlatform, type TestPlatform } from '../support/platform.ts'

const HOME = slotQuery('Home')
const FEED = slotQuery('Feed', 'slot reason')

let alkaid: TestPlatform
let folder: string
let appKey: string
beforeAll(async () => {
  alkaid = await startTestPlatform()
  appKey = (await bookOne(alkaid, 'shop')).appKey
  folder = await mkdtemp(join(tmpdir(), 'alkaid-manifests-'))
  await file('web.json', JSON.stringify(manifestOf(HOME)))
  await file('ios.json', JSON.stringify(manifestOf(FEED)))
}, 30_000)
afterAll(async () => {
  await alkaid?.stop()
  await rm(folder, { recursive: true, force: true })
})

const file = (name: string, content: string) => writeFile(join(folder, name), content)
const path = (name: string) => join(folder, name)

async function operations(...args: string[]) {
  const env = { ALKAID_URL: alkaid.platform.gatewayUrl, ALKAID_TOKEN: alkaid.tokens.admin }
  const { code, stdout, stderr } = await run('operations.ts', args, env).ended
  return { code, out: stdout.trim().split('\n'), error: stderr.trim() }
}

test('a dry run checks and changes nothing, and publish registers', async () => {
  const added = [`+ Home ${sha256(HOME)}`]
  const dry = await operations('publish', path('web.json'), '--app', 'shop', '--dry-run')
  const checked = 'The manifests can be registered: 1 added, 0 removed, 0 unchanged'
  expect(dry).toEqual({ code: 0, out: [...added, checked], error: '' })
  const published = await operations('publish', path('web.json'), '--app', 'shop')
  expect(published).toEqual({
    code: 0,
    out: [...added, 'Registered in shop: 1 added, 0 removed, 0 unchanged'],
    error: '',
  })
  const again = await operations('publish', path('web.json'), '--app', 'shop')
  expect(again).toEqual({ code: 0, out: ['Nothing to change: 0 added, 0 removed, 1 unchanged'], error: '' })
})

test('--keep keeps what the manifest lacks, several manifests count as one, and the list shows all', async () => {
  const kept = await operations('publish', path('ios.json'), '--app', 'shop', '--keep')
  expect(kept).toMatchObject({ code: 0, out: [`+ Feed ${sha256(FEED)}`, expect.stringContaining('0 removed')] })
  const both = await operations('publish', path('web.json'), path('ios.json'), '--app', 'shop')
  expect(both).toMatchObject({ code: 0, out: ['Nothing to change: 0 added, 0 removed, 2 unchanged'] })
  const { code, out } = await operations('list', '--app', 'shop')
  expect(code).toBe(0)
  expect(out).toEqual([
    expect.stringMatching(/^Feed [0-9a-f]{64}, registered \d{4}-\d\d-\d\d by admin, not used in the last 30 days$/),
    expect.stringMatching(/^Home /),
    expect.stringMatching(/^Decisions [0-9a-f]{64}, built in, /),
    expect.stringMatching(/^RecordEvents /),
  ])
  const asJson = await operations('list', '--app', 'shop', '--json')
  expect(JSON.parse(asJson.out.join('\n'))[1]).toMatchObject({ name: 'Home', body: HOME, uses: 0 })
})

test('an operation in use is removed only with --confirm-removal', async () => {
  const extensions = { persistedQuery: { version: 1, sha256Hash: sha256(HOME) } }
  const response = await fetch(`${alkaid.platform.distributionUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-app-key': appKey },
    body: JSON.stringify({ variables: { app: 'shop', slots: ['home.banner'] }, extensions }),
  })
  expect(response.status).toBe(200)
  await alkaid.restart() // ending, the node hands over its counts
  const refused = await operations('publish', path('ios.json'), '--app', 'shop')
  expect(refused).toEqual({
    code: 1,
    out: [expect.stringMatching(/^- Home [0-9a-f]{64}, used 1 times in the last 30 days, the last on 20/)],
    error:
      'Apps still use an operation that the manifests lack. Use --keep to keep them, or --confirm-removal to remove them: apps that still send them then get an error',
  })
  const confirmed = await operations('publish', path('ios.json'), '--app', 'shop', '--confirm-removal')
  expect(confirmed).toMatchObject({
    code: 0,
    out: [expect.anything(), expect.stringContaining('1 removed, 1 unchanged')],
  })
}, 60_000)

test('every mistake of a manifest is shown with the name of the operation, and a file that is no manifest is named', async () => {
  await file('wrong.json', JSON.stringify(manifestOf(slotQuery('Bad', 'colour'), slotQuery('Worse', 'sound'))))
  const wrong = await operations('publish', path('wrong.json'), '--app', 'shop')
  expect(wrong.code).toBe(1)
  expect(wrong.error.split('\n')).toEqual([
    'BAD_USER_INPUT: manifest.operations[0].body: "Bad" is not valid: Cannot query field "colour" on type "Decision". (line 3, column 5)',
    'manifest.operations[1].body: "Worse" is not valid: Cannot query field "sound" on type "Decision". (line 3, column 5)',
  ])
  await file('relay.json', '{"hash": "query"}')
  expect(await operations('publish', path('relay.json'), '--app', 'shop')).toMatchObject({
    code: 1,
    error: expect.stringMatching(/relay\.json: is no manifest: expected/),
  })
  expect(await operations('publish', path('none.json'), '--app', 'shop')).toMatchObject({
    code: 1,
    error: expect.stringMatching(/none\.json: cannot be read as JSON/),
  })
  expect(await operations('publish', path('web.json'), '--app', 'none')).toMatchObject({
    code: 1,
    error: expect.stringContaining('NOT_FOUND'),
  })
}, 30_000)

test('wrong usage has exit code 2 and says what was expected', async () => {
  for (const [args, error] of [
    [[], 'Expected a command: publish or list'],
    [['publish', 'a.json'], '--app: expected the code of an app'],
    [['publish', '--app', 'shop'], 'publish: expected the manifest'],
    [['list', '--app', 'shop', '--nonsense'], "Unknown option '--nonsense'"],
    [['list', '--app', 'shop', '--token', ''], '--token or ALKAID_TOKEN: expected a token'],
  ] as const) {
    expect(await operations(...args)).toMatchObject({ code: 2, error: expect.stringContaining(error) })
  }
  expect(await operations('--help')).toMatchObject({ code: 0, error: '' })
}, 30_000)
