// The list of dimensions. A new dimension is a file in `dimensions/` and a line here.

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

/** In the order in which they are listed for people. */
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

/** A dimension as it is described to people. */
export type DimensionDescription = {
  /** `attributes.<name>` stands for every name. */
  name: string
  description: string
  type: ValueType
  /** Whether a request may have several values. */
  isList: boolean
  /** Whether letter case matters, unless a constraint says `caseInsensitive`. */
  caseMatters: boolean
  /** `OPERATORS` says what each means. */
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

/** The value kind and the operators of a dimension; undefined: there is no such dimension. */
export function findDimension(name: string): { kind: ValueKind; operators: readonly Operator[] } | undefined {
  const found =
    DIMENSIONS.find((dimension) => dimension.name === name) ??
    DIMENSION_FAMILIES.find(({ prefix, names }) => name.startsWith(prefix) && names.test(name.slice(prefix.length)))
  return found && { kind: found.kind, operators: operatorsOf(found) }
}

/**
 * The kind of the values of a comparison.
 *
 * @throws Error on a dimension or operator that this version does not know. A guess could show content to the wrong users.
 */
export function valueKindOf({ dimension, operator }: Comparison): ValueKind {
  const found = findDimension(dimension)
  if (found?.operators.includes(operator)) return found.kind
  throw new Error(
    `Cannot compile a constraint: unknown dimension or operator ${dimension} ${operator}. A newer version of Alkaid may know it`,
  )
}

function operatorsOf({ operators, kind }: Dimension | DimensionFamily): readonly Operator[] {
  return operators ?? kind.operators
}
