// Brings documents from the channel into a table: single ones, or all that the manifests name. Whatever is
// missing, corrupt, forged or older changes nothing; it is counted and logged.

import { type Address, type Channel, SETTINGS } from '../../common/channel/channel.ts'
import { open, type SigningKeys } from '../../common/publication/sign.ts'
import { compareStamps, parseStamp } from '../../common/publication/types.ts'
import { createSlices } from './slices.ts'
import { addressName, createTable, type Table } from './table.ts'
import type { Troubles } from './troubles.ts'

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

export type Loader = {
  /** Resolves to whether each of them is now held as it is in the channel, or higher. */
  fetch(target: () => Table, addresses: readonly Address[]): Promise<boolean>
  /** Fetches of one app what differs from its manifest. Resolves to whether all that it names is then held. */
  compareApp(target: () => Table, app: string): Promise<boolean>
  /** The same for the list of apps and every app. */
  compare(target: () => Table): Promise<boolean>
  /** A new table with everything that is in the channel or in `old`, the higher of each, and whether it is complete. */
  rebuild(old: Table): Promise<{ table: Table; complete: boolean }>
}

export type LoaderOptions = {
  channel: Channel
  keys: SigningKeys
  counters: LoadCounters
  troubles: Troubles
  /** Ends what is under way. */
  signal: AbortSignal
  onApplied(address: Address): void
}

const DOCUMENTS_AT_ONCE = 64
const APPS_AT_ONCE = 8

/** All methods reject when the channel is out of reach, leaving in the table what they have brought by then. */
export function createLoader(options: LoaderOptions): Loader {
  const { channel, keys, counters, troubles, signal, onApplied } = options
  const nextSlice = createSlices()

  async function fetch(target: () => Table, addresses: readonly Address[]): Promise<boolean> {
    let allHeld = true
    for (const batch of inGroups(addresses, DOCUMENTS_AT_ONCE)) {
      signal.throwIfAborted()
      const texts = await channel.read(batch)
      for (const [index, address] of batch.entries()) {
        const pause = nextSlice()
        if (pause) await pause
        const problem = receive(target(), address, texts[index] ?? null)
        if (problem) allHeld = false
      }
    }
    return allHeld
  }

  /** Applies one document as it was read; returns what kept it from being held. */
  function receive(table: Table, address: Address, text: string | null): keyof LoadCounters | undefined {
    const what = `document ${addressName(address)}`
    const refuse = (problem: 'missing' | 'corrupt' | 'forged', error?: unknown) => {
      counters[problem] += 1
      troubles.begin(what, problem, error)
      return problem
    }
    if (text === null) return refuse('missing')
    try {
      const opened = open(keys, text)
      if ('error' in opened) return refuse(opened.error)
      const applied = table.apply(address, opened)
      if (applied === 'mismatched') return refuse('forged')
      if (applied === 'lower') {
        counters.notHigher += 1
        troubles.begin(what, 'older than what is held')
        return undefined
      }
      if (applied === 'applied') {
        counters.applied += 1
        onApplied(address)
      }
      troubles.end(what)
      return undefined
    } catch (error) {
      // Signed, but not to be understood: written by another version of Alkaid.
      return refuse('corrupt', error)
    }
  }

  async function loadApp(target: () => Table, app: string, everything: boolean): Promise<boolean> {
    signal.throwIfAborted()
    const manifest = await channel.manifest(app)
    const held = target().stamps(app)
    const codes = new Set([SETTINGS, ...manifest.keys(), ...held.keys()])
    const wanted = [...codes].filter((code) => everything || !held.has(code) || held.get(code) !== manifest.get(code))
    const allHeld = await fetch(
      target,
      wanted.map((code) => ({ app, code })),
    )
    return allHeld && manifest.has(SETTINGS) && isHeld(target(), app, manifest)
  }

  async function load(target: () => Table, everything: boolean): Promise<boolean> {
    let complete = await fetch(target, ['apps'])
    const apps = new Set([...(target().apps() ?? []), ...target().heldApps()])
    for (const group of inGroups([...apps], APPS_AT_ONCE)) {
      const loaded = await Promise.all(group.map((app) => loadApp(target, app, everything)))
      complete &&= loaded.every(Boolean)
    }
    return complete
  }

  return {
    fetch,
    compareApp: (target, app) => loadApp(target, app, false),
    compare: (target) => load(target, false),
    async rebuild(old) {
      const table = createTable(keys)
      for (const held of old.held()) {
        table.adopt(held)
        const pause = nextSlice()
        if (pause) await pause
      }
      return { table, complete: await load(() => table, true) }
    },
  }
}

/** Whether everything that a manifest names is held as it says, or higher. */
function isHeld(table: Table, app: string, manifest: ReadonlyMap<string, string>): boolean {
  for (const [code, text] of manifest) {
    const [named, held] = [parseStamp(text), table.stampAt({ app, code })]
    if (!named || !held || compareStamps(held, named) < 0) return false
  }
  return true
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size))
}
