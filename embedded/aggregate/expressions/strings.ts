// Strings. Positions and lengths count code points.
import { BSONRegExp } from 'bson'
import { compareStrings } from '../../compare.ts'
import { type CodeName, fail, notImplemented } from '../../errors.ts'
import { compileRegex } from '../../query/regex.ts'
import type { Maybe } from '../../values.ts'
import type { Operator } from '../context.ts'
import { isNullish, over, overNamed, typeName, wholeNumber } from './arguments.ts'
import { searchBound } from './arrays.ts'
import { asciiLower, asciiUpper, asText } from './text.ts'

function text(value: Maybe, code: CodeName, name: string): string {
  return typeof value === 'string' ? value : fail(code, `${name} requires a string argument, found: ${typeName(value)}`)
}

function concat(values: Maybe[]): Maybe {
  const texts: string[] = []
  for (const value of values) {
    if (isNullish(value)) return null
    texts.push(text(value, 'Location16702', '$concat'))
  }
  return texts.join('')
}

function substring([value, start, length]: Maybe[]): Maybe {
  const points = [...asText(value)]
  if (typeof start !== 'number')
    fail('Location34450', `$substrCP: starting index must be a numeric type (is BSON type ${typeName(start)})`)
  const from = wholeNumber(start, 'Location34451', '$substrCP: starting index')
  if (typeof length !== 'number')
    fail('Location34452', `$substrCP: length must be a numeric type (is BSON type ${typeName(length)})`)
  const count = wholeNumber(length, 'Location34453', '$substrCP: length')
  if (count < 0) fail('Location34454', '$substrCP: length must be a nonnegative integer.')
  if (from < 0) fail('Location34455', '$substrCP: the starting index must be nonnegative integer.')
  return points.slice(from, from + count).join('')
}

function split([value, separator]: Maybe[]): Maybe {
  if (isNullish(value) || isNullish(separator)) return null
  const source = text(value, 'Location40085', '$split')
  const by = text(separator, 'Location40086', '$split')
  return by === '' ? fail('Location40087', '$split requires a non-empty separator') : source.split(by)
}

/** The characters that `$trim` removes by default, by MongoDB's documentation. */
const whitespace = '\0 \t\n\v\f\r\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a'

function trim(name: string, left: boolean, right: boolean): Operator {
  const codes = {
    notDocument: 'Location50696',
    unknown: 'Location50694',
    required: { input: 'Location50695' },
    optional: ['chars'],
  } as const
  return overNamed(name, codes, ({ input, chars }, given) => {
    if (isNullish(input) || (given.has('chars') && isNullish(chars))) return null
    const points = [...text(input, 'Location50699', name)]
    const gone = new Set(given.has('chars') ? text(chars, 'Location50700', name) : whitespace)
    let from = 0
    let to = points.length
    while (left && from < to && gone.has(points[from]!)) from++
    while (right && to > from && gone.has(points[to - 1]!)) to--
    return points.slice(from, to).join('')
  })
}

function indexOf([value, wanted, ...bounds]: Maybe[]): Maybe {
  if (isNullish(value)) return null
  const source = [...text(value, 'Location40093', '$indexOfCP')]
  const token = [...text(wanted, 'Location40094', '$indexOfCP')]
  const [from = 0, to = source.length] = bounds.map((bound) => searchBound(bound, '$indexOfCP'))
  if (source.length === 0 && token.length === 0 && from === 0) return 0
  // A match must begin before the end position, but may continue after it.
  for (let at = from; at < Math.min(to, source.length); at++) {
    if (token.every((point, offset) => source[at + offset] === point)) return at
  }
  return -1
}

function regexMatch({ input, regex, options }: Record<string, Maybe>): Maybe {
  const source = isNullish(input) ? undefined : text(input, 'Location51104', '$regexMatch')
  if (!isNullish(options) && typeof options !== 'string')
    fail('Location51106', '$regexMatch needs options to be of type string')
  if (isNullish(regex)) return false
  if (typeof regex !== 'string' && !(regex instanceof BSONRegExp)) {
    return fail('Location51105', `$regexMatch needs 'regex' to be of type string or regex`)
  }
  const own = typeof regex === 'string' ? { pattern: regex, options: '' } : regex
  if (!isNullish(options) && own.options !== '') {
    fail('Location51107', `$regexMatch: found regex option(s) specified in both 'regex' and 'option' fields`)
  }
  const compiled = compileRegex(own.pattern, (options as string | undefined) ?? own.options)
  return source !== undefined && compiled.test(source)
}

function replace(name: string, all: boolean): Operator {
  const codes = {
    notDocument: 'Location51751',
    unknown: 'Location51750',
    required: { input: 'Location51749', find: 'Location51748', replacement: 'Location51747' },
  } as const
  return overNamed(name, codes, ({ input, find, replacement }) => {
    for (const [value, code] of [
      [input, 'Location51746'],
      [find, 'Location51745'],
      [replacement, 'Location51744'],
    ] as const) {
      if (!isNullish(value)) text(value, code, name)
    }
    if (isNullish(input) || isNullish(find) || isNullish(replacement)) return null
    if (all && find === '') notImplemented('$replaceAll of an empty string')
    const by = () => replacement as string
    return all ? (input as string).replaceAll(find as string, by) : (input as string).replace(find as string, by)
  })
}

export const strings: Record<string, Operator> = {
  $concat: over('$concat', undefined, concat),
  $toLower: over('$toLower', 1, ([value]) => asciiLower(asText(value))),
  $toUpper: over('$toUpper', 1, ([value]) => asciiUpper(asText(value))),
  $substrCP: over('$substrCP', 3, substring),
  $strLenCP: over('$strLenCP', 1, ([value]) => [...text(value, 'Location34471', '$strLenCP')].length),
  $split: over('$split', 2, split),
  $trim: trim('$trim', true, true),
  $ltrim: trim('$ltrim', true, false),
  $rtrim: trim('$rtrim', false, true),
  $indexOfCP: over('$indexOfCP', [2, 4], indexOf),
  $strcasecmp: over('$strcasecmp', 2, ([a, b]) =>
    Math.sign(compareStrings(asciiUpper(asText(a)), asciiUpper(asText(b)))),
  ),
  $regexMatch: overNamed(
    '$regexMatch',
    {
      notDocument: 'Location51103',
      unknown: 'Location31024',
      required: { input: 'Location31022', regex: 'Location31023' },
      optional: ['options'],
    },
    regexMatch,
  ),
  $replaceOne: replace('$replaceOne', false),
  $replaceAll: replace('$replaceAll', true),
}
