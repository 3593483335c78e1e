// The node's memory: slots (compiled), settings and the list of apps, in node-cache. Nothing in it expires, and
// only a document with a higher (epoch, revision) takes the place of another; absence changes nothing.

import NodeCache from 'node-cache'
import { isId } from '../../common/base/ids.ts'
import { capPeriodsOf } from '../../engine/decision/caps.ts'
import { type CompiledSlot, compileSlot } from '../../engine/decision/compile.ts'
import { type Address, addressName, belongsAt, SETTINGS } from '../../engine/publication/address.ts'
import { digestOf } from '../../engine/publication/digest.ts'
import type { SigningKeys } from '../../engine/publication/sign.ts'
import {
  type AppList,
  type AppSettings,
  type ChannelDocument,
  compareStamps,
  formatStamp,
  type Stamp,
} from '../../engine/publication/types.ts'

/** What is in memory at one address. Never changed, only replaced; tables share them. */
export type Held =
  | { address: 'apps'; stamp: Stamp; list: AppList }
  | { address: { app: string; code: typeof SETTINGS }; stamp: Stamp; settings: AppSettings }
  | { address: { app: string; code: string }; stamp: Stamp; slot: CompiledSlot }

/** `same`, `lower`: what is held has this stamp, or a higher one. `mismatched`: the document belongs elsewhere. */
export type Applied = 'applied' | 'same' | 'lower' | 'mismatched'

export type Table = {
  /** The list of apps; undefined until one is held. */
  apps(): readonly string[] | undefined
  /** Apps of which something is held, listed or not. */
  heldApps(): string[]
  settings(app: string): AppSettings | undefined
  /** By its code or its id; `<app>/` may stand before it. */
  slot(app: string, name: string): CompiledSlot | undefined
  /** The app whose key has this SHA-256 (hex) and has not expired at `now` (ms). */
  appOfKey(hash: string, now: number): string | undefined
  /** Whether any app of the list allows browsers of this origin. */
  allowsOrigin(origin: string): boolean
  /** code (and `@app`) -> `epoch.revision` of what is held of the app. */
  stamps(app: string): ReadonlyMap<string, string>
  /** `digestOf` the stamps. */
  digest(app: string): string
  stampAt(address: Address): Stamp | undefined
  held(): Iterable<Held>
  /** @throws Error when a document cannot be compiled; then nothing changes. */
  apply(address: Address, document: ChannelDocument): Applied
  /** Shares what another table holds, unless this one holds the same or higher. */
  adopt(held: Held): Applied
}

export function createTable(keys: SigningKeys): Table {
  // Clones would cost every request a copy, and a limit on keys would refuse publications.
  const cache = new NodeCache({ useClones: false, stdTTL: 0, checkperiod: 0 })
  const stamps = new Map<string, Map<string, string>>()
  const digests = new Map<string, string>()
  /** `<app>/<id>` of each slot -> its code. */
  const codes = new Map<string, string>()
  const appKeys = new Map<string, { app: string; expiresAt: number }>()
  /** Those of all listed apps; made when somebody asks, and dropped when an app changes. */
  let origins: Set<string> | undefined

  const get = (address: Address) => cache.get<Held>(addressName(address))

  function adopt(held: Held): Applied {
    const { address } = held
    const order = orderAgainst(get(address), held.stamp)
    if (order !== 'applied') return order
    if ('settings' in held) replaceKeys(held.settings)
    cache.set(addressName(address), held)
    if ('slot' in held) codes.set(`${held.slot.app}/${held.slot.id}`, held.slot.code)
    if (!('slot' in held)) origins = undefined
    if (address !== 'apps') {
      const ofApp = stamps.get(address.app) ?? new Map<string, string>()
      stamps.set(address.app, ofApp.set(address.code, formatStamp(held.stamp)))
      digests.delete(address.app)
    }
    return 'applied'
  }

  function replaceKeys({ app, keys }: AppSettings): void {
    for (const [hash, key] of appKeys) if (key.app === app) appKeys.delete(hash)
    for (const { hash, expiresAt } of keys) appKeys.set(hash, { app, expiresAt: expiresAt ?? Number.POSITIVE_INFINITY })
  }

  function apps(): readonly string[] | undefined {
    const held = get('apps')
    return held && 'list' in held ? held.list.apps : undefined
  }

  function settings(app: string): AppSettings | undefined {
    const held = get({ app, code: SETTINGS })
    return held && 'settings' in held ? held.settings : undefined
  }

  function slotNamed(app: string, name: string): CompiledSlot | undefined {
    const code = isId('slot', name) ? codes.get(`${app}/${name}`) : name
    // The code comes from the request: `@app` is held, but is no slot.
    const held = code === undefined ? undefined : get({ app, code })
    return held && 'slot' in held ? held.slot : undefined
  }

  return {
    apps,
    heldApps: () => [...stamps.keys()],
    settings,
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
    stampAt: (address) => get(address)?.stamp,
    *held() {
      const list = get('apps')
      if (list) yield list
      for (const [app, codes] of stamps) for (const code of codes.keys()) yield get({ app, code })!
    },
    apply(address, document) {
      if (!belongsAt(address, document)) return 'mismatched'
      const order = orderAgainst(get(address), document)
      return order === 'applied' ? adopt(compile(document, keys)) : order
    },
    adopt,
  }
}

function orderAgainst(held: Held | undefined, stamp: Stamp): Exclude<Applied, 'mismatched'> {
  const order = held ? compareStamps(stamp, held.stamp) : 1
  return order > 0 ? 'applied' : order === 0 ? 'same' : 'lower'
}

function compile(document: ChannelDocument, keys: SigningKeys): Held {
  const stamp = { epoch: document.epoch, revision: document.revision }
  if (document.kind === 'apps') return { address: 'apps', stamp, list: document }
  const { app } = document
  if (document.kind === 'settings') {
    capPeriodsOf(document.zone) // throws where no clock can be made of the zone: not in the middle of a request
    return { address: { app, code: SETTINGS }, stamp, settings: document }
  }
  return { address: { app, code: document.slot.code }, stamp, slot: compileSlot(document, keys) }
}
