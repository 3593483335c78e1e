// Regular expressions in RE2's syntax (https://github.com/google/re2/wiki/Syntax), which are matched in a time that grows
// with the text and the pattern, never beyond: no pattern can stall a node. How large one may be is checked when it is written.

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
    for (const caseInsensitive of [false, true]) {
      const pattern = compilePattern(value, caseInsensitive)
      const mistake = typeof pattern === 'string' ? pattern : oversize(pattern)
      if (mistake !== undefined) return `a regular expression in RE2 syntax (${mistake})`
    }
    return undefined
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

/** Those compiled lately, the latest last: what many schedules ask is compiled once, also when a slot is loaded anew. */
const known = new Map<string, RE2JS>()
const MAX_KNOWN = 1000

/** The pattern, or why it is none. */
function compilePattern(pattern: string, caseInsensitive: boolean): RE2JS | string {
  const name = `${caseInsensitive ? 'i' : ''}/${pattern}`
  const found = known.get(name)
  known.delete(name)
  if (!found && known.size >= MAX_KNOWN) known.delete(known.keys().next().value!)
  try {
    const compiled = found ?? RE2JS.compile(pattern, caseInsensitive ? RE2JS.CASE_INSENSITIVE : 0)
    known.set(name, compiled)
    return compiled
  } catch (error) {
    if (error instanceof RE2JSException) return error.message
    throw error
  }
}

function oversize(pattern: RE2JS): string | undefined {
  const size = pattern.programSize()
  return size > MAX_PATTERN_SIZE ? `too large: ${size} instructions of at most ${MAX_PATTERN_SIZE}` : undefined
}
