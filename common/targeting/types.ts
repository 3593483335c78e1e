// What is known of a request, and the constraint tree that asks about it. Pure data: it travels in
// GraphQL, in MongoDB and in publications as it stands here.

/** How a constraint compares. IN, NOT_IN: any number of values; EQUALS: exactly one. */
export type Operator = 'IN' | 'NOT_IN' | 'EQUALS'

/** A leaf: one dimension held against values. */
export type Comparison = { dimension: string; operator: Operator; values: string[] }

/** A tree of comparisons; `all` of nothing is true, `any` of nothing is refused when written. */
export type Constraint = { all: Constraint[] } | { any: Constraint[] } | { not: Constraint } | Comparison

/** The context that an app sends with a slot query. */
export type RequestContext = {
  userId?: string | null
  deviceId?: string | null
  tags?: readonly string[] | null
  attributes?: readonly { name: string; values: readonly string[] }[] | null
}
