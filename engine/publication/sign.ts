// The envelope of every document in the channel: `{"mac":"<base64url>","body":<the document>}`. The MAC is HMAC-SHA256 over the exact
// text of the body. Only a correctly signed document changes a node.

import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'
import { type Address, belongsAt } from './address.ts'
import type { ChannelDocument } from './types.ts'

/**
 * Separate keys for separate purposes, derived from the signing secret, so that a MAC of one kind never passes as another. They are
 * key objects, because Node makes a new key object for each MAC when it gets bytes.
 */
export type SigningKeys = { document: KeyObject; eventToken: KeyObject }

/** @param secret `SIGNING_SECRET`, at least 32 characters. */
export function deriveSigningKeys(secret: string): SigningKeys {
  const derive = (purpose: string) => createSecretKey(Buffer.from(hkdfSync('sha256', secret, 'alkaid', purpose, 32)))
  return { document: derive('document'), eventToken: derive('event-token') }
}

const PREFIX = '{"mac":"'
const MAC_LENGTH = 43 // base64url of 32 bytes
const INFIX = '","body":'

/** The text that is written to the channel. */
export function seal(keys: SigningKeys, document: ChannelDocument): string {
  const body = JSON.stringify(document)
  return `${PREFIX}${mac(keys.document, body)}${INFIX}${body}}`
}

export type Unreadable = 'corrupt' | 'forged' | 'misplaced'

/** The document in an envelope at this address, or the reason why it is not valid there. */
export function openAt(
  keys: SigningKeys,
  address: Address,
  text: string,
): ChannelDocument | { error: Unreadable; cause?: unknown } {
  try {
    const document = open(keys, text)
    return 'error' in document || belongsAt(address, document) ? document : { error: 'misplaced' }
  } catch (cause) {
    return { error: 'corrupt', cause } // Signed, but not readable: another version of Alkaid wrote it.
  }
}

/** The document in an envelope, at any address, or the reason why it is not valid. */
export function open(keys: SigningKeys, text: string): ChannelDocument | { error: 'corrupt' | 'forged' } {
  const bodyAt = PREFIX.length + MAC_LENGTH + INFIX.length
  if (!text.startsWith(PREFIX) || !text.startsWith(INFIX, PREFIX.length + MAC_LENGTH) || !text.endsWith('}')) {
    return { error: 'corrupt' }
  }
  const body = text.slice(bodyAt, -1)
  if (!sameText(text.slice(PREFIX.length, PREFIX.length + MAC_LENGTH), mac(keys.document, body))) {
    return { error: 'forged' }
  }
  return JSON.parse(body) as ChannelDocument
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
