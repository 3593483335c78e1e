// Brings documents from the channel into a table: single ones, or all that the manifests name. Whatever is missing,
// corrupt, forged or older changes nothing; it is counted and logged, and delivery is told of it, which heals it.

import type { ProblemLog } from '../../common/base/problem-log.ts'
import type { Channel } from '../../common/channel/channel.ts'
import { ChannelUnavailable } from '../../common/channel/errors.ts'
import { type Address, addressName, SETTINGS } from '../../engine/publication/address.ts'
import { openAt, type SigningKeys } from '../../engine/publication/sign.ts'
import { compareStamps, parseStamp } from '../../engine/publication/types.ts'
import { createSlices } from './slices.ts'
import { createTable, type Table } from './table.ts'
import type { Unreadable } from './unreadable.ts'

/** What became of documents that were read, since the start. */
export type LoadCounters = {
  applied: number
  /** Older than what is held. */
  notHigher: number
  /** Named by a manifest, held, or notified, but not there. */
  missing: number
  corrupt: number
  /** Signed by somebody else, or for another place. */
  forged: number
}

/**
 * What a table holds of what the channel names: all; all but documents that are there no longer, or cannot be read; or
 * less, since the list of apps or the manifest of one of them is not there.
 */
export type Loaded = 'all' | 'all that can be read' | 'less'

/** What became of a document that was read, and what is wrong with it. */
type Judgement = { outcome: keyof LoadCounters | 'same'; problem?: string; error?: unknown }

export type Loader = {
  /** Of some addresses; what keeps one from being held is in `unreadable`. */
  fetch(target: () => Table, addresses: readonly Address[]): Promise<void>
  /** Fetches of one app what differs from its manifest. */
  compareApp(target: () => Table, app: string): Promise<Loaded>
  /** The same for the list of apps and every app. */
  compare(target: () => Table): Promise<Loaded>
  /** Fetches everything, save what is in `done`, and adds to that what it has fetched. */
  loadAll(target: () => Table, done: Set<string>): Promise<Loaded>
  /** A new table with all that `old` holds. */
  copy(old: Table): Promise<Table>
}

export type LoaderOptions = {
  channel: Channel
  keys: SigningKeys
  counters: LoadCounters
  problems: ProblemLog
  /** Ends what is under way. */
  signal: AbortSignal
  unreadable: Unreadable
  onApplied(address: Address): void
  /** One more. */
  onUnreadable(): void
}

const DOCUMENTS_AT_ONCE = 64
const APPS_AT_ONCE = 8

/** All methods reject when the channel is out of reach, leaving in the table what they have brought by then. */
export function createLoader(options: LoaderOptions): Loader {
  const { channel, keys, counters, problems, signal, unreadable, onApplied, onUnreadable } = options
  const nextSlice = createSlices()

  async function fetch(target: () => Table, addresses: readonly Address[], done?: Set<string>): Promise<void> {
    for (const batch of inGroups(addresses, DOCUMENTS_AT_ONCE)) {
      signal.throwIfAborted()
      const texts = await channel.read(batch)
      for (const [index, address] of batch.entries()) {
        const pause = nextSlice()
        if (pause) await pause
        receive(target(), address, texts[index] ?? null)
        done?.add(addressName(address))
      }
    }
  }

  /** Applies one document as it was read, counts what became of it, and tells what keeps it from being held. */
  function receive(table: Table, address: Address, text: string | null): void {
    const what = `document ${addressName(address)}`
    const { outcome, problem, error } = judge(table, address, text)
    if (outcome !== 'same') counters[outcome] += 1
    if (problem) {
      problems.report(what, problem, error)
      tell(address)
      return
    }
    unreadable.delete(address)
    problems.resolve(what)
    if (outcome === 'applied') onApplied(address)
  }

  function judge(table: Table, address: Address, text: string | null): Judgement {
    if (text === null) return { outcome: 'missing', problem: 'missing' }
    try {
      const opened = openAt(keys, address, text)
      if ('error' in opened) {
        if (opened.error === 'misplaced') return { outcome: 'forged', problem: 'signed for another place' }
        return { outcome: opened.error, problem: opened.error, error: opened.cause }
      }
      const applied = table.apply(address, opened)
      if (applied === 'lower') return { outcome: 'notHigher', problem: 'older than what is held' }
      return { outcome: applied === 'applied' ? 'applied' : 'same' }
    } catch (error) {
      // Signed, but not to be compiled: written by another version of Alkaid.
      return { outcome: 'corrupt', problem: 'corrupt', error }
    }
  }

  /** Delivery hears of it by the next heartbeat. */
  function tell(address: Address): void {
    if (unreadable.add(address)) onUnreadable()
  }

  /** `done` undefined: only what differs from the manifest, or could not be read the last time. */
  async function loadApp(target: () => Table, app: string, done?: Set<string>): Promise<Loaded> {
    signal.throwIfAborted()
    const manifest = await channel.manifest(app)
    const held = target().stamps(app)
    const codes = new Set([SETTINGS, ...manifest.keys(), ...held.keys()])
    const isWanted = (code: string) => {
      if (done) return !done.has(addressName({ app, code }))
      if (!held.has(code) || held.get(code) !== manifest.get(code)) return true
      return unreadable.size > 0 && unreadable.has({ app, code })
    }
    const wanted = [...codes].filter(isWanted).map((code) => ({ app, code }))
    await fetch(target, wanted, done)
    unreadable.keepCodes(app, codes)
    if (!manifest.has(SETTINGS)) return 'less'
    let loaded: Loaded = 'all'
    for (const [code, line] of manifest) {
      if (isHeld(target(), { app, code }, line)) continue
      tell({ app, code })
      loaded = 'all that can be read'
    }
    return loaded
  }

  async function load(target: () => Table, done?: Set<string>): Promise<Loaded> {
    await fetch(target, ['apps'])
    const listed = target().apps()
    const apps = new Set([...(listed ?? []), ...target().heldApps()])
    unreadable.keepApps(apps)
    const outcomes: Loaded[] = [!listed ? 'less' : unreadable.has('apps') ? 'all that can be read' : 'all']
    for (const group of inGroups([...apps], APPS_AT_ONCE)) {
      outcomes.push(...(await Promise.all(group.map((app) => loadOne(target, app, done)))))
    }
    return worst(outcomes)
  }

  /** One app that the channel refuses, or that cannot be asked for, must not keep the others from being loaded. */
  async function loadOne(target: () => Table, app: string, done?: Set<string>): Promise<Loaded> {
    const what = `the documents of app ${app}`
    try {
      const loaded = await loadApp(target, app, done)
      problems.resolve(what)
      return loaded
    } catch (error) {
      if (signal.aborted || (error instanceof ChannelUnavailable && !error.refused)) throw error
      problems.report(what, 'cannot be loaded', error)
      return 'all that can be read'
    }
  }

  return {
    fetch,
    compareApp: (target, app) => loadApp(target, app),
    compare: (target) => load(target),
    loadAll: (target, done) => load(target, done),
    async copy(old) {
      const table = createTable(keys)
      for (const held of old.held()) {
        table.adopt(held)
        const pause = nextSlice()
        if (pause) await pause
      }
      return table
    },
  }
}

/** Whether a document is held as its line in the manifest says, or higher. */
function isHeld(table: Table, address: Address, line: string): boolean {
  const [named, held] = [parseStamp(line), table.stampAt(address)]
  return named !== undefined && held !== undefined && compareStamps(held, named) >= 0
}

function worst(outcomes: readonly Loaded[]): Loaded {
  if (outcomes.includes('less')) return 'less'
  return outcomes.includes('all that can be read') ? 'all that can be read' : 'all'
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}
