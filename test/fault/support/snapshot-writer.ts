// A node that publishes to itself without end and keeps a snapshot in the folder of its first argument, until it is killed. It goes on
// from the revision in its second argument. It prints each revision that is surely on disk.

import { setTimeout as sleep } from 'node:timers/promises'
import { createInProcessChannel } from '../../../common/channel/in-process.ts'
import { startSync } from '../../../subgraphs/distribution/sync.ts'
import { listDocument, put, settingsDocument, slotDocument, testKeys } from '../../support/documents.ts'

const [folder, first] = process.argv.slice(2)
const channel = createInProcessChannel()
await put(channel, settingsDocument('shop', 1), listDocument(1, ['shop']))
let revision = Number(first)
await publish()
const silent = { info() {}, warn() {} }
const sync = await startSync({ channel, keys: testKeys, node: 'n1', log: silent, snapshotFolder: folder })
while (true) {
  const published = revision
  const since = Date.now()
  while (Date.now() - (sync.status().snapshot?.ageMs ?? 1e15) <= since) await sleep(5)
  console.log(published)
  revision += 1
  await publish()
}

/** So long that the file is soon outdated, and the next generation is written. */
async function publish(): Promise<void> {
  for (let at = 0; at < 6; at += 1) {
    const document = slotDocument('shop', `slot-${at}`, revision)
    document.entries[0]!.creatives[0]!.text = `${revision}`.padEnd(1_000_000, 'x')
    await put(channel, document)
  }
}
