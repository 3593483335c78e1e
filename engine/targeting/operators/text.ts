// Operators that look at parts of a text.

import { foldCase } from '../context-values.ts'
import type { OperatorDefinition } from './operator.ts'

/** @param isPart how a text that is held is asked for the value of a comparison. */
export function partOfText(relation: string, isPart: (text: string, value: string) => boolean): OperatorDefinition {
  return {
    description: `One of the values held ${relation} one of these.`,
    takes: 'one or more',
    comparesLetters: true,
    misses: () => undefined,
    compile(values, kind, caseInsensitive) {
      const folds = caseInsensitive || !kind.caseMatters
      const wanted = folds ? values.map(foldCase) : [...values]
      return (held) => {
        for (const text of folds ? held.folded : held.texts) {
          for (const value of wanted) if (isPart(text, value)) return true
        }
        return false
      }
    },
  }
}
