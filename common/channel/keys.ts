// The names of everything that the channel keeps in Redis. What belongs to one app shares one hash tag (the
// braces are literal), so that on a cluster one script can write a document together with its manifest line.

import { type Address, SETTINGS } from './channel.ts'

const CODE = '[a-z0-9._-]{1,64}'
const CODE_ONLY = new RegExp(`^${CODE}$`)
const DOCUMENT_KEY = new RegExp(`^\\{(${CODE})\\}:(?:slot:(${CODE})|app)$`)

const APPS_KEY = '{alkaid}:apps'

/** A set of the ids of nodes whose heartbeat may be there, so that listing them needs no SCAN. */
export const NODES_KEY = '{alkaid}:nodes'
export const EVENTS_KEY = '{alkaid}:events'

/** What to subscribe to; anything else that matches is sorted out by `addressOf`. */
export const DOCUMENT_PATTERNS = ['{*}:slot:*', '{*}:app', APPS_KEY]

/** Where a document lies: its key, and the hash and field that hold its stamp. All in one hash tag. */
export type Place = { key: string; stamps: string; field: string }

/** @throws RangeError when a code could not be part of a key (it might name another app's). */
export function placeOf(address: Address): Place {
  // A hash of its own, beside the list: an app may well be called alkaid, and this is its manifest's name.
  if (address === 'apps') return { key: APPS_KEY, stamps: `${APPS_KEY}:stamp`, field: 'apps' }
  const { app, code } = address
  const stamps = manifestKey(app)
  if (code === SETTINGS) return { key: `{${app}}:app`, stamps, field: SETTINGS }
  return { key: `{${app}}:slot:${checked(code)}`, stamps, field: code }
}

/** The address of a document's key; undefined for any other key. */
export function addressOf(key: string): Address | undefined {
  if (key === APPS_KEY) return 'apps'
  const parts = DOCUMENT_KEY.exec(key)
  return parts ? { app: parts[1]!, code: parts[2] ?? SETTINGS } : undefined
}

/** The part of a key that decides on which node of a cluster it lies. */
export function hashTagOf(key: string): string {
  return key.slice(0, key.indexOf('}') + 1)
}

export function manifestKey(app: string): string {
  return `{${checked(app)}}:manifest`
}

export function heartbeatKey(node: string): string {
  return `{alkaid}:node:${node}`
}

/** Whether a manifest's field can be the code of a slot, or the settings. */
export function isCode(field: string): boolean {
  return field === SETTINGS || CODE_ONLY.test(field)
}

function checked(code: string): string {
  if (CODE_ONLY.test(code)) return code
  throw new RangeError(`A code in the channel is ${CODE}, but this one is ${JSON.stringify(code)}.`)
}
