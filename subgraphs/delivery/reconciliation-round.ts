// One round of the reconciliation. It finishes revocations that a crash cut off, then compares the channel with MongoDB: the
// list of apps, each app's settings and operations, each slot's latest publication. For each document there are these cases:
// - missing or lower in the channel: it is written;
// - corrupt, or not the document of this address (wrong seal, another slot): it is replaced, whatever stamp it claims;
// - higher than MongoDB: it is only counted. The database was restored, and nodes accept nothing lower than they hold.
// - named by a manifest, unknown to MongoDB, and missing or corrupt: the line is removed. Nodes would look for it for ever.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { type App, allApps, appList, getApp, settingsOf } from '../../common/apps/apps.ts'
import { operationList, operationsOf, operationsStamp } from '../../common/apps/operations.ts'
import type { ProblemLog } from '../../common/base/problem-log.ts'
import { isCode } from '../../common/channel/keys.ts'
import type { Services } from '../../common/command/services.ts'
import { type Address, addressName, OPERATIONS, SETTINGS } from '../../engine/publication/address.ts'
import { openAt, seal } from '../../engine/publication/sign.ts'
import { type ChannelDocument, compareStamps, parseStamp, type Stamp } from '../../engine/publication/types.ts'
import { reviews } from '../audit/repository.ts'
import { forEachIsolated } from './failure-isolation.ts'
import { publications, slotHeads } from './repository.ts'
import { finishRevocation } from './revocation.ts'

export type RoundInput = {
  services: Services
  problems: ProblemLog
  /** Reads every document. Else only those that the manifest or a node calls wrong. */
  full: boolean
  /** Names of documents that nodes cannot read. They are read in any case. */
  unreadableOnNodes: ReadonlySet<string>
}

/** How many documents. */
type Counts = {
  checked: number
  /** Missing, lower or corrupt, and written. */
  rewritten: number
  /** Corrupt, and written. Part of `rewritten`. */
  replaced: number
  /** Higher in the channel than in MongoDB. */
  ahead: number
  /** Lines of manifests that named nothing, and were removed. */
  removed: number
  /** There, but not the document of this address, or older than the manifest says. */
  corrupt: number
}

/** What one round did. `failures`: how many parts failed; `error`: the message of the first one. */
export type RoundReport = Counts & { revocations: number; failures: number; error: string | null }

/** Every step adds to `counts` and `errors`. So a round that fails half way still reports what it did. */
type Round = RoundInput & { counts: Counts; errors: string[] }

/** A document as MongoDB has it. */
type Expected = {
  code: string
  stamp: Stamp
  /** The id of the publication; null for the settings and the operations. */
  publication: string | null
  /** The manifest's line against MongoDB: below 0 is lower or missing, above 0 is higher. */
  order: number
}

/** What the channel holds at an address: nothing, the right document, a higher one, or a text that is none of these. */
type Inspection = 'missing' | 'right' | 'ahead' | { corrupt: string }

const REVOCATIONS_AT_ONCE = 100
const DOCUMENTS_AT_ONCE = 20

/** Runs one round. It never throws: the report tells what failed, and the next round tries that again. */
export async function runRound(input: RoundInput): Promise<RoundReport> {
  const counts = { checked: 0, rewritten: 0, replaced: 0, removed: 0, ahead: 0, corrupt: 0 }
  const round: Round = { ...input, counts, errors: [] }
  let revocations = 0
  await runPart(round, 'finishing revocations', async () => {
    revocations = await finishRevocations(round)
  })
  await runPart(round, 'healing the channel', () => healChannel(round))
  return { ...counts, revocations, failures: round.errors.length, error: round.errors[0] ?? null }
}

async function runPart(round: Round, name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
    round.problems.resolve(name)
  } catch (error) {
    round.problems.report(name, 'not completed. The next round tries again', error)
    addError(round, error)
  }
}

function addError({ errors }: Round, error: unknown): void {
  errors.push(error instanceof Error ? error.message : String(error))
}

/** Returns how many revocations were finished. */
async function finishRevocations(round: Round): Promise<number> {
  const { services } = round
  let finished = 0
  for (let after = ''; ; ) {
    const page = await reviews.toRecompose(services.store, REVOCATIONS_AT_ONCE, after)
    if (page.length === 0) return finished
    await forEachIsolated(
      page,
      async ({ _id }) => {
        await finishRevocation(services, _id, null)
        finished += 1
      },
      ({ _id }, error) => {
        services.log.error({ err: error, review: _id }, 'a revocation is not finished: slots may still serve it')
        addError(round, error)
      },
    )
    after = page.at(-1)!._id
  }
}

async function healChannel(round: Round): Promise<void> {
  await healEach(
    round,
    ['apps'],
    () => 'the list of apps',
    () => healAppList(round),
  )
  const apps = await allApps(round.services.store)
  await healEach(
    round,
    apps,
    ({ _id }) => `the documents of app ${_id}`,
    (app) => healApp(round, app),
  )
}

/** Does the work for each item. A failure is logged under the item's name, and the other items go on. */
async function healEach<T>(
  round: Round,
  items: readonly T[],
  nameOf: (item: T) => string,
  work: (item: T) => Promise<void>,
): Promise<void> {
  await forEachIsolated(
    items,
    async (item) => {
      await work(item)
      round.problems.resolve(`healing ${nameOf(item)}`)
    },
    (item, error) => {
      round.problems.report(`healing ${nameOf(item)}`, 'failed', error)
      addError(round, error)
    },
  )
}

async function healAppList(round: Round): Promise<void> {
  const { channel, keys, store } = round.services
  // The channel is read before MongoDB, here and below. Else a document that is published in between would look ahead.
  const [text] = await channel.read(['apps'])
  const list = await store.transaction((tx) => appList(tx, store.epoch))
  round.counts.checked += 1
  const opened = text ? openAt(keys, 'apps', text) : undefined
  if (text && opened && 'error' in opened) {
    noteCorrupt(round, 'apps')
    return put(round, 'apps', list, text)
  }
  const order = opened && !('error' in opened) ? compareStamps(opened, list) : -1
  if (order > 0) return noteAhead(round, 'apps')
  noteRight(round, 'apps')
  if (order < 0) await put(round, 'apps', list, null)
}

async function healApp(round: Round, { _id: app }: App): Promise<void> {
  const manifest = await round.services.channel.manifest(app)
  const documents = await expectedDocuments(round.services, app, manifest)
  const nameOf = ({ code }: Expected) => `document ${addressName({ app, code })}`

  // One code that cannot be a key would make every command fail that contains it. So it is reported by itself.
  const withoutKey = documents.filter(({ code }) => !isCode(code))
  await healEach(round, withoutKey, nameOf, async ({ code }) => {
    throw new RangeError(`${JSON.stringify(code)} is no code of a slot`)
  })

  const expected = documents.filter(({ code }) => isCode(code))
  const expectedCodes = new Set(expected.map(({ code }) => code))
  const unknown = [...manifest.keys()].filter((code) => !expectedCodes.has(code)).map((code) => ({ app, code }))
  await healUnknown(round, app, unknown)

  for (let from = 0; from < expected.length; from += DOCUMENTS_AT_ONCE) {
    const batch = expected.slice(from, from + DOCUMENTS_AT_ONCE)
    round.counts.checked += batch.length
    const inspections = await inspect(
      round,
      app,
      batch.filter((document) => mustBeRead(round, app, document)),
    )
    const corruptText = ({ code }: Expected): string | null => {
      const inspection = inspections.get(code)
      return typeof inspection === 'object' ? inspection.corrupt : null
    }
    const wrong = batch.filter(
      (one) => one.order < 0 || inspections.get(one.code) === 'missing' || corruptText(one) !== null,
    )
    const bodies = await readBodies(round.services, wrong)
    await healEach(round, wrong, nameOf, async (document) => {
      const { code, publication } = document
      const body = publication === null ? await readOfApp(round.services, app, code) : bodies.get(publication)
      if (!body) throw new Error('MongoDB has no body of the latest publication: publish the slot again')
      await put(round, { app, code }, body, corruptText(document))
    })
    await nextTurn() // requests are answered between two batches
  }
}

/**
 * Lines of a manifest that MongoDB knows nothing of. A signed document behind one comes from before a restore. They are read in full
 * rounds, and when a node misses one.
 */
async function healUnknown(
  round: Round,
  app: string,
  unknown: readonly { app: string; code: string }[],
): Promise<void> {
  const isMissed = (address: Address) => round.unreadableOnNodes.has(addressName(address))
  if (!round.full && !unknown.some(isMissed)) {
    for (const address of unknown) noteAhead(round, address)
    return
  }
  const { channel, keys, log } = round.services
  let removed = 0
  for (let from = 0; from < unknown.length; from += DOCUMENTS_AT_ONCE) {
    const batch = unknown.slice(from, from + DOCUMENTS_AT_ONCE)
    const texts = await channel.read(batch)
    for (const [index, address] of batch.entries()) {
      const text = texts[index] ?? null
      if (text !== null && !('error' in openAt(keys, address, text))) noteAhead(round, address)
      else if ((await channel.remove(address, text)) === 'removed') removed += 1
    }
    await nextTurn()
  }
  round.counts.removed += removed
  if (removed > 0) log.warn({ app, removed }, 'removed lines of a manifest that named no document')
}

/** A manifest line above MongoDB may be true, after a restore, or written by somebody else. Only the document tells. */
function mustBeRead({ full, unreadableOnNodes }: Round, app: string, { code, order }: Expected): boolean {
  return full || order > 0 || unreadableOnNodes.has(addressName({ app, code }))
}

/** Everything of an app that the channel should have: its settings, its operations if it has some, and the latest publication of each slot. */
async function expectedDocuments(
  { store }: Services,
  code: string,
  manifest: ReadonlyMap<string, string>,
): Promise<Expected[]> {
  const app = await getApp(store, code)
  const settings = app ? [{ code: SETTINGS, stamp: settingsOf(app, store.epoch), publication: null }] : []
  const stamp = await operationsStamp(store, code)
  const operations = stamp ? [{ code: OPERATIONS, stamp, publication: null }] : []
  const heads = await slotHeads.ofApp(store, code)
  const slots = heads.map(({ code, epoch, revision, latest }) => ({
    code,
    stamp: { epoch, revision },
    publication: latest,
  }))
  return [...settings, ...operations, ...slots].map((document) => {
    const line = parseStamp(manifest.get(document.code) ?? '')
    return { ...document, order: line ? compareStamps(line, document.stamp) : -1 }
  })
}

/** code -> what the channel holds. It reads the documents themselves, because the manifest can be wrong about them. */
async function inspect(round: Round, app: string, batch: readonly Expected[]): Promise<Map<string, Inspection>> {
  const inspections = new Map<string, Inspection>()
  if (batch.length === 0) return inspections
  const { channel, keys } = round.services
  const addresses = batch.map(({ code }): Address => ({ app, code }))
  const texts = await channel.read(addresses)
  for (const [index, { code, stamp, order }] of batch.entries()) {
    const [address, text] = [addresses[index]!, texts[index] ?? null]
    if (text === null) {
      inspections.set(code, 'missing')
      continue
    }
    const opened = openAt(keys, address, text)
    const documentOrder = 'error' in opened ? Number.NaN : compareStamps(opened, stamp)
    if (documentOrder > 0) {
      inspections.set(code, 'ahead')
      noteAhead(round, address)
    } else if (documentOrder === 0 && order <= 0) {
      inspections.set(code, 'right')
      noteRight(round, address)
    } else {
      inspections.set(code, { corrupt: text })
      noteCorrupt(round, address)
    }
  }
  return inspections
}

/** id of a publication -> its body. */
async function readBodies({ store }: Services, documents: readonly Expected[]) {
  const ids = documents.flatMap(({ publication }) => publication ?? [])
  const rows = await publications.byIds(store, ids)
  return new Map(rows.flatMap((row) => (row ? [[row._id, row.body]] : [])))
}

/** The settings or the operations of an app. */
async function readOfApp({ store }: Services, app: string, code: string): Promise<ChannelDocument | undefined> {
  if (code === OPERATIONS) return operationList(await operationsOf(store, app), store.epoch)
  const found = await getApp(store, app)
  return found ? settingsOf(found, store.epoch) : undefined
}

/** Writes a document. `corrupt`: the text that it replaces. Null: it is written unless the channel holds a higher one. */
async function put(round: Round, address: Address, document: ChannelDocument, corrupt: string | null): Promise<void> {
  const { services, counts } = round
  const sealed = seal(services.keys, document)
  if (corrupt === null) await services.channel.write(address, document, sealed)
  else await services.channel.replace(address, corrupt, document, sealed)
  counts.rewritten += 1
  if (corrupt !== null) counts.replaced += 1
}

function noteAhead({ counts, problems }: Round, address: Address): void {
  counts.ahead += 1
  const problem = 'the channel is ahead of MongoDB, as after a restore: run `npm run raise-epoch`'
  problems.report(`document ${addressName(address)}`, problem)
}

function noteCorrupt({ counts, problems }: Round, address: Address): void {
  counts.corrupt += 1
  const problem = 'the channel holds something else at its address: it is replaced'
  problems.report(`document ${addressName(address)}`, problem)
}

function noteRight({ problems }: Round, address: Address): void {
  problems.resolve(`document ${addressName(address)}`)
}
