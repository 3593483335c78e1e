// Where a document lies in the channel. Each document names its own place, and the signature covers it. A signed document in another
// place is rejected like a forged one: somebody could have copied it there.

import type { ChannelDocument } from './types.ts'

/** The name of an app's settings in its manifest. It also keeps a manifest from being empty. */
export const SETTINGS = '@app'

/** The name of the list of an app's own operations in its manifest. Only apps that registered operations have one. */
export const OPERATIONS = '@operations'

/** Which document: a slot's (code), an app's settings (`@app`) or operations (`@operations`), or the list of apps. */
export type Address = { app: string; code: string } | 'apps'

/** A unique name for an address. A slot code never begins with `@`, so it cannot equal `@app` or `@operations`. */
export function addressName(address: Address): string {
  return address === 'apps' ? 'apps' : `${address.app}/${address.code}`
}

/** Where a document belongs. */
export function addressOf(document: ChannelDocument): Address {
  if (document.kind === 'apps') return 'apps'
  const { app } = document
  if (document.kind === 'settings') return { app, code: SETTINGS }
  return { app, code: document.kind === 'operations' ? OPERATIONS : document.slot.code }
}

export function belongsAt(address: Address, document: ChannelDocument): boolean {
  const own = addressOf(document)
  if (own === 'apps' || address === 'apps') return own === address
  return own.app === address.app && own.code === address.code
}
