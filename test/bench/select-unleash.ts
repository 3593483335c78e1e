// The same entries as features of the unleash-client package, without its network: what `isEnabled` of each costs beside our
// constraint and rollout, and what a proxy does for a context, which is to ask all of them, beside a decision.

import { createRequire } from 'node:module'
import type { Publication, PublishedEntry } from '../../engine/publication/types.ts'
import type { Comparison, InlinedConstraint, RequestContext } from '../../engine/targeting/types.ts'

type Client = { isEnabled(name: string, context: object, fallback: () => boolean): boolean }
type Feature = ReturnType<typeof featureOf>

const require = createRequire(import.meta.url)
const UnleashClient = require('unleash-client/lib/client.js').default as new (
  repository: object,
  strategies: readonly object[],
) => Client
const { defaultStrategies } = require('unleash-client/lib/strategy/index.js') as { defaultStrategies: object[] }

const OPERATORS: Partial<Record<Comparison['operator'], string>> = {
  ...{ IN: 'IN', NOT_IN: 'NOT_IN', VERSION_GTE: 'SEMVER_GTE', VERSION_LT: 'SEMVER_LT' },
}

export type UnleashSide = {
  names: readonly string[]
  isEnabled(name: string, context: object): boolean
  contextOf(context: RequestContext): object
}

export function unleashSideOf({ entries }: Publication): UnleashSide {
  const features = new Map(entries.map((entry) => [entry.schedule.id, featureOf(entry)]))
  const repository = {
    getToggle: (name: string): Feature | undefined => features.get(name),
    getToggles: () => [...features.values()],
    getSegment: () => undefined,
  }
  const client = new UnleashClient(repository, defaultStrategies)
  const never = () => false
  return {
    names: [...features.keys()],
    isEnabled: (name, context) => client.isEnabled(name, context, never),
    contextOf,
  }
}

function featureOf({ schedule, constraint, rollout }: PublishedEntry) {
  const strategy = {
    name: 'flexibleRollout',
    parameters: {
      rollout: String(rollout ? rollout.buckets / 100 : 100),
      stickiness: 'default',
      groupId: rollout?.group ?? schedule.id,
    },
    constraints: constraint ? comparisonsOf(constraint).flatMap(constraintsOf) : [],
    segments: [],
  }
  return { name: schedule.id, enabled: true, strategies: [strategy], variants: [] }
}

function comparisonsOf(constraint: InlinedConstraint): Comparison[] {
  if ('all' in constraint) return constraint.all.flatMap(comparisonsOf)
  if ('dimension' in constraint) return [constraint]
  throw new Error('this bench compares only comparisons that all have to hold')
}

/** A context of Unleash holds one value in a field, so that each tag is one of its own; a list of tags is none of them. */
function constraintsOf({ dimension, operator, values }: Comparison) {
  const contextName = dimension === 'tags' ? 'tag' : dimension
  const of = { contextName, operator: OPERATORS[operator]!, inverted: false, caseInsensitive: false }
  return of.operator.startsWith('SEMVER') ? { ...of, values: [], value: values[0]! } : { ...of, values }
}

function contextOf({ userId, tags, ...rest }: RequestContext): object {
  const properties = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)]))
  return { userId, properties: { ...properties, tag: tags?.[0] ?? '' } }
}
