// Compares the channel with what MongoDB has and rewrites what is missing or lower: the list of apps, each app's
// settings, each slot's latest publication. What the channel has higher than MongoDB is only counted: it says that the
// database was restored, and no document can be lower than what the nodes hold.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { announceList, announceSettings } from '../../common/apps/announce.ts'
import { allApps, appList, getApp } from '../../common/apps/apps.ts'
import { type Address, SETTINGS } from '../../common/channel/channel.ts'
import { open } from '../../common/publication/sign.ts'
import { compareStamps, parseStamp, type Stamp } from '../../common/publication/types.ts'
import type { Services } from '../../common/services.ts'
import { write } from './distribute.ts'
import { publications, slotHeads } from './repository.ts'

export type Healed = {
  /** Documents that were looked at. */
  checked: number
  /** Documents that were missing or lower, and were written. */
  rewritten: number
  /** Documents of which the channel has a higher one than MongoDB. */
  ahead: number
  /** Documents that are there, but cannot be read; only a new publication takes their place. */
  corrupt: number
}

/** A document of MongoDB and its stamp; `missing` once it is known not to be in the channel. */
type Expected = { code: string; stamp: Stamp; publication: string | null; missing: boolean }

const DOCUMENTS_AT_ONCE = 20

/** `full` also reads every document, for one may be gone though the manifest names it. Rejects when the channel is down. */
export async function healChannel(services: Services, full: boolean, healed: Healed): Promise<void> {
  await healList(services, healed)
  for (const app of await allApps(services.store)) await healApp(services, app._id, full, healed)
}

async function healList(services: Services, healed: Healed): Promise<void> {
  const { channel, keys, store } = services
  // The channel first, here and below: what is published in between must not look as if the channel were ahead.
  const [text] = await channel.read(['apps'])
  const list = await store.transaction((tx) => appList(tx, store.epoch))
  healed.checked += 1
  const held = text ? open(keys, text) : undefined
  if (held && 'error' in held) return reportCorrupt(services, healed, 'the list of apps')
  const order = held ? compareStamps(held, list) : -1
  if (order > 0) report(services, healed, 'the list of apps')
  if (order >= 0) return
  await announceList(services)
  healed.rewritten += 1
}

async function healApp(services: Services, app: string, full: boolean, healed: Healed): Promise<void> {
  const manifest = await services.channel.manifest(app)
  const expected = await expectedOf(services, app)
  const known = new Set(expected.map(({ code }) => code))
  for (const code of manifest.keys()) if (!known.has(code)) report(services, healed, `${app}/${code}`)
  for (let from = 0; from < expected.length; from += DOCUMENTS_AT_ONCE) {
    const batch = expected.slice(from, from + DOCUMENTS_AT_ONCE)
    if (full) await findMissing(services, app, batch, healed)
    await rewrite(services, app, batch.filter(isBehind), healed)
    await nextTurn()
  }

  function isBehind({ code, stamp, missing }: Expected): boolean {
    healed.checked += 1
    const held = parseStamp(manifest.get(code) ?? '')
    const order = held ? compareStamps(held, stamp) : -1
    if (order > 0) report(services, healed, `${app}/${code}`)
    return order < 0 || missing
  }
}

/** Everything of an app that the channel should have. */
async function expectedOf({ store }: Services, code: string): Promise<Expected[]> {
  const app = await getApp(store, code)
  const settings = app
    ? [{ code: SETTINGS, stamp: { epoch: store.epoch, revision: app.version }, publication: null }]
    : []
  const heads = await slotHeads.ofApp(store, code)
  const slots = heads.map(({ code, epoch, revision, latest }) => ({
    code,
    stamp: { epoch, revision },
    publication: latest,
  }))
  return [...settings, ...slots].map((document) => ({ ...document, missing: false }))
}

async function findMissing(services: Services, app: string, batch: readonly Expected[], healed: Healed): Promise<void> {
  const addresses = batch.map(({ code }): Address => ({ app, code }))
  const texts = await services.channel.read(addresses)
  for (const [index, document] of batch.entries()) {
    const text = texts[index] ?? null
    document.missing = text === null
    if (text === null || !('error' in open(services.keys, text))) continue
    reportCorrupt(services, healed, `${app}/${document.code}`)
  }
}

async function rewrite(services: Services, app: string, batch: readonly Expected[], healed: Healed): Promise<void> {
  if (batch.length === 0) return
  if (batch.some(({ code }) => code === SETTINGS)) await announceSettings(services, app)
  const ids = batch.flatMap(({ publication }) => publication ?? [])
  for (const publication of await publications.byIds(services.store, ids)) {
    if (publication) await write(services, publication)
  }
  healed.rewritten += batch.length
}

function report({ log }: Services, healed: Healed, what: string): void {
  healed.ahead += 1
  log.error({ document: what }, 'the channel is ahead of MongoDB, as after a restore: run `npm run raise-epoch`')
}

function reportCorrupt({ log }: Services, healed: Healed, what: string): void {
  healed.corrupt += 1
  log.error({ document: what }, 'the channel holds something that was not written with our key')
}
