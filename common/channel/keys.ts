// The names of all keys that Alkaid keeps in Redis. The braces are literal; they mark the hash tag. All keys of one app have the
// same hash tag, so that one script can write a document and its line in the manifest, also on a cluster.
//
//     {shop}:slot:home.banner      the publication of a slot
//     {shop}:app                   the settings of an app
//     {shop}:operations            the operations that an app registered itself
//     {shop}:manifest              hash: code of a slot, @app or @operations -> stamp
//     {alkaid}:apps                the list of apps;  {alkaid}:apps:stamp has its stamp
//     {alkaid}:node:<id>           a heartbeat;  {alkaid}:nodes is the set of node ids
//     {alkaid}:nodes:uses          hash: reporter -> its report of uses of operations
//     {alkaid}:events              the event stream

import { type Address, OPERATIONS, SETTINGS } from './channel.ts'

const CODE = '[a-z0-9._-]{1,64}'
const CODE_ONLY = new RegExp(`^${CODE}$`)
const DOCUMENT_KEY = new RegExp(`^\\{(${CODE})\\}:(?:slot:(${CODE})|app|(operations))$`)

const APPS_KEY = '{alkaid}:apps'

/** The set of nodes that may have a heartbeat. With it, listing the nodes needs no SCAN. */
export const NODES_KEY = '{alkaid}:nodes'
export const REPORTS_KEY = '{alkaid}:nodes:uses'
export const EVENTS_KEY = '{alkaid}:events'

/** Patterns to subscribe to. They also match other keys, which `addressOf` recognises. */
export const DOCUMENT_PATTERNS = ['{*}:slot:*', '{*}:app', '{*}:operations', APPS_KEY]

/** Where a document is stored: its key, and the hash and the field of its stamp. All have the same hash tag. */
export type Place = { key: string; stamps: string; field: string }

/** Throws RangeError for an invalid code: it could name the key of another app. */
export function placeOf(address: Address): Place {
  // Not `manifestKey('alkaid')`: an app may be called alkaid, and that is the name of its manifest.
  if (address === 'apps') return { key: APPS_KEY, stamps: `${APPS_KEY}:stamp`, field: 'apps' }
  const { app, code } = address
  const stamps = manifestKey(app)
  if (code === SETTINGS) return { key: `{${app}}:app`, stamps, field: SETTINGS }
  if (code === OPERATIONS) return { key: `{${app}}:operations`, stamps, field: OPERATIONS }
  return { key: `{${app}}:slot:${checked(code)}`, stamps, field: code }
}

/** The address of the document with this key. Undefined for any other key. */
export function addressOf(key: string): Address | undefined {
  if (key === APPS_KEY) return 'apps'
  const parts = DOCUMENT_KEY.exec(key)
  if (!parts) return undefined
  const [, app, slot, operations] = parts
  return { app: app!, code: slot ?? (operations ? OPERATIONS : SETTINGS) }
}

/** The part of a key that selects the cluster node that stores it. */
export function hashTagOf(key: string): string {
  return key.slice(0, key.indexOf('}') + 1)
}

export function manifestKey(app: string): string {
  return `{${checked(app)}}:manifest`
}

export function heartbeatKey(node: string): string {
  return `{alkaid}:node:${node}`
}

/** Whether a field of a manifest is the code of a slot, the settings or the operations. */
export function isCode(field: string): boolean {
  return field === SETTINGS || field === OPERATIONS || CODE_ONLY.test(field)
}

function checked(code: string): string {
  if (CODE_ONLY.test(code)) return code
  throw new RangeError(`A code in the channel must match ${CODE}, but this one is ${JSON.stringify(code)}.`)
}
