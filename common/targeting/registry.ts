// The one list of dimensions. A new one is a file in `dimensions/` and a line here.

import { attributes } from './dimensions/attributes.ts'
import { tags } from './dimensions/tags.ts'
import type { Dimension, DimensionFamily, Operator } from './types.ts'

export const DIMENSIONS: readonly Dimension[] = [tags]

export const DIMENSION_FAMILIES: readonly DimensionFamily[] = [attributes]

/** As an operator is shown them: `tags`, `attributes.<name>`. */
export const DIMENSION_NAMES: readonly string[] = [
  ...DIMENSIONS.map((dimension) => dimension.name),
  ...DIMENSION_FAMILIES.map((family) => `${family.prefix}<name>`),
]

/** The operators that a constraint on this dimension may use; undefined when there is no such dimension. */
export function operatorsOf(dimension: string): readonly Operator[] | undefined {
  const found = DIMENSIONS.find((candidate) => candidate.name === dimension)
  if (found) return found.operators
  const family = DIMENSION_FAMILIES.find(
    ({ prefix, names }) => dimension.startsWith(prefix) && names.test(dimension.slice(prefix.length)),
  )
  return family?.operators
}
