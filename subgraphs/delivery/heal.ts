// Compares the channel with what MongoDB has and rewrites what is missing or lower: the list of apps, each app's
// settings, each slot's latest publication. What the channel has higher than MongoDB is only counted: it says that the
// database was restored, and no document can be lower than what the nodes hold.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { allApps, appList, getApp, settingsOf } from '../../common/apps/apps.ts'
import { type Address, SETTINGS } from '../../common/channel/channel.ts'
import { open, seal } from '../../common/publication/sign.ts'
import { type ChannelDocument, compareStamps, parseStamp, type Stamp } from '../../common/publication/types.ts'
import type { Services } from '../../common/services.ts'
import { publications, slotHeads } from './repository.ts'

export type Healed = {
  /** Documents that were looked at. */
  checked: number
  /** Documents that were missing or lower, and were written. */
  rewritten: number
  /** Documents of which the channel has a higher one than MongoDB. */
  ahead: number
  /** Documents that are there, but are corrupt, sealed by somebody else, or older than the manifest says. */
  corrupt: number
}

/** A document as MongoDB has it, and what is found of it in the channel. */
type Expected = {
  code: string
  stamp: Stamp
  /** Its id; null for the settings. */
  publication: string | null
  /** What the manifest says: below 0 when that is lower than MongoDB, or nothing; above 0 when it is higher. */
  order: number
  missing: boolean
  /** What stands in its place, when that is not it. */
  unreadable: string | null
}

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
  const unreadable = text && held && 'error' in held ? text : null
  if (unreadable) reportCorrupt(services, healed, 'the list of apps')
  const order = held && !('error' in held) ? compareStamps(held, list) : -1
  if (order > 0) report(services, healed, 'the list of apps')
  if (order >= 0) return
  await put(services, 'apps', list, unreadable)
  healed.rewritten += 1
}

async function healApp(services: Services, app: string, full: boolean, healed: Healed): Promise<void> {
  const manifest = await services.channel.manifest(app)
  const expected = await expectedOf(services, app, manifest)
  const known = new Set(expected.map(({ code }) => code))
  for (const code of manifest.keys()) if (!known.has(code)) report(services, healed, `${app}/${code}`)
  for (let from = 0; from < expected.length; from += DOCUMENTS_AT_ONCE) {
    const batch = expected.slice(from, from + DOCUMENTS_AT_ONCE)
    healed.checked += batch.length
    // A line that is higher than MongoDB may be true, after a restore, or somebody's; only the document tells.
    await inspect(services, app, full ? batch : batch.filter(({ order }) => order > 0), healed)
    const wrong = batch.filter(({ order, missing, unreadable }) => order < 0 || missing || unreadable !== null)
    await rewrite(services, app, wrong, healed)
    await nextTurn()
  }
}

/** Everything of an app that the channel should have. */
async function expectedOf(
  { store }: Services,
  code: string,
  manifest: ReadonlyMap<string, string>,
): Promise<Expected[]> {
  const app = await getApp(store, code)
  const settings = app ? [{ code: SETTINGS, stamp: settingsOf(app, store.epoch), publication: null }] : []
  const heads = await slotHeads.ofApp(store, code)
  const slots = heads.map(({ code, epoch, revision, latest }) => ({
    code,
    stamp: { epoch, revision },
    publication: latest,
  }))
  return [...settings, ...slots].map((document) => {
    const line = parseStamp(manifest.get(document.code) ?? '')
    const order = line ? compareStamps(line, document.stamp) : -1
    return { ...document, order, missing: false, unreadable: null }
  })
}

/** Looks at the documents themselves: one may be gone, or not what its line in the manifest says. */
async function inspect(services: Services, app: string, batch: readonly Expected[], healed: Healed): Promise<void> {
  if (batch.length === 0) return
  const addresses = batch.map(({ code }): Address => ({ app, code }))
  const texts = await services.channel.read(addresses)
  for (const [index, document] of batch.entries()) {
    const text = texts[index] ?? null
    document.missing = text === null
    if (text === null) continue
    const held = open(services.keys, text)
    const isAhead = !('error' in held) && compareStamps(held, document.stamp) > 0
    if (isAhead) report(services, healed, `${app}/${document.code}`)
    const isRight = !('error' in held) && compareStamps(held, document.stamp) === 0 && document.order <= 0
    if (isAhead || isRight) continue
    document.unreadable = text
    reportCorrupt(services, healed, `${app}/${document.code}`)
  }
}

async function rewrite(services: Services, app: string, batch: readonly Expected[], healed: Healed): Promise<void> {
  const ids = batch.flatMap(({ publication }) => publication ?? [])
  const rows = await publications.byIds(services.store, ids)
  const bodies = new Map(rows.flatMap((row) => (row ? [[row._id, row.body]] : [])))
  for (const { code, publication, unreadable } of batch) {
    const document = publication === null ? await settings(services, app) : bodies.get(publication)
    if (!document) continue
    await put(services, { app, code }, document, unreadable)
    healed.rewritten += 1
  }
}

async function settings({ store }: Services, code: string): Promise<ChannelDocument | undefined> {
  const app = await getApp(store, code)
  return app ? settingsOf(app, store.epoch) : undefined
}

/** In place of what cannot be read, or unless the channel holds a higher one. */
async function put(
  { channel, keys }: Services,
  address: Address,
  document: ChannelDocument,
  unreadable: string | null,
): Promise<void> {
  const sealed = seal(keys, document)
  if (unreadable === null) await channel.write(address, document, sealed)
  else await channel.replace(address, unreadable, document, sealed)
}

function report({ log }: Services, healed: Healed, what: string): void {
  healed.ahead += 1
  log.error({ document: what }, 'the channel is ahead of MongoDB, as after a restore: run `npm run raise-epoch`')
}

function reportCorrupt({ log }: Services, healed: Healed, what: string): void {
  healed.corrupt += 1
  log.error({ document: what }, 'the channel holds something else in its place: it is replaced')
}
