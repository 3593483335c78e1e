// Regular expressions in RE2's syntax (https://github.com/google/re2/wiki/Syntax), which are matched in a time that grows
// with the text and the pattern, never beyond: no pattern can stall a node. Compiled once, when a publication is loaded.

import { RE2JS, RE2JSException } from 're2js'
import type { OperatorDefinition } from './operator.ts'

/** Instructions of a compiled pattern. Nested repetitions grow far beyond what was written: `((a{30}){30})`. */
export const MAX_PATTERN_SIZE = 500

export const matchesPattern: OperatorDefinition = {
  description:
    'One of the values held fits this regular expression, in RE2 syntax. A part of it is enough, unless the pattern has `^` and `$`.',
  takes: 'exactly one',
  comparesLetters: true,
  misses(value) {
    const compiled = compilePattern(value, false)
    return typeof compiled === 'string' ? `a regular expression in RE2 syntax (${compiled})` : undefined
  },
  compile([value], kind, caseInsensitive) {
    const pattern = compilePattern(value!, caseInsensitive || !kind.caseMatters)
    if (typeof pattern === 'string') {
      throw new Error(`Cannot compile a constraint: this version cannot read ${value}: ${pattern}`)
    }
    return (held) => {
      for (const text of held.texts) if (pattern.test(text)) return true
      return false
    }
  },
}

/** The pattern, or why it is none. */
function compilePattern(pattern: string, caseInsensitive: boolean): RE2JS | string {
  try {
    const compiled = RE2JS.compile(pattern, caseInsensitive ? RE2JS.CASE_INSENSITIVE : 0)
    const size = compiled.programSize()
    return size <= MAX_PATTERN_SIZE ? compiled : `too large: ${size} instructions of at most ${MAX_PATTERN_SIZE}`
  } catch (error) {
    if (error instanceof RE2JSException) return error.message
    throw error
  }
}
