// The one table of operators: what each means, and how it is compiled. A list-valued dimension (tags) matches
// if any of its values does. A missing dimension has no values, hence matches no positive operator; NOT_IN
// asks that none of the values is in the list, hence is TRUE of a missing dimension.

import type { Operator } from './types.ts'

/** Asks about the values that a request has in one dimension; an empty list = missing. */
export type Test = (held: readonly string[]) => boolean

export type OperatorDefinition = {
  description: string
  /** How many values a comparison with it takes. */
  takes: 'one or more' | 'exactly one'
  compile(values: readonly string[]): Test
}

export const OPERATORS: Readonly<Record<Operator, OperatorDefinition>> = {
  IN: {
    description: 'One of the values held is in the list.',
    takes: 'one or more',
    compile: (values) => anyIn(values),
  },
  NOT_IN: {
    description: 'None of the values held is in the list; true when nothing is held.',
    takes: 'one or more',
    compile(values) {
      const isIn = anyIn(values)
      return (held) => !isIn(held)
    },
  },
  EQUALS: {
    description: 'One of the values held is exactly this one.',
    takes: 'exactly one',
    compile(values) {
      const wanted = values[0]!
      return (held) => held.includes(wanted)
    },
  },
}

function anyIn(values: readonly string[]): Test {
  const wanted = new Set(values)
  return (held) => {
    for (const value of held) if (wanted.has(value)) return true
    return false
  }
}
