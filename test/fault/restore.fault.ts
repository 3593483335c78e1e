// A backup of the database is restored, as docs/operations.md says. Nodes hold newer publications than the backup. They serve without a
// gap, and in the end they serve what the backup has.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { describeWithRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { type CountingSlot, makeApp, makeCountingSlot } from './support/counting-slot.ts'
import { type Installation, startInstallation } from './support/installation.ts'
import { askSlots, type SlotLoad, startSlotLoad } from './support/slot-load.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

describeWithRedis('A database that is restored from a backup', () => {
  let alkaid: Installation
  let slot: CountingSlot
  let load: SlotLoad | undefined
  beforeAll(async () => {
    alkaid = await startInstallation({ nodes: 2 })
    slot = await makeCountingSlot(alkaid, await makeApp(alkaid, 'shop'), 'home.banner')
  })
  afterAll(async () => {
    await load?.stop()
    await alkaid?.stop()
  })

  const nodeUrls = () => alkaid.nodes().map(({ url }) => url)
  const isServed = (publication: number) => async () => {
    const answers = await Promise.all(nodeUrls().map((url) => askSlots(url, slot.query)))
    return answers.every(({ status, body }) => status === 200 && slot.numberIn(body) === publication)
  }
  const others = () => alkaid.all().filter(({ service }) => service !== 'distribution')

  test('is what nodes serve in the end, and they never stop to answer', async () => {
    const data = join(alkaid.folder, alkaid.database.kind)
    const backup = join(alkaid.folder, 'backup')
    const inBackup = await slot.publishNext()
    await until('the nodes serve what the backup will have', isServed(inBackup), { within: 10_000 })

    // The backup: a copy of the data of a database that does not run.
    await alkaid.database.process.terminate()
    await cp(data, backup, { recursive: true })
    await alkaid.database.process.start()

    await until('the database answers again', () => slot.publishNext().then(() => true), { within: 30_000 })
    const newest = await slot.publishNext()
    await until('the nodes serve the newest', isServed(newest), { within: 10_000 })
    load = startSlotLoad({
      urls: nodeUrls,
      perSecond: 100,
      queries: [slot.query],
      check({ status, body }) {
        if (status !== 200) return `status ${status}: ${body}`
        const number = slot.numberIn(body)
        return number === newest || number === inBackup ? undefined : `publication ${number}`
      },
    })

    // The restore: everything but the nodes stands still.
    await Promise.all(others().map((service) => service.terminate()))
    await alkaid.database.process.terminate()
    await rm(data, { recursive: true })
    await cp(backup, data, { recursive: true })
    await alkaid.database.process.start()
    expect(await raiseEpoch(alkaid.database.uri)).toMatch(/The epoch is \d+ now; 1 slots were composed in it/)
    await Promise.all(others().map((service) => service.start()))

    await until('the nodes serve what the backup has', isServed(inBackup), { within: 20_000 })
    const { sent, failures } = await load.stop()
    expect(failures).toEqual([])
    expect(sent).toBeGreaterThan(100)
    const readiness = await (await fetch(`${alkaid.get('delivery').url}/readyz`)).text()
    expect(readiness).toMatch(/"ready":true/)
    expect(readiness).not.toMatch(/raise-epoch/)
  }, 120_000)
})

/** Runs `npm run raise-epoch`, and resolves to what it prints. */
async function raiseEpoch(mongodbUri: string): Promise<string> {
  const child = spawn(process.execPath, ['scripts/raise-epoch.ts'], {
    cwd: root,
    env: { ...process.env, MONGODB_URI: mongodbUri },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  await once(child, 'close')
  return text
}
