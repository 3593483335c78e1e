// The documents that this node should have and could not read at its last try: missing, corrupt, forged, or older than the
// node's own copy. A node should have what a manifest names and what its table already holds. The heartbeats list these
// documents, so that delivery writes them again soon.

import { type Address, addressName } from '../../engine/publication/address.ts'

export type UnreadableDocuments = {
  readonly size: number
  has(address: Address): boolean
  /** Returns true when the document was not in the list before. */
  add(address: Address): boolean
  delete(address: Address): void
  /** Drops the documents of an app whose code is not in `codes`: no manifest names them, and the table does not hold them. */
  keepCodes(app: string, codes: ReadonlySet<string>): void
  /** Drops the documents of all other apps. The list of apps itself stays. */
  keepApps(apps: ReadonlySet<string>): void
  /** The names of at most `limit` documents. */
  names(limit: number): string[]
}

/** The list grows no further than this, however many bad documents somebody writes to the channel. */
const MAX_REMEMBERED = 10_000

export function createUnreadableDocuments(): UnreadableDocuments {
  const byApp = new Map<string, Map<string, Address>>()
  let size = 0
  const appOf = (address: Address) => (address === 'apps' ? '' : address.app)

  function deleteIn(app: string, isGone: (code: string) => boolean): void {
    const ofApp = byApp.get(app)
    if (!ofApp) return
    for (const [name, address] of ofApp) {
      if (address !== 'apps' && isGone(address.code) && ofApp.delete(name)) size -= 1
    }
    if (ofApp.size === 0) byApp.delete(app)
  }

  return {
    get size() {
      return size
    },
    has: (address) => byApp.get(appOf(address))?.has(addressName(address)) === true,
    add(address) {
      const ofApp = byApp.get(appOf(address)) ?? new Map<string, Address>()
      if (size >= MAX_REMEMBERED || ofApp.has(addressName(address))) return false
      byApp.set(appOf(address), ofApp.set(addressName(address), address))
      size += 1
      return true
    },
    delete(address) {
      if (byApp.get(appOf(address))?.delete(addressName(address))) size -= 1
    },
    keepCodes: (app, codes) => deleteIn(app, (code) => !codes.has(code)),
    keepApps(apps) {
      for (const app of byApp.keys()) if (app !== '' && !apps.has(app)) deleteIn(app, () => true)
    },
    names(limit) {
      const names: string[] = []
      for (const ofApp of byApp.values()) {
        for (const name of ofApp.keys()) {
          if (names.length >= limit) return names
          names.push(name)
        }
      }
      return names
    },
  }
}
