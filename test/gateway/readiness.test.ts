// `/readyz` when a dependency is gone: the answer names it, and comes in bounded time.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { noChannel } from '../../common/channel/in-process.ts'
import { channelCheck, examine, readinessReply, storeCheck } from '../../common/service/health.ts'
import { connectStore } from '../../common/store/store.ts'
import { startEmbeddedServer } from '../../embedded/server.ts'

const answerOf = async (checks: Parameters<typeof examine>[0]) => {
  const { status, body } = readinessReply(await examine(checks))
  return { status, ...JSON.parse(body!) }
}

test('a service without its store is not ready, and is ready again when the store is back', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'alkaid-ready-'))
  let server = await startEmbeddedServer({ dataDir })
  const store = await connectStore({ uri: server.uri, now: Date.now })
  const checks = { store: storeCheck(store) }
  try {
    expect(await answerOf(checks)).toMatchObject({ status: 200, ready: true, reasons: [], store: { ok: true } })
    await server.close()
    const gone = await answerOf(checks)
    expect(gone).toMatchObject({ status: 503, ready: false, store: { ok: false } })
    expect(gone.reasons).toEqual([expect.stringMatching(/^store: /)])
    server = await startEmbeddedServer({ dataDir })
    expect(await answerOf(checks)).toMatchObject({ status: 200, ready: true })
  } finally {
    await store.close()
    await server.close()
    await rm(dataDir, { recursive: true, force: true })
  }
})

test('a check that hangs becomes a reason, and does not delay the answer', async () => {
  const checks = { hanging: () => new Promise<never>(() => {}), other: () => ({ seen: 1 }) }
  expect(await answerOf(checks)).toMatchObject({
    status: 503,
    reasons: ['hanging: no answer within 2000 ms'],
    other: { ok: true, seen: 1 },
  })
})

test('a channel that is out of reach is only a warning, since delivery writes everything again', async () => {
  expect(await answerOf({ channel: channelCheck(noChannel('test')) })).toMatchObject({
    status: 200,
    ready: true,
    warnings: [expect.stringMatching(/^channel: changes do not reach the nodes/)],
    channel: { ok: true, reachable: false },
  })
})
