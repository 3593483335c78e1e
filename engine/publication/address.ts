// Where a document lies in the channel. Each document names its own place, and the signature covers it. A signed document in another
// place is rejected like a forged one: somebody could have copied it there.

import type { ChannelDocument } from './types.ts'

/** The name of an app's settings in its manifest. It also keeps a manifest from being empty. */
export const SETTINGS = '@app'

/** Which document: a slot's (code), an app's settings (code `@app`), or the list of apps. */
export type Address = { app: string; code: string } | 'apps'

/** A unique name for an address. A slot code never begins with `@`, so it cannot equal `@app`. */
export function addressName(address: Address): string {
  return address === 'apps' ? 'apps' : `${address.app}/${address.code}`
}

export function belongsAt(address: Address, document: ChannelDocument): boolean {
  if (document.kind === 'apps' || address === 'apps') return document.kind === address
  const code = document.kind === 'settings' ? SETTINGS : document.slot.code
  return document.app === address.app && code === address.code
}
