// Reads JSON from requests, in time linear in its size. Values that are nested too deep are refused with their path. So are
// numbers that JavaScript would change.

import { badInput } from '../base/errors.ts'
import { pathText } from './input.ts'

/** The most levels of lists and objects in a request. The deepest valid value is free data, with 3 + 32 levels. */
export const MAX_NESTING = 64

/**
 * Reads JSON text. Throws BAD_USER_INPUT when it is not JSON, is nested too deep, or has a number that cannot be kept exactly.
 * @param name what is read, for the message: `body`, or a parameter of the URL.
 */
export function readJson(text: string, name: string): unknown {
  requireKeepable(text, name)
  try {
    return JSON.parse(text)
  } catch {
    throw badInput(name, 'must be JSON')
  }
}

/**
 * Whether a number is still the same one after it was read as a double and written again. 0.1 and 1e2 are;
 * 9007199254740993 (it becomes ...992), 0.1234567890123456789 (digits are lost) and 1e400 (Infinity) are not.
 * @param source the number as it is written in JSON or GraphQL.
 */
export function isExact(source: string): boolean {
  // A double has at most 15 digits that are always kept.
  if (source.length < 16 && !/[eE]/.test(source)) return true
  if (source.length > MAX_NUMBER) return false
  const value = Number(source)
  return Number.isFinite(value) && significant(source) === significant(String(value))
}

/** Throws BAD_USER_INPUT for a value that is nested too deep. It is for values that were never text, as within one process. */
export function requireShallow(value: unknown, name: string, max = MAX_NESTING): void {
  const parts: (string | number)[] = []

  function look(part: unknown): void {
    if (typeof part !== 'object' || part === null) return
    if (parts.length === max) {
      const [first = name, ...rest] = pathOfNesting(parts)
      throw badInput(pathText(String(first), rest), nestingMistake(max))
    }
    if (Array.isArray(part)) for (const [index, item] of part.entries()) lookInto(index, item)
    else for (const [key, item] of Object.entries(part)) lookInto(key, item)
  }

  function lookInto(part: string | number, item: unknown): void {
    parts.push(part)
    look(item)
    parts.pop()
  }

  look(value)
}

export function inexactMistake(source: string): string {
  const shown = source.length > 40 ? `${source.slice(0, 40)}…` : source
  return `the number ${shown} cannot be kept exactly: send it as text, in quotes`
}

export function nestingMistake(max = MAX_NESTING): string {
  return `must not be nested more than ${max} levels deep`
}

/** A short path of a value that is nested too deep: the names before the first list, at most 8. The rest would be only brackets. */
export function pathOfNesting(parts: readonly (string | number)[]): (string | number)[] {
  const list = parts.findIndex((part) => typeof part === 'number')
  return parts.slice(0, list < 0 ? 8 : Math.min(list, 8))
}

/** The most characters of a number. The longest number that a double writes without an exponent has 309 digits. */
const MAX_NUMBER = 400

/** Digits and exponent: `1.50e3` and `1500` are both `15e2`. */
function significant(source: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(source) ?? []
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  return kept === '' ? '0' : `${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

// For each open level: the place of its last key (-1: no key yet, or a list), and the index of its item. These two arrays belong to the
// module on purpose: reading is synchronous, so all calls can share them, and a request allocates nothing.
const keys = new Int32Array(MAX_NESTING + 1)
const items = new Int32Array(MAX_NESTING + 1)

/** Checks every number and bracket of the text before JSON.parse. It allocates nothing unless it finds a mistake. */
function requireKeepable(text: string, name: string): void {
  let depth = 0
  let string = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        string = at
        at = endOfString(text, at)
        break
      case 0x3a: // a colon: the string before it is a key
        keys[depth] = string
        break
      case 0x2c: // a comma
        items[depth]! += 1
        break
      case 0x5b: // [
      case 0x7b: // {
        if (depth === MAX_NESTING) throw badInput(pathIn(text, depth, name, pathOfNesting), nestingMistake())
        depth += 1
        keys[depth] = -1
        items[depth] = 0
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1
        break
      case 0x2d: // -
      case 0x30: // 0 to 9
      case 0x31:
      case 0x32:
      case 0x33:
      case 0x34:
      case 0x35:
      case 0x36:
      case 0x37:
      case 0x38:
      case 0x39: {
        const from = at
        let plain = true
        for (; isOfNumber(text.charCodeAt(at + 1)); at++) plain &&= text.charCodeAt(at + 1) < 0x40
        // Most numbers are short integers, and are always exact.
        if (plain && at - from < 15) break
        const number = text.slice(from, at + 1)
        if (!isExact(number)) throw badInput(pathIn(text, depth, name), inexactMistake(number))
      }
    }
  }
}

/** The place of the closing quote of the string that begins at `from`, or the end of the text. */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = at
    while (text.charCodeAt(escapes - 1) === BACKSLASH) escapes -= 1
    // After an odd number of backslashes, the quote is escaped.
    if ((at - escapes) % 2 === 0) return at
  }
  return text.length
}

/** Whether a character is part of a number: a digit, a point, an exponent or its sign. The code after the end, NaN, is not. */
function isOfNumber(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) || code === 0x2e || code === 0x45 || code === 0x65 || code === 0x2b || code === 0x2d
  )
}

/** A key as it is written, with its quotes. */
function readKey(source: string): string {
  try {
    return String(JSON.parse(source))
  } catch {
    return source // the text is no JSON
  }
}

/** The path as rules name it. In the `variables` of a body, the path begins after them: `input.content.data`. */
function pathIn(
  text: string,
  depth: number,
  name: string,
  shorten: (parts: readonly (string | number)[]) => (string | number)[] = (parts) => [...parts],
): string {
  const parts = Array.from({ length: depth }, (_, level) => {
    const key = keys[level + 1]!
    return key < 0 ? items[level + 1]! : readKey(text.slice(key, endOfString(text, key) + 1))
  })
  const [first, ...rest] = shorten(parts[0] === 'variables' && parts.length > 1 ? parts.slice(1) : parts)
  return first === undefined ? name : pathText(String(first), rest)
}
