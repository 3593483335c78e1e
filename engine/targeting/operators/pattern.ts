// The operator MATCHES: regular expressions in RE2 syntax (https://github.com/google/re2/wiki/Syntax). RE2 takes time linear in the
// text, so no pattern can stall a node. The size of a pattern is limited when a constraint is written.

import { RE2JS, RE2JSException } from 're2js'
import type { OperatorDefinition } from './operator.ts'

/** Instructions of a compiled pattern. A short text can have many: `((a{30}){30})` has about 900. */
export const MAX_PATTERN_SIZE = 500

export const matchesPattern: OperatorDefinition = {
  description:
    "One of the request's values matches this regular expression in RE2 syntax. A matching part is enough, unless the pattern has `^` and `$`.",
  takes: 'exactly one',
  comparesLetters: true,
  expectedInstead(value) {
    for (const caseInsensitive of [false, true]) {
      const pattern = compilePattern(value, caseInsensitive)
      const mistake = typeof pattern === 'string' ? pattern : sizeMistake(pattern)
      if (mistake !== undefined) return `a regular expression in RE2 syntax (${mistake})`
    }
    return undefined
  },
  compile([value], kind, caseInsensitive) {
    const pattern = compilePattern(value!, caseInsensitive || !kind.caseMatters)
    if (typeof pattern === 'string') {
      throw new Error(`Cannot compile a constraint: this version cannot read the pattern ${value}: ${pattern}`)
    }
    return (actual) => {
      for (const text of actual.texts) if (pattern.test(text)) return true
      return false
    }
  },
}

/** Recently used patterns, the latest last. Module state on purpose: many schedules share a pattern, and slots are reloaded. */
const recent = new Map<string, RE2JS>()
const MAX_RECENT = 1000

/** The compiled pattern, or the reason why it is not valid. */
function compilePattern(pattern: string, caseInsensitive: boolean): RE2JS | string {
  const name = `${caseInsensitive ? 'i' : ''}/${pattern}`
  const found = recent.get(name)
  recent.delete(name)
  if (!found && recent.size >= MAX_RECENT) recent.delete(recent.keys().next().value!)
  try {
    const compiled = found ?? RE2JS.compile(pattern, caseInsensitive ? RE2JS.CASE_INSENSITIVE : 0)
    recent.set(name, compiled)
    return compiled
  } catch (error) {
    if (error instanceof RE2JSException) return error.message
    throw error
  }
}

function sizeMistake(pattern: RE2JS): string | undefined {
  const size = pattern.programSize()
  return size > MAX_PATTERN_SIZE ? `too large: ${size} instructions of at most ${MAX_PATTERN_SIZE}` : undefined
}
