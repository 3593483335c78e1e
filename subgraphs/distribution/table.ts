// The node's memory: the list of apps, the settings and operations of each app, and the compiled slots, all in node-cache. Entries
// never expire. Only a document with a higher stamp (epoch, revision) replaces an entry. A document that is missing in the
// channel changes nothing here.

import NodeCache from 'node-cache'
import { isId } from '../../common/base/ids.ts'
import { capPeriodsOf } from '../../engine/decision/caps.ts'
import { type CompiledSlot, compileInSteps } from '../../engine/decision/compile-slot.ts'
import { type Address, addressName, OPERATIONS, SETTINGS } from '../../engine/publication/address.ts'
import { digestOf } from '../../engine/publication/digest.ts'
import type { SigningKeys } from '../../engine/publication/sign.ts'
import {
  type AppList,
  type AppSettings,
  type ChannelDocument,
  compareStamps,
  formatStamp,
  type OperationList,
  type Stamp,
} from '../../engine/publication/types.ts'
import type { Steps } from '../../engine/steps.ts'

/**
 * What is in memory at one address. An entry is never changed, only replaced. Two tables may share one entry. `mac` is that of its
 * document: with it a reload recognises the same document without parsing it.
 */
export type TableEntry = { stamp: Stamp; mac: string } & (
  | { address: 'apps'; list: AppList }
  | { address: { app: string; code: typeof SETTINGS }; settings: AppSettings }
  | { address: { app: string; code: typeof OPERATIONS }; operations: OperationList }
  | { address: { app: string; code: string }; slot: CompiledSlot }
)

/** What happened to an entry. `same`: the table has an entry with this stamp already. `lower`: it has a higher one. */
export type AdoptOutcome = 'applied' | 'same' | 'lower'

export type Table = {
  /** The codes of the listed apps; undefined until the list is loaded. */
  apps(): readonly string[] | undefined
  /** The apps of which the table has at least one entry, listed or not. */
  loadedApps(): string[]
  settings(app: string): AppSettings | undefined
  /** The operations that the app registered itself. Undefined: none. */
  operations(app: string): OperationList | undefined
  /** Finds a slot by its code or its id. The name may begin with `<app>/`, as in `shop/home.banner`. */
  slot(app: string, name: string): CompiledSlot | undefined
  /** The app that has a key with this SHA-256 (hex) which has not expired at `now` (ms). */
  appOfKey(hash: string, now: number): string | undefined
  /** Whether at least one listed app allows browsers of this origin. */
  allowsOrigin(origin: string): boolean
  /** Slot code, `@app` or `@operations` -> `epoch.revision` of the app's entry. */
  stamps(app: string): ReadonlyMap<string, string>
  /** `digestOf` the stamps of the app. */
  digest(app: string): string
  at(address: Address): TableEntry | undefined
  entries(): Iterable<TableEntry>
  /** What `adopt` would answer for an entry with this stamp. */
  orderOf(address: Address, stamp: Stamp): AdoptOutcome
  /** Takes an entry, unless this table has the same stamp or a higher one at its address. */
  adopt(entry: TableEntry): AdoptOutcome
  /** The document of an entry has another MAC now: the signing secret was changed. */
  sealAnew(address: Address, mac: string): void
}

export function createTable(): Table {
  // With clones, every request would copy its slot. With a limit on keys, the cache would refuse publications.
  const cache = new NodeCache({ useClones: false, stdTTL: 0, checkperiod: 0 })
  const stamps = new Map<string, Map<string, string>>()
  const digests = new Map<string, string>()
  /** App -> code -> slot. The slots of the cache, where a request finds them without making the name of an address. */
  const slots = new Map<string, Map<string, CompiledSlot>>()
  /** The settings of the cache, by app, for the same reason. */
  const settingsOf = new Map<string, AppSettings>()
  /** `<app>/<id>` of each slot -> its code. */
  const codes = new Map<string, string>()
  const appKeys = new Map<string, { app: string; expiresAt: number }>()
  /** The origins of all listed apps. Computed at the first question, and dropped when the list or settings change. */
  let origins: Set<string> | undefined

  const get = (address: Address) => cache.get<TableEntry>(addressName(address))

  function orderOf(address: Address, stamp: Stamp): AdoptOutcome {
    const entry = get(address)
    const order = entry ? compareStamps(stamp, entry.stamp) : 1
    if (order === 0) return 'same'
    return order > 0 ? 'applied' : 'lower'
  }

  function adopt(entry: TableEntry): AdoptOutcome {
    const { address } = entry
    const order = orderOf(address, entry.stamp)
    if (order !== 'applied') return order
    if ('settings' in entry) {
      replaceKeys(entry.settings)
      settingsOf.set(entry.settings.app, entry.settings)
    }
    cache.set(addressName(address), entry)
    if ('slot' in entry) {
      const { slot } = entry
      codes.set(`${slot.app}/${slot.id}`, slot.code)
      const ofApp = slots.get(slot.app) ?? new Map<string, CompiledSlot>()
      slots.set(slot.app, ofApp.set(slot.code, slot))
    } else origins = undefined
    if (address !== 'apps') {
      const ofApp = stamps.get(address.app) ?? new Map<string, string>()
      stamps.set(address.app, ofApp.set(address.code, formatStamp(entry.stamp)))
      digests.delete(address.app)
    }
    return 'applied'
  }

  function replaceKeys({ app, keys }: AppSettings): void {
    for (const [hash, key] of appKeys) if (key.app === app) appKeys.delete(hash)
    for (const { hash, expiresAt } of keys) appKeys.set(hash, { app, expiresAt: expiresAt ?? Number.POSITIVE_INFINITY })
  }

  function apps(): readonly string[] | undefined {
    const entry = get('apps')
    return entry && 'list' in entry ? entry.list.apps : undefined
  }

  const settings = (app: string) => settingsOf.get(app)

  function slotNamed(app: string, name: string): CompiledSlot | undefined {
    const code = isId('slot', name) ? codes.get(`${app}/${name}`) : name
    return code === undefined ? undefined : slots.get(app)?.get(code)
  }

  return {
    apps,
    loadedApps: () => [...stamps.keys()],
    settings,
    operations(app) {
      const entry = get({ app, code: OPERATIONS })
      return entry && 'operations' in entry ? entry.operations : undefined
    },
    slot(app, name) {
      const slot = slotNamed(app, name)
      return slot ?? (name.startsWith(`${app}/`) ? slotNamed(app, name.slice(app.length + 1)) : undefined)
    },
    appOfKey(hash, now) {
      const key = appKeys.get(hash)
      return key && now < key.expiresAt ? key.app : undefined
    },
    allowsOrigin(origin) {
      origins ??= new Set((apps() ?? []).flatMap((app) => settings(app)?.corsOrigins ?? []))
      return origins.has('*') || origins.has(origin)
    },
    stamps: (app) => stamps.get(app) ?? new Map(),
    digest(app) {
      const digest = digests.get(app) ?? digestOf(stamps.get(app) ?? [])
      digests.set(app, digest)
      return digest
    },
    at: get,
    *entries() {
      const list = get('apps')
      if (list) yield list
      for (const [app, codes] of stamps) for (const code of codes.keys()) yield get({ app, code })!
    },
    orderOf,
    adopt,
    sealAnew(address, mac) {
      const entry = get(address)
      if (entry) cache.set(addressName(address), { ...entry, mac })
    },
  }
}

/**
 * Makes the entry of a document, in steps.
 *
 * @throws Error when the document cannot be compiled.
 */
export function* compileDocument(document: ChannelDocument, mac: string, keys: SigningKeys): Steps<TableEntry> {
  const common = { stamp: { epoch: document.epoch, revision: document.revision }, mac }
  if (document.kind === 'apps') return { ...common, address: 'apps', list: document }
  const { app } = document
  if (document.kind === 'settings') {
    capPeriodsOf(document.zone) // Throws for an unknown time zone. So the error comes here, and not during a request.
    return { ...common, address: { app, code: SETTINGS }, settings: document }
  }
  if (document.kind === 'operations') {
    if (!Array.isArray(document.operations)) throw new Error('The document has no list of operations')
    return { ...common, address: { app, code: OPERATIONS }, operations: document }
  }
  const slot = yield* compileInSteps(document, keys)
  return { ...common, address: { app, code: document.slot.code }, slot }
}
