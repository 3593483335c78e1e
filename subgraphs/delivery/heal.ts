// Compares the channel with what MongoDB has and rewrites what is missing or lower: the list of apps, each app's
// settings, each slot's latest publication. What the channel has higher than MongoDB is only counted: it says that the
// database was restored, and no document can be lower than what the nodes hold. What is not the document of its place
// (corrupt, sealed by somebody else, signed for another place) is replaced, however high it claims to be.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { type App, allApps, appList, getApp, settingsOf } from '../../common/apps/apps.ts'
import type { ProblemLog } from '../../common/base/problem-log.ts'
import { isCode } from '../../common/channel/keys.ts'
import type { Services } from '../../common/command/services.ts'
import { type Address, addressName, SETTINGS } from '../../engine/publication/address.ts'
import { openAt, seal } from '../../engine/publication/sign.ts'
import { type ChannelDocument, compareStamps, parseStamp, type Stamp } from '../../engine/publication/types.ts'
import { eachApart } from './each-apart.ts'
import { publications, slotHeads } from './repository.ts'

export type Healed = {
  /** Documents that were looked at. */
  checked: number
  /** Documents that were missing, lower or corrupt, and were written. */
  rewritten: number
  /** Those of them that were corrupt. */
  replaced: number
  /** Documents of which the channel has a higher one than MongoDB. */
  ahead: number
  /** Documents that are there, but are not those of their place, or older than the manifest says. */
  corrupt: number
}

export type Healing = {
  services: Services
  problems: ProblemLog
  healed: Healed
  /** Every document is read, for one may be gone or wrong though the manifest names it. */
  full: boolean
  /** Names of documents that nodes cannot read: these are read, too. */
  named: ReadonlySet<string>
  /** An app or a document that could not be looked at or written. The others are. */
  onFailure(error: unknown): void
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

/** Rejects when the channel or the store is out of reach. */
export async function healChannel(healing: Healing): Promise<void> {
  await apart(healing, ['apps'], () => 'the list of apps', healList)
  const apps = await allApps(healing.services.store)
  await apart(healing, apps, ({ _id }) => `the documents of app ${_id}`, healApp)
}

/** `work` for each, with a line in the log for the one that fails. */
async function apart<T>(
  healing: Healing,
  items: readonly T[],
  name: (item: T) => string,
  work: (healing: Healing, item: T) => Promise<void>,
): Promise<void> {
  const { problems, onFailure } = healing
  await eachApart(
    items,
    async (item) => {
      await work(healing, item)
      problems.resolve(`healing ${name(item)}`)
    },
    (item, error) => {
      problems.report(`healing ${name(item)}`, 'failed', error)
      onFailure(error)
    },
  )
}

async function healList(healing: Healing): Promise<void> {
  const { services, healed } = healing
  const { channel, keys, store } = services
  // The channel first, here and below: what is published in between must not look as if the channel were ahead.
  const [text] = await channel.read(['apps'])
  const list = await store.transaction((tx) => appList(tx, store.epoch))
  healed.checked += 1
  const held = text ? openAt(keys, 'apps', text) : undefined
  const unreadable = text && held && 'error' in held ? text : null
  const order = held && !('error' in held) ? compareStamps(held, list) : -1
  judge(healing, 'apps', unreadable !== null ? 'corrupt' : order > 0 ? 'ahead' : 'right')
  if (order >= 0) return
  await put(healing, 'apps', list, unreadable)
}

async function healApp(healing: Healing, { _id: app }: App): Promise<void> {
  const { services, healed, full, named } = healing
  const manifest = await services.channel.manifest(app)
  const found = await expectedOf(services, app, manifest)
  const name = ({ code }: Expected) => `document ${addressName({ app, code })}`
  // What has no place in the channel would make every command fail that names it, among others.
  const expected = found.filter(({ code }) => isCode(code))
  await apart(
    healing,
    found.filter(({ code }) => !isCode(code)),
    name,
    async (_healing, { code }) => {
      throw new RangeError(`${JSON.stringify(code)} is no code of a slot`)
    },
  )
  const known = new Set(expected.map(({ code }) => code))
  for (const code of manifest.keys()) if (!known.has(code)) judge(healing, { app, code }, 'ahead')
  for (let from = 0; from < expected.length; from += DOCUMENTS_AT_ONCE) {
    const batch = expected.slice(from, from + DOCUMENTS_AT_ONCE)
    healed.checked += batch.length
    // A line that is higher than MongoDB may be true, after a restore, or somebody's; only the document tells.
    const isRead = ({ code, order }: Expected) => full || order > 0 || named.has(addressName({ app, code }))
    await inspect(healing, app, batch.filter(isRead))
    const wrong = batch.filter(({ order, missing, unreadable }) => order < 0 || missing || unreadable !== null)
    await rewrite(healing, app, wrong)
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
async function inspect(healing: Healing, app: string, batch: readonly Expected[]): Promise<void> {
  if (batch.length === 0) return
  const { channel, keys } = healing.services
  const addresses = batch.map(({ code }): Address => ({ app, code }))
  const texts = await channel.read(addresses)
  for (const [index, document] of batch.entries()) {
    const [address, text] = [addresses[index]!, texts[index] ?? null]
    document.missing = text === null
    if (text === null) continue
    const held = openAt(keys, address, text)
    const order = 'error' in held ? Number.NaN : compareStamps(held, document.stamp)
    const found = order > 0 ? 'ahead' : order === 0 && document.order <= 0 ? 'right' : 'corrupt'
    judge(healing, address, found)
    if (found === 'corrupt') document.unreadable = text
  }
}

async function rewrite(healing: Healing, app: string, batch: readonly Expected[]): Promise<void> {
  const { services } = healing
  const ids = batch.flatMap(({ publication }) => publication ?? [])
  const rows = await publications.byIds(services.store, ids)
  const bodies = new Map(rows.flatMap((row) => (row ? [[row._id, row.body]] : [])))
  const name = ({ code }: Expected) => `document ${addressName({ app, code })}`
  await apart(healing, batch, name, async (_healing, { code, publication, unreadable }) => {
    const document = publication === null ? await settings(services, app) : bodies.get(publication)
    if (!document) throw new Error('MongoDB has no body of the latest publication: publish the slot again')
    await put(healing, { app, code }, document, unreadable)
  })
}

async function settings({ store }: Services, code: string): Promise<ChannelDocument | undefined> {
  const app = await getApp(store, code)
  return app ? settingsOf(app, store.epoch) : undefined
}

/** In place of what cannot be read, or unless the channel holds a higher one. */
async function put(
  { services: { channel, keys }, healed }: Healing,
  address: Address,
  document: ChannelDocument,
  unreadable: string | null,
): Promise<void> {
  const sealed = seal(keys, document)
  if (unreadable === null) await channel.write(address, document, sealed)
  else await channel.replace(address, unreadable, document, sealed)
  healed.rewritten += 1
  if (unreadable !== null) healed.replaced += 1
}

const PROBLEMS = {
  ahead: 'the channel is ahead of MongoDB, as after a restore: run `npm run raise-epoch`',
  corrupt: 'the channel holds something else in its place: it is replaced',
}

/** Counts what was found at an address, and tells of it once. */
function judge({ healed, problems }: Healing, address: Address, found: 'ahead' | 'corrupt' | 'right'): void {
  const what = `document ${addressName(address)}`
  if (found === 'right') {
    problems.resolve(what)
  } else {
    healed[found] += 1
    problems.report(what, PROBLEMS[found])
  }
}
