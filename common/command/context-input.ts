// Checks and normalises the context of a request. Its texts follow the same rule for text as the values of constraints, which they
// are compared with. Their number and length are bounded, because all requests share time and memory.

import type { RequestContext } from '../../engine/targeting/types.ts'
import { isLonger, isPlain, lengthOf, readText } from '../../engine/text.ts'
import { badInput } from '../base/errors.ts'

const MAX_TEXT = 256
/** Longer than any valid cap token. A longer text is refused. An invalid one that is shorter is ignored. */
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
type Attributes = NonNullable<RequestContext['attributes']>
const ATTRIBUTE_NAME = /^[A-Za-z0-9_.-]{1,64}$/

/**
 * Returns the normalised context. It is the same object when its texts are plain already, as most are: no copy is made then. Throws
 * BAD_USER_INPUT with the path of an invalid text, a text that is too long, or a list with too many items.
 */
export function checkContext(context: RequestContext): RequestContext {
  let read = context
  for (const name of TEXTS) {
    const given = context[name]
    if (!given) continue
    const text = readOne(given, 'context', name)
    if (text !== given) read = { ...read, [name]: text }
  }
  // The token is not text. An invalid token counts as left out.
  if (context.capToken && isLonger(context.capToken, MAX_CAP_TOKEN)) {
    throw badInput('context.capToken', `must have at most ${MAX_CAP_TOKEN} characters`)
  }
  if (context.tags) {
    const tags = readAll(context.tags, 'context.tags', MAX_TAGS)
    if (tags !== context.tags) read = { ...read, tags }
  }
  if (context.attributes) {
    const attributes = readAttributes(context.attributes)
    if (attributes !== context.attributes) read = { ...read, attributes }
  }
  return read
}

function readAttributes(given: Attributes): Attributes {
  checkCount(given.length, 'context.attributes', MAX_ATTRIBUTES)
  let read = given
  for (const [index, { name, values }] of given.entries()) {
    if (!ATTRIBUTE_NAME.test(name)) {
      const path = `context.attributes[${index}]`
      readOne(name, path, 'name')
      throw badInput(`${path}.name`, 'must match [A-Za-z0-9_.-]{1,64}')
    }
    const texts = readAll(values, `context.attributes[${index}].values`, MAX_VALUES)
    if (texts !== values) read = read.with(index, { name, values: texts })
  }
  return read
}

function readAll(texts: readonly string[], path: string, most: number): readonly string[] {
  checkCount(texts.length, path, most)
  let read = texts
  for (let at = 0; at < texts.length; at += 1) {
    const text = readOne(texts[at]!, path, at)
    if (text !== texts[at]) read = read.with(at, text)
  }
  return read
}

function checkCount(count: number, path: string, most: number): void {
  if (count > most) throw badInput(path, `must have at most ${most} items, not ${count}`)
}

/** Takes the path in two parts, so that it is put together only for an error. */
function readOne(given: string, path: string, key: string | number): string {
  if (given.length <= MAX_TEXT && isPlain(given)) return given
  const at = () => (typeof key === 'number' ? `${path}[${key}]` : `${path}.${key}`)
  const read = readText(given, 'line')
  if (read.mistake !== undefined) throw badInput(at(), read.mistake)
  if (isLonger(read.text, MAX_TEXT)) {
    throw badInput(at(), `must have at most ${MAX_TEXT} characters, not ${lengthOf(read.text)}`)
  }
  return read.text
}
