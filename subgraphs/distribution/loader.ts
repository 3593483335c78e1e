// Brings documents from the channel into a table: single ones, or all that the manifests name. A document that is missing,
// corrupt, forged or too old changes nothing in the table. It is counted, logged and listed as unreadable. Delivery reads
// that list in the heartbeats and writes the document again.

import type { ProblemLog } from '../../common/base/problem-log.ts'
import type { TimeSlices } from '../../common/base/time-slices.ts'
import type { Channel } from '../../common/channel/channel.ts'
import { ChannelUnavailable } from '../../common/channel/channel.ts'
import { type Address, addressName, SETTINGS } from '../../engine/publication/address.ts'
import { parseInSteps, type SigningKeys, type Unreadable, verifyInSteps } from '../../engine/publication/sign.ts'
import { compareStamps, parseStamp } from '../../engine/publication/types.ts'
import { prepareSlot } from './opening-times.ts'
import { compileDocument, createTable, type Table } from './table.ts'
import type { UnreadableDocuments } from './unreadable-documents.ts'

/** How often each outcome happened to a document that was read, since the start. */
export type LoadCounters = {
  applied: number
  /** Older than the table's entry. */
  notHigher: number
  /** Expected (named by a manifest or a notification, or in the table), but not in the channel. */
  missing: number
  corrupt: number
  /** Signed by another key, or for another address. */
  forged: number
}

/**
 * How much of what the channel names is in the table after a load.
 * `complete`: everything. `readable`: everything except documents that are missing or cannot be read.
 * `partial`: some apps could not be asked for, because a server of a Redis Cluster is away. `incomplete`: the list of apps, or the manifest
 * of an app, is missing.
 */
export type Completeness = 'complete' | 'readable' | 'partial' | 'incomplete'

/**
 * The table to load into. It is a function because a reload can replace the node's table while documents are on their
 * way: each document goes into the table of the moment at which it arrives.
 */
export type TargetTable = () => Table

export type Loader = {
  /** Fetches the documents at these addresses. Those that cannot be read are in `unreadable` afterwards. */
  fetch(target: TargetTable, addresses: readonly Address[]): Promise<void>
  /** Fetches the documents of one app in which the table and the manifest differ. */
  compareApp(target: TargetTable, app: string): Promise<Completeness>
  /** Fetches the list of apps, and does `compareApp` for each app. */
  compare(target: TargetTable): Promise<Completeness>
  /** Fetches every document that is not in `done`, and adds its name to `done`. So a later call continues this one. */
  loadAll(target: TargetTable, done: Set<string>): Promise<Completeness>
  /** Applies a document of the node's own snapshot. Nothing is counted. */
  restore(target: TargetTable, address: Address, text: string): Promise<void>
  /** Returns a new table with all entries of `table`. */
  copy(table: Table): Promise<Table>
}

export type LoaderOptions = {
  channel: Channel
  keys: SigningKeys
  counters: LoadCounters
  problems: ProblemLog
  /** Aborts the loads that are running. */
  signal: AbortSignal
  unreadable: UnreadableDocuments
  /** All long work goes through it. */
  slices: TimeSlices
  /** Milliseconds since the Unix epoch. */
  clock: () => number
  /** `table` has the document. `text`: as it came from the channel. */
  onApplied(address: Address, table: Table, text: string): void
  /** The same document came with a seal of the new signing secret. */
  onSealedAnew(address: Address, text: string): void
  /** Called when `unreadable` has got one more document. */
  onUnreadable(): void
}

type ReceivedDocument = { outcome: keyof LoadCounters | 'same'; problem?: string; error?: unknown }

/** How many documents one read of an app asks for: as many as were about 2 MB the last time. */
const DOCUMENTS_AT_ONCE = { first: 16, most: 64, characters: 2_000_000 }
const APPS_AT_ONCE = 8
/** How many codes of a manifest one step looks at. */
const CODES_PER_STEP = 64

/** All methods reject when the channel is out of reach. What they brought into the table before stays there. */
export function createLoader(options: LoaderOptions): Loader {
  const { channel, keys, counters, problems, signal, unreadable, slices, clock } = options
  const { onApplied, onSealedAnew, onUnreadable } = options

  /** `done` undefined: fetches only what differs from the manifest, and what could not be read the last time. */
  async function load(target: TargetTable, done?: Set<string>): Promise<Completeness> {
    const fetched = await loadOrReport('the list of apps', async () => {
      await fetch(target, ['apps'])
      return 'complete'
    })
    const listed = target().apps()
    const apps = new Set([...(listed ?? []), ...target().loadedApps()])
    unreadable.keepApps(apps)
    const results: Completeness[] = [fetched, completenessOfList(listed)]
    for (const group of inGroups([...apps], APPS_AT_ONCE)) {
      results.push(...(await Promise.all(group.map((app) => loadAppOrReport(target, app, done)))))
    }
    return worst(results)
  }

  function completenessOfList(listed: readonly string[] | undefined): Completeness {
    if (!listed) return 'incomplete'
    return unreadable.has('apps') ? 'readable' : 'complete'
  }

  function loadAppOrReport(target: TargetTable, app: string, done?: Set<string>): Promise<Completeness> {
    return loadOrReport(`the documents of app ${app}`, () => loadApp(target, app, done))
  }

  /**
   * An app that the channel refuses, whose code is not valid, or whose server in a Redis Cluster is away must not stop the other apps from
   * loading.
   */
  async function loadOrReport(what: string, work: () => Promise<Completeness>): Promise<Completeness> {
    try {
      const loaded = await work()
      problems.resolve(what)
      return loaded
    } catch (error) {
      const extent = error instanceof ChannelUnavailable ? error.extent : 'call'
      if (signal.aborted || extent === 'all') throw error
      problems.report(what, 'cannot be loaded', error)
      return extent === 'app' ? 'partial' : 'readable'
    }
  }

  async function loadApp(target: TargetTable, app: string, done?: Set<string>): Promise<Completeness> {
    signal.throwIfAborted()
    const manifest = await channel.manifest(app)
    const stamps = target().stamps(app)
    const codes = new Set([SETTINGS, ...manifest.keys(), ...stamps.keys()])
    const isWanted = (code: string) => {
      if (done) return !done.has(addressName({ app, code }))
      if (!stamps.has(code) || stamps.get(code) !== manifest.get(code)) return true
      return unreadable.size > 0 && unreadable.has({ app, code })
    }
    const wanted: Address[] = []
    await forEachInSlices(codes, (code) => {
      if (isWanted(code)) wanted.push({ app, code })
    })
    await fetch(target, wanted, done)
    unreadable.keepCodes(app, codes)
    if (!manifest.has(SETTINGS)) return 'incomplete'
    let loaded: Completeness = 'complete'
    await forEachInSlices(manifest, ([code, stamp]) => {
      if (hasAtLeast(target(), { app, code }, stamp)) return
      addUnreadable({ app, code })
      loaded = 'readable'
    })
    return loaded
  }

  async function forEachInSlices<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
    let done = 0
    for (const item of items) {
      work(item)
      done += 1
      const pause = done % CODES_PER_STEP === 0 ? slices.pause() : undefined
      if (pause) await pause
    }
  }

  async function fetch(target: TargetTable, addresses: readonly Address[], done?: Set<string>): Promise<void> {
    let atOnce = DOCUMENTS_AT_ONCE.first
    for (let from = 0; from < addresses.length; ) {
      signal.throwIfAborted()
      const batch = addresses.slice(from, from + atOnce)
      from += batch.length
      const texts = await channel.read(batch)
      let characters = 0
      for (const [index, address] of batch.entries()) {
        const text = texts[index] ?? null
        characters += text?.length ?? 0
        await receive(target, address, text)
        done?.add(addressName(address))
      }
      const most = Math.floor((DOCUMENTS_AT_ONCE.characters * batch.length) / Math.max(characters, 1))
      atOnce = Math.min(Math.max(most, 1), DOCUMENTS_AT_ONCE.most)
    }
  }

  /** Applies one document, counts the outcome, and reports what is wrong with it. */
  async function receive(target: TargetTable, address: Address, text: string | null): Promise<void> {
    const what = `document ${addressName(address)}`
    const { outcome, problem, error } = await apply(target, address, text)
    if (outcome !== 'same') counters[outcome] += 1
    if (problem) {
      problems.report(what, problem, error)
      addUnreadable(address)
      return
    }
    unreadable.delete(address)
    problems.resolve(what)
    if (outcome === 'applied') onApplied(address, target(), text!)
  }

  /** A slot comes into the table when it is compiled and its opening times are prepared. So no request does such work. */
  async function apply(target: TargetTable, address: Address, text: string | null): Promise<ReceivedDocument> {
    if (text === null) return { outcome: 'missing', problem: 'missing' }
    try {
      const verified = await slices.run(verifyInSteps(keys, text))
      if ('error' in verified) return refusal(verified)
      if (verified.mac === target().at(address)?.mac) return { outcome: 'same' }
      const document = await slices.run(parseInSteps(address, verified))
      if ('error' in document) return refusal(document)
      let order = target().orderOf(address, document)
      if (order === 'applied') {
        const entry = await slices.run(compileDocument(document, verified.mac, keys))
        if ('slot' in entry) await prepareSlot(entry.slot, clock(), slices)
        order = target().adopt(entry) // another load may have brought a higher one meanwhile
      } else if (order === 'same') {
        target().sealAnew(address, verified.mac)
        onSealedAnew(address, text)
      }
      return order === 'lower' ? { outcome: 'notHigher', problem: 'older than what this node has' } : { outcome: order }
    } catch (error) {
      // The signature is right, but the document cannot be compiled: another version of Alkaid wrote it.
      return { outcome: 'corrupt', problem: 'corrupt', error }
    }
  }

  function addUnreadable(address: Address): void {
    if (unreadable.add(address)) onUnreadable()
  }

  return {
    fetch,
    compareApp: (target, app) => loadApp(target, app),
    compare: (target) => load(target),
    loadAll: (target, done) => load(target, done),
    async restore(target, address, text) {
      const { problem, error } = await apply(target, address, text)
      if (problem) problems.report(`document ${addressName(address)} of the snapshot`, problem, error)
    },
    async copy(table) {
      const copy = createTable()
      await forEachInSlices(table.entries(), (entry) => void copy.adopt(entry))
      return copy
    },
  }
}

function refusal({ error, cause }: { error: Unreadable; cause?: unknown }): ReceivedDocument {
  if (error === 'misplaced') return { outcome: 'forged', problem: 'signed for another address' }
  return { outcome: error, problem: error, error: cause }
}

/** Whether the table has the document with the manifest's stamp (as in `3.17`), or a higher one. */
function hasAtLeast(table: Table, address: Address, stamp: string): boolean {
  const [wanted, present] = [parseStamp(stamp), table.at(address)?.stamp]
  return wanted !== undefined && present !== undefined && compareStamps(present, wanted) >= 0
}

function worst(results: readonly Completeness[]): Completeness {
  if (results.includes('incomplete')) return 'incomplete'
  if (results.includes('partial')) return 'partial'
  return results.includes('readable') ? 'readable' : 'complete'
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}
