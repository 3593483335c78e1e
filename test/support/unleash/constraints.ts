// Constraints and contexts of Unleash, said in our words. Whatever it knows of a request is an attribute here.

import type { Constraint, RequestContext } from '../../../engine/targeting/types.ts'
import type { UnleashConstraint, UnleashContext } from './specification.ts'

const OPERATORS: Record<string, string> = {
  IN: 'IN',
  NOT_IN: 'NOT_IN',
  STR_STARTS_WITH: 'STARTS_WITH',
  STR_ENDS_WITH: 'ENDS_WITH',
  STR_CONTAINS: 'CONTAINS',
  REGEX: 'MATCHES',
  NUM_EQ: 'NUMBER_EQ',
  NUM_LT: 'NUMBER_LT',
  NUM_LTE: 'NUMBER_LTE',
  NUM_GT: 'NUMBER_GT',
  NUM_GTE: 'NUMBER_GTE',
  SEMVER_EQ: 'VERSION_EQ',
  SEMVER_LT: 'VERSION_LT',
  SEMVER_LTE: 'VERSION_LTE',
  SEMVER_GT: 'VERSION_GT',
  SEMVER_GTE: 'VERSION_GTE',
  DATE_BEFORE: 'DATE_BEFORE',
  DATE_AFTER: 'DATE_AFTER',
}

/** As it would be written, mistakes included: an operator that there is not stays as it is. */
export function translateConstraint(constraint: UnleashConstraint): Constraint {
  const { contextName, operator, value, values, inverted, caseInsensitive } = constraint
  const comparison = {
    dimension: attribute(contextName),
    operator: OPERATORS[operator] ?? operator,
    values: value === undefined ? values : [value],
    ...(caseInsensitive ? { caseInsensitive } : {}),
  } as Constraint
  return inverted ? { not: comparison } : comparison
}

/** A session is a device here: what stays the same where nobody is signed in. */
export function translateContext({ properties = {}, ...fields }: UnleashContext): RequestContext {
  const { userId, sessionId } = fields as Record<string, string | undefined>
  const held = Object.entries({ ...fields, ...properties }).filter(([, value]) => value !== null)
  const attributes = held.map(([name, value]) => ({ name, values: [String(value)] }))
  return { userId: userId ?? null, deviceId: sessionId ?? null, attributes }
}

/** `default`: the user, else the session, as null is here. */
export function translateStickiness(stickiness: string): string | null {
  if (stickiness === 'default') return null
  if (stickiness === 'userId') return 'userId'
  return stickiness === 'sessionId' ? 'deviceId' : attribute(stickiness)
}

export function attribute(name: string): string {
  return `attributes.${name}`
}
