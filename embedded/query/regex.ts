// Translates regular expressions of MongoDB (PCRE, UTF) to JavaScript. A construct that JavaScript cannot express with
// the same meaning is refused.
import type { BSONRegExp } from 'bson'
import { fail, notImplemented } from '../errors.ts'

const syntax = new Set('^$\\.*+?()[]{}|/')
const space = '\\t-\\r '

/** The JavaScript expression for a pattern and its options (`i`, `m`, `s`). Throws if one of them is invalid. */
export function compileRegex(pattern: string, options: string): RegExp {
  for (const option of options) {
    if (option === 'x' || option === 'u') notImplemented(`the regular expression option '${option}'`)
    if (!'ims'.includes(option)) fail('Location51108', `invalid flag in regex options: ${option}`)
  }
  const source = new Translation(pattern, options).run()
  try {
    // The translated source already includes the options `m` and `s`. With `u` it reads code points, as PCRE does.
    return new RegExp(source, options.includes('i') ? 'iu' : 'u')
  } catch (error) {
    return fail('Location51091', `Regular expression is invalid: ${(error as Error).message}`)
  }
}

export function compileBsonRegex(regex: BSONRegExp): RegExp {
  return compileRegex(regex.pattern, regex.options)
}

class Translation {
  private readonly pattern: string
  private readonly multiline: boolean
  private readonly dotAll: boolean
  private at = 0
  private out = ''

  constructor(pattern: string, options: string) {
    this.pattern = pattern
    this.multiline = options.includes('m')
    this.dotAll = options.includes('s')
  }

  run(): string {
    while (this.at < this.pattern.length) this.out += this.next()
    return this.out
  }

  private next(): string {
    const char = this.char()
    switch (char) {
      case '.':
        return this.dotAll ? '[\\s\\S]' : '[^\\n]'
      case '^':
        // In PCRE only a line feed ends a line, and no line begins after the last line feed.
        return this.multiline ? '(?:^|(?<=\\n)(?!$))' : '^'
      case '$':
        return this.multiline ? '(?=\\n|$)' : '(?=\\n?$)'
      case '\\':
        return this.escape(false)
      case '[':
        return this.characterClass()
      case '(':
        return this.group()
      case '{':
        return /^\d+(,\d*)?\}/.test(this.pattern.slice(this.at)) ? this.braces() : '\\{'
      case '*':
      case '+':
      case '?':
        return char + this.greed()
      case ']':
      case '}':
      case '/':
        return `\\${char}`
      default:
        return char
    }
  }

  private braces(): string {
    const end = this.pattern.indexOf('}', this.at) + 1
    const count = `{${this.pattern.slice(this.at, end)}`
    this.at = end
    return count + this.greed()
  }

  private greed(): string {
    if (this.peek() === '+') notImplemented('a possessive quantifier in a regular expression')
    if (this.peek() !== '?') return ''
    this.at++
    return '?'
  }

  private group(): string {
    if (this.peek() === '*') notImplemented('a verb in a regular expression')
    if (this.peek() !== '?') return '('
    const kind = /^\?(:|=|!|<=|<!)/.exec(this.pattern.slice(this.at))?.[0]
    if (kind === undefined) return notImplemented('this kind of group in a regular expression')
    this.at += kind.length
    return `(${kind}`
  }

  private escape(inClass: boolean): string {
    if (this.at >= this.pattern.length) fail('Location51091', 'Regular expression is invalid: \\ at end of pattern')
    const char = this.char()
    if ('dDwnrtf'.includes(char)) return `\\${char}`
    if (char === 's') return inClass ? space : `[${space}]`
    if (!inClass && char === 'S') return `[^${space}]`
    if (!inClass && 'WbB'.includes(char)) return `\\${char}`
    if (char === 'x' && /^[0-9a-fA-F]{2}/.test(this.pattern.slice(this.at))) {
      this.at += 2
      return `\\x${this.pattern.slice(this.at - 2, this.at)}`
    }
    if (/[0-9a-zA-Z]/.test(char)) notImplemented(`\\${char} in a regular expression`)
    return syntax.has(char) || (inClass && char === '-') ? `\\${char}` : char
  }

  private characterClass(): string {
    let out = '['
    if (this.peek() === '^') out += this.char()
    let first = true
    for (;;) {
      if (this.at >= this.pattern.length) fail('Location51091', 'Regular expression is invalid: missing terminating ]')
      const char = this.char()
      if (char === ']' && !first) return `${out}]`
      first = false
      if (char === '\\') {
        out += this.escape(true)
        // A hyphen after a class such as \d is a plain character. JavaScript wants it escaped.
        if (/\\[dDws]$/.test(this.pattern.slice(0, this.at)) && this.peek() === '-') out += `\\${this.char()}`
      } else if (char === '[') {
        if (/[:.=]/.test(this.peek())) notImplemented('a POSIX class in a regular expression')
        out += '\\['
      } else out += syntax.has(char) ? `\\${char}` : char
    }
  }

  /** The next code point. It is never half of a surrogate pair. */
  private char(): string {
    const char = String.fromCodePoint(this.pattern.codePointAt(this.at)!)
    this.at += char.length
    return char
  }

  private peek(): string {
    return this.pattern[this.at] ?? ''
  }
}
