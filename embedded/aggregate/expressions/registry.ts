// The expression operators there are. To add one, put it into the table of its kind.
import type { Operator } from '../context.ts'
import { arithmetic } from './arithmetic.ts'
import { arrays } from './arrays.ts'
import { bindings } from './binding.ts'
import { conversion } from './conversion.ts'
import { dateFormat } from './date-format.ts'
import { dates } from './dates.ts'
import { folds } from './folding.ts'
import { logic } from './logic.ts'
import { objects } from './objects.ts'
import { strings } from './strings.ts'

const literal: Operator = (operand) => () => operand

export const expressionOperators: Record<string, Operator> = {
  $literal: literal,
  ...logic,
  ...arithmetic,
  ...arrays,
  ...bindings,
  ...objects,
  ...strings,
  ...conversion,
  ...dates,
  ...dateFormat,
  ...folds,
}
