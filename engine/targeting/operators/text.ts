// Operators that compare a part of a text (STARTS_WITH, ENDS_WITH, CONTAINS).

import { foldCase } from '../context-values.ts'
import type { OperatorDefinition } from './operator.ts'

/** @param isPart whether the text of a request contains the value of a comparison in the right place. */
export function partOfText(relation: string, isPart: (text: string, value: string) => boolean): OperatorDefinition {
  return {
    description: `One of the request's values ${relation} one of these.`,
    takes: 'one or more',
    comparesLetters: true,
    expectedInstead: () => undefined,
    compile(values, kind, caseInsensitive) {
      const folds = caseInsensitive || !kind.caseMatters
      const wanted = folds ? values.map(foldCase) : [...values]
      return (actual) => {
        for (const text of folds ? actual.folded : actual.texts) {
          for (const value of wanted) if (isPart(text, value)) return true
        }
        return false
      }
    },
  }
}
