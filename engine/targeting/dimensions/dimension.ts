// The type of a dimension: its description, the kind of its values, and how to read them from a request.

import type { ValueKind } from '../kinds.ts'
import type { Operator, RequestContext } from '../types.ts'

/** Common to dimensions and families. */
type DimensionTraits = {
  description: string
  kind: ValueKind
  /** Whether a request may have several values. */
  isList: boolean
  /** Left out: the operators of its kind. */
  operators?: readonly Operator[]
}

/** One thing that is known of a request. A dimension without a value is called missing. */
export type Dimension = DimensionTraits & {
  name: string
  /** The values in this context; empty: missing. */
  read(context: RequestContext): readonly string[]
}

/** Dimensions that apps name themselves: `<prefix><name>`, where `name` matches `names`. */
export type DimensionFamily = DimensionTraits & {
  prefix: string
  names: RegExp
  /** name (without the prefix) -> the values in this context. */
  read(context: RequestContext): ReadonlyMap<string, readonly string[]>
}
