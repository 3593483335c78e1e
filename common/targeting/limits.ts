// How much of a context a request may bring: time and memory are shared by all.

import { badInput } from '../errors.ts'
import type { RequestContext } from './types.ts'

const MAX_TEXT = 256
/** More than any token of ours has: what is longer than those, but not by much, is ignored as any that is malformed. */
const MAX_CAP_TOKEN = 2_100
const MAX_TAGS = 200
const MAX_ATTRIBUTES = 50
const MAX_VALUES = 50
const TEXTS = [
  'userId',
  'deviceId',
  'appVersion',
  'platform',
  'osVersion',
  'network',
  'region',
  'channel',
  'language',
] as const satisfies readonly (keyof RequestContext)[]
const ATTRIBUTE_NAME = /^[A-Za-z0-9_.-]{1,64}$/

/** BAD_USER_INPUT with the path of what is too long or too many. */
export function checkContext(context: RequestContext): void {
  for (const name of TEXTS) checkText(context[name], `context.${name}`)
  checkText(context.capToken, 'context.capToken', MAX_CAP_TOKEN)
  checkTexts(context.tags ?? [], 'context.tags', MAX_TAGS)
  const attributes = context.attributes ?? []
  checkCount(attributes.length, 'context.attributes', MAX_ATTRIBUTES)
  for (const [index, { name, values }] of attributes.entries()) {
    const path = `context.attributes[${index}]`
    if (!ATTRIBUTE_NAME.test(name)) throw badInput(`${path}.name`, 'must match [A-Za-z0-9_.-]{1,64}')
    checkTexts(values, `${path}.values`, MAX_VALUES)
  }
}

function checkTexts(texts: readonly string[], path: string, most: number): void {
  checkCount(texts.length, path, most)
  for (const [index, text] of texts.entries()) checkText(text, `${path}[${index}]`)
}

function checkCount(count: number, path: string, most: number): void {
  if (count > most) throw badInput(path, `must have at most ${most} items, not ${count}`)
}

function checkText(text: string | null | undefined, path: string, most = MAX_TEXT): void {
  if (text && text.length > most) throw badInput(path, `must have at most ${most} characters, not ${text.length}`)
}
