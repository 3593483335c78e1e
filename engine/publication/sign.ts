// The envelope of every document in the channel: `{"mac":"<base64url>","body":<the document>}`. The MAC is HMAC-SHA256 over the exact
// text of the body. Only a correctly signed document changes a node.

import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { runSteps, type Steps } from '../steps.ts'
import { type Address, belongsAt } from './address.ts'
import type { ChannelDocument, Publication } from './types.ts'

/**
 * Separate keys for separate purposes, derived from the signing secret, so that a MAC of one kind never passes as another. They are
 * key objects, because Node makes a new key object for each MAC when it gets bytes.
 */
export type SigningKeys = KeysOfSecret & {
  /** The keys of the secret before this one. Its MACs are still valid, and no new ones are made. */
  old?: KeysOfSecret | undefined
}
type KeysOfSecret = { document: KeyObject; eventToken: KeyObject }

/**
 * @param secret `SIGNING_SECRET`, at least 32 characters.
 * @param oldSecret `SIGNING_SECRET_OLD`, while the secret is being changed.
 */
export function deriveSigningKeys(secret: string, oldSecret?: string): SigningKeys {
  return { ...keysOf(secret), old: oldSecret === undefined ? undefined : keysOf(oldSecret) }
}

function keysOf(secret: string): KeysOfSecret {
  const derive = (purpose: string) => createSecretKey(Buffer.from(hkdfSync('sha256', secret, 'alkaid', purpose, 32)))
  return { document: derive('document'), eventToken: derive('event-token') }
}

const PREFIX = '{"mac":"'
const MAC_LENGTH = 43 // base64url of 32 bytes
const INFIX = '","body":'

/** The text that is written to the channel. It is JSON. */
export function seal(keys: SigningKeys, document: ChannelDocument): string {
  const body = document.kind === 'slot' ? publicationText(document) : JSON.stringify(document)
  return `${PREFIX}${mac(keys.document, body)}${INFIX}${body}}`
}

/** Each entry has a line of its own: a node then reads a long publication entry by entry. JSON has no line breaks inside a value. */
function publicationText({ entries, ...rest }: Publication): string {
  const lines = entries.map((entry) => JSON.stringify(entry)).join(',\n')
  return `${JSON.stringify(rest).slice(0, -1)},"entries":[\n${lines}\n]}`
}

export type Unreadable = 'corrupt' | 'forged' | 'misplaced'

/** The document in an envelope at this address, or the reason why it is not valid there. */
export function openAt(keys: SigningKeys, address: Address, text: string): Opened {
  const verified = runSteps(verifyInSteps(keys, text))
  return 'error' in verified ? verified : runSteps(parseInSteps(address, verified))
}

export type Opened = ChannelDocument | { error: Unreadable; cause?: unknown }

/** The MAC of an envelope is right. Two documents with the same MAC are the same. */
export type Verified = { mac: string; body: string }

/** The first half of `openAt`, in steps: a document of 2 MB takes more than 10 ms. */
export function* verifyInSteps(keys: SigningKeys, text: string): Steps<Verified | { error: 'corrupt' | 'forged' }> {
  const bodyAt = PREFIX.length + MAC_LENGTH + INFIX.length
  if (!text.startsWith(PREFIX) || !text.startsWith(INFIX, PREFIX.length + MAC_LENGTH) || !text.endsWith('}')) {
    return { error: 'corrupt' }
  }
  const body = text.slice(bodyAt, -1)
  const shown = text.slice(PREFIX.length, PREFIX.length + MAC_LENGTH)
  for (const { document } of keys.old ? [keys, keys.old] : [keys]) {
    const mac = yield* macInSteps(document, body)
    if (sameText(shown, mac)) return { mac, body }
  }
  return { error: 'forged' }
}

/** The second half. */
export function* parseInSteps(address: Address, { body }: Verified): Steps<Opened> {
  try {
    const document = yield* parseLines(body)
    return belongsAt(address, document) ? document : { error: 'misplaced' }
  } catch (cause) {
    return { error: 'corrupt', cause } // Signed, but not readable: another version of Alkaid wrote it.
  }
}

/** A step parses entries until they have this many characters together. */
const PARSED_AT_ONCE = 16_384

/** Parses the lines of `publicationText` one by one. A text without lines is parsed at once. */
function* parseLines(body: string): Steps<ChannelDocument> {
  const lines = body.split('\n')
  if (lines.length < 3) return JSON.parse(body) as ChannelDocument
  const document = JSON.parse(lines[0]! + lines.at(-1)!) as Publication
  let parsed = 0
  for (let at = 1; at < lines.length - 1; at += 1) {
    const line = lines[at]!
    if (line === '') continue // a publication without entries
    document.entries.push(JSON.parse(line.endsWith(',') ? line.slice(0, -1) : line))
    parsed += line.length
    if (parsed < PARSED_AT_ONCE) continue
    parsed = 0
    yield
  }
  return document
}

/** A step computes the MAC over this many characters. */
const MAC_AT_ONCE = 65_536

function* macInSteps(key: KeyObject, text: string): Steps<string> {
  const hmac = createHmac('sha256', key)
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + MAC_AT_ONCE, text.length)
    // The two halves of a character like U+1F600 must come together, or each becomes U+FFFD.
    if (isHighSurrogate(text.charCodeAt(to - 1)) && to < text.length) to += 1
    hmac.update(text.slice(from, to))
    from = to
    if (from < text.length) yield
  }
  return hmac.digest('base64url')
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00
}

/** HMAC-SHA256 as base64url, 43 characters. */
export function mac(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('base64url')
}

/** Compares in constant time. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
