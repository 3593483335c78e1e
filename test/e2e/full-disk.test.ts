// `npm start` on its own store, whose disk takes no more: slots are served, everything is read, what would change something is
// refused with a code, and it goes on by itself when there is room. A limit on the size of files stands in for the disk.

import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Client, createClient } from '../../scripts/shared/client.ts'
import { type Command, run } from '../support/command.ts'
import { freePair } from '../support/ports.ts'
import { limitFileSize, mountSmallDisk } from '../support/small-disk.ts'
import { until } from '../support/until.ts'

const SLOT = 'mutation ($input: CreateSlotInput!) { createSlot(input: $input) { id } }'
const SLOTS = '{ slots(app: "demo") { nodes { code } } }'

describe('npm start on a full disk', () => {
  let dataDir: string
  let port: number
  let alkaid: Command
  let printed: string

  async function start(): Promise<void> {
    alkaid = run('start.ts', ['--port', String(port), '--data-dir', dataDir], { LOG_LEVEL: 'error' })
  }
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'alkaid-full-'))
    port = await freePair()
    await start()
    printed = await alkaid.until(/"events"/, 90_000)
  }, 100_000)
  afterAll(async () => {
    await alkaid.end('SIGKILL')
    await rm(dataDir, { recursive: true, force: true })
  })

  const client = (role: string): Client => {
    const token = new RegExp(`^  ${role} +(\\S+)$`, 'm').exec(printed)![1]!
    return createClient(`http://127.0.0.1:${port}/graphql`, token)
  }
  const bodies = () => [...printed.matchAll(/-d '(.+)'$/gm)].map(([, body]) => body!)
  const key = () => /The key of the app `demo`: (\S+)/.exec(printed)![1]!
  async function post(at: number, body: string) {
    const headers = { 'content-type': 'application/json', 'x-app-key': key() }
    const reply = await fetch(`http://127.0.0.1:${at}/graphql`, { method: 'POST', headers, body })
    // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
    return (await reply.json()) as any
  }
  let sent = 0
  const event = () => post(port, bodies()[1]!.replace(/"id":"[^"]+"/, `"id":"event-${sent++}"`))
  const slots = () => post(port + 10, bodies()[0]!)
  const makeSlot = (code: string) => client('operator')(SLOT, { input: { app: 'demo', code, name: 'A slot' } })
  async function warnings(): Promise<string[]> {
    const reply = await fetch(`http://127.0.0.1:${port}/readyz`)
    return ((await reply.json()) as { warnings: string[] }).warnings
  }

  test('goes on without writing, and writes again when it can', async () => {
    await makeSlot('before')
    limitFileSize(alkaid.pid, 1)
    for (let round = 0; round < 3; round++) {
      await expect(makeSlot(`refused-${round}`)).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringMatching(/the store cannot write/),
      })
      expect(await event()).toMatchObject({ errors: [{ extensions: { code: 'UNAVAILABLE' } }] })
      expect((await slots()).data.decisions[0]).toMatchObject({ reason: 'MATCHED' })
      const { nodes } = (await client('viewer')(SLOTS)).slots
      expect(nodes.map(({ code }: { code: string }) => code)).toContain('before')
    }
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`)
    expect(ready.status).toBe(200)
    expect(await warnings()).toEqual(expect.arrayContaining([expect.stringMatching(/^store: .*cannot write/)]))

    limitFileSize(alkaid.pid, undefined)
    await makeSlot('after')
    expect(await event()).toMatchObject({ data: { recordEvents: { accepted: 1 } } })
    await until('nothing warns', async () => !(await warnings()).some((warning) => warning.startsWith('store')))
    const codes = (await client('viewer')(SLOTS)).slots.nodes.map(({ code }: { code: string }) => code)
    expect(codes).toEqual(expect.arrayContaining(['before', 'after']))
    expect(codes.filter((code: string) => code.startsWith('refused'))).toEqual([])
  }, 60_000)

  test('starts without being able to write, and has what was there', async () => {
    await alkaid.end('SIGTERM')
    const before = await readFile(join(dataDir, 'demo.json'), 'utf8')
    await start()
    limitFileSize(alkaid.pid, 1)
    printed = await alkaid.until(/"events"/, 90_000)
    expect((await slots()).data.decisions[0]).toMatchObject({ reason: 'MATCHED' })
    await expect(makeSlot('refused')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(await readFile(join(dataDir, 'demo.json'), 'utf8')).toBe(before)
    limitFileSize(alkaid.pid, undefined)
    await makeSlot('later')
  }, 100_000)
})

const disk = mountSmallDisk(1)
const testOnDisk = disk ? test : test.skip
afterAll(() => disk?.unmount())

testOnDisk(
  'a first start on a full disk says so in one line, and leaves nothing half written',
  async () => {
    disk!.fill()
    const { code, stderr } = await run('start.ts', ['--port', '0', '--data-dir', join(disk!.path, 'data')]).ended
    expect(code).toBe(1)
    expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(/^DATA_DIR: .*(ENOSPC|full)/)])
    disk!.free()
    const again = run('start.ts', ['--port', '0', '--data-dir', join(disk!.path, 'data'), '--no-demo'])
    const ended = await Promise.race([again.ended, again.until('Alkaid is ready')])
    // It may be too small for a platform, but never for a clear word.
    if (typeof ended === 'string') await again.end('SIGTERM')
    else expect(ended.stderr.trim().split('\n')).toEqual([expect.stringMatching(/^DATA_DIR: .*full/)])
  },
  60_000,
)
