// What is known of a request, and the constraint tree that asks about it. Pure data: it travels in
// GraphQL, in MongoDB and in publications as it stands here.

/** How a constraint compares; operators.ts says what each means. */
export type Operator =
  | 'IN'
  | 'NOT_IN'
  | 'EQUALS'
  | 'STARTS_WITH'
  | 'ENDS_WITH'
  | 'CONTAINS'
  | 'MATCHES'
  | 'EXISTS'
  | 'NUMBER_EQ'
  | 'NUMBER_LT'
  | 'NUMBER_LTE'
  | 'NUMBER_GT'
  | 'NUMBER_GTE'
  | 'NUMBER_BETWEEN'
  | 'VERSION_EQ'
  | 'VERSION_LT'
  | 'VERSION_LTE'
  | 'VERSION_GT'
  | 'VERSION_GTE'
  | 'VERSION_BETWEEN'
  | 'DATE_BEFORE'
  | 'DATE_AFTER'

/** CODE: a hierarchy, in which a value stands for itself and everything below it. */
export type ValueType = 'TEXT' | 'VERSION' | 'CODE'

/** A leaf: one dimension held against values. */
export type Comparison = {
  dimension: string
  operator: Operator
  values: string[]
  /** Left out: letter case matters, unless the dimension says otherwise. Never false, so that content has one form. */
  caseInsensitive?: true
}

/** A tree of comparisons; `all` of nothing is true, `any` of nothing is refused when written. */
export type InlinedConstraint =
  | { all: InlinedConstraint[] }
  | { any: InlinedConstraint[] }
  | { not: InlinedConstraint }
  | Comparison

/** The same as operators write it: a leaf may also be the id of a segment, whose constraint stands there. */
export type Constraint =
  | { all: Constraint[] }
  | { any: Constraint[] }
  | { not: Constraint }
  | { segment: string }
  | Comparison

/** Which share of those who match see it: sticky, and monotonic when the percentage rises. */
export type Rollout = {
  /** 0 to 100, in steps of 0.01. */
  percentage: number
  /** What it sticks to: `userId`, `deviceId` or `attributes.<name>`; null: the user, else the device. */
  stickiness: string | null
  /** Rollouts of the same group choose the same users; null: each strategy chooses for itself. */
  group: string | null
}

/** The context that an app sends with a slot query. */
export type RequestContext = {
  userId?: string | null
  deviceId?: string | null
  tags?: readonly string[] | null
  appVersion?: string | null
  platform?: string | null
  osVersion?: string | null
  network?: string | null
  region?: string | null
  channel?: string | null
  language?: string | null
  attributes?: readonly { name: string; values: readonly string[] }[] | null
  /** What the user was served before, as the last answer said it: engine/decision/cap-token.ts. */
  capToken?: string | null
}
