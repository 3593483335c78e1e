// The context of a request, and constraints on it. Pure data: GraphQL, MongoDB and publications all have it in this form.

/** operators.ts says what each means. */
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

/** CODE: a hierarchy. A value stands for itself and everything below it: CN for CN-11, too. */
export type ValueType = 'TEXT' | 'VERSION' | 'CODE'

/** A leaf: compares one dimension of a request with values. */
export type Comparison = {
  dimension: string
  operator: Operator
  values: string[]
  /** Left out: the dimension decides whether letter case matters. Never false, so that equal constraints are equal JSON. */
  caseInsensitive?: true
}

/** A tree of comparisons. An empty `all` is true. An empty `any` cannot be written. */
export type InlinedConstraint =
  | { all: InlinedConstraint[] }
  | { any: InlinedConstraint[] }
  | { not: InlinedConstraint }
  | Comparison

/** A constraint as it is written. A leaf can also be the id of a segment, which stands for its constraint. */
export type Constraint =
  | { all: Constraint[] }
  | { any: Constraint[] }
  | { not: Constraint }
  | { segment: string }
  | Comparison

/** The share of matching users who see it. Each user stays in or out, and a higher percentage only adds users. */
export type Rollout = {
  /** 0 to 100, in steps of 0.01. */
  percentage: number
  /** What is hashed: `userId`, `deviceId` or `attributes.<name>`; null: the user id, else the device id. */
  stickiness: string | null
  /** Rollouts of the same group let in the same users; null: the strategy has a group of its own. */
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
  /** The cap token of the last answer: what the user was served (engine/decision/cap-token.ts). */
  capToken?: string | null
}
