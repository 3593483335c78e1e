// The one list of dimensions. A new one is a file in `dimensions/` and a line here.

import { appVersion } from './dimensions/app-version.ts'
import { attributes } from './dimensions/attributes.ts'
import { channel } from './dimensions/channel.ts'
import type { Dimension, DimensionFamily } from './dimensions/dimension.ts'
import { language } from './dimensions/language.ts'
import { network } from './dimensions/network.ts'
import { osVersion } from './dimensions/os-version.ts'
import { platform } from './dimensions/platform.ts'
import { region } from './dimensions/region.ts'
import { tags } from './dimensions/tags.ts'
import type { ValueKind } from './kinds.ts'
import type { Comparison, Operator, ValueType } from './types.ts'

/** In the order in which operators are shown them. */
export const DIMENSIONS: readonly Dimension[] = [
  tags,
  appVersion,
  platform,
  osVersion,
  network,
  region,
  channel,
  language,
]

export const DIMENSION_FAMILIES: readonly DimensionFamily[] = [attributes]

/** A dimension as operators are shown it. */
export type DimensionDescription = {
  /** `attributes.<name>` stands for every name. */
  name: string
  description: string
  type: ValueType
  /** Whether a request may hold several values. */
  isList: boolean
  /** Whether it is compared to the letter, unless a constraint asks for any letter case. */
  caseMatters: boolean
  /** What each means is in `OPERATORS`. */
  operators: readonly Operator[]
}

/** All dimensions, single ones first. */
export function describeDimensions(): DimensionDescription[] {
  const describe = (name: string, of: Dimension | DimensionFamily): DimensionDescription => {
    const { description, kind, isList } = of
    return { name, description, type: kind.type, isList, caseMatters: kind.caseMatters, operators: operatorsOf(of) }
  }
  return [
    ...DIMENSIONS.map((dimension) => describe(dimension.name, dimension)),
    ...DIMENSION_FAMILIES.map((family) => describe(`${family.prefix}<name>`, family)),
  ]
}

/** How constraints on this dimension compare; undefined when there is no such dimension. */
export function findDimension(name: string): { kind: ValueKind; operators: readonly Operator[] } | undefined {
  const found =
    DIMENSIONS.find((dimension) => dimension.name === name) ??
    DIMENSION_FAMILIES.find(({ prefix, names }) => name.startsWith(prefix) && names.test(name.slice(prefix.length)))
  return found && { kind: found.kind, operators: operatorsOf(found) }
}

/**
 * What the values of a comparison are.
 *
 * @throws Error on a dimension or operator that this version does not know: no guess is safe.
 */
export function valueKindOf({ dimension, operator }: Comparison): ValueKind {
  const found = findDimension(dimension)
  if (found?.operators.includes(operator)) return found.kind
  throw new Error(`Cannot compile a constraint: ${dimension} ${operator} is not known to this version`)
}

function operatorsOf({ operators, kind }: Dimension | DimensionFamily): readonly Operator[] {
  return operators ?? kind.operators
}
