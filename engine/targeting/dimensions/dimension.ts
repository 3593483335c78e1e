// What a dimension says of itself: how it is described to operators, what its values are, and how they are read from a request.

import type { ValueKind } from '../kinds.ts'
import type { Operator, RequestContext } from '../types.ts'

/** What single dimensions and families of them have in common. */
type DimensionTraits = {
  description: string
  kind: ValueKind
  /** Whether a request may hold several values. */
  isList: boolean
  /** Left out: those of its kind. */
  operators?: readonly Operator[]
}

/** One thing known of a request. A dimension without a value is said to be missing. */
export type Dimension = DimensionTraits & {
  name: string
  /** The values in this context; none = missing. */
  read(context: RequestContext): readonly string[]
}

/** Dimensions that apps name themselves: `<prefix><name>`, for every name that fits `names`. */
export type DimensionFamily = DimensionTraits & {
  prefix: string
  names: RegExp
  /** name (without the prefix) -> values, of those that this context has. */
  read(context: RequestContext): ReadonlyMap<string, readonly string[]>
}
