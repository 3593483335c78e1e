// Which documents a node could not read when it last asked for them, or found too old, of those that it should have: named by
// a manifest, or held. It tells them in its heartbeats, so that delivery heals them soon.

import { type Address, addressName } from '../../engine/publication/address.ts'

export type Unreadable = {
  readonly size: number
  has(address: Address): boolean
  /** Whether it is new. */
  add(address: Address): boolean
  delete(address: Address): void
  /** Of an app, those with one of these codes: what nobody names and nobody holds keeps nobody from anything. */
  keepCodes(app: string, codes: ReadonlySet<string>): void
  /** Those of these apps, and the list of apps. */
  keepApps(apps: ReadonlySet<string>): void
  /** The names of some, at most so many. */
  names(limit: number): string[]
}

/** More are not remembered, whatever is written to the channel. */
const MOST = 10_000

export function createUnreadable(): Unreadable {
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
      if (size >= MOST || ofApp.has(addressName(address))) return false
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
