// Where a document lies in the channel. Every document says itself where it belongs, under its signature: what is signed but
// lies elsewhere is as good as forged.

import type { ChannelDocument } from './types.ts'

/** The manifest's name for the settings of an app, so that a manifest is never empty. */
export const SETTINGS = '@app'

/** Which document: a slot's (code), an app's settings (code `@app`), or the list of apps. */
export type Address = { app: string; code: string } | 'apps'

/** A name for an address that no other address has: the code of a slot never begins with `@`. */
export function addressName(address: Address): string {
  return address === 'apps' ? 'apps' : `${address.app}/${address.code}`
}

export function belongsAt(address: Address, document: ChannelDocument): boolean {
  if (document.kind === 'apps' || address === 'apps') return document.kind === address
  const code = document.kind === 'settings' ? SETTINGS : document.slot.code
  return document.app === address.app && code === address.code
}
