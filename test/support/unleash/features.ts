// A feature of Unleash as the publication of a slot that shows one creative: a schedule for each of its strategies, the first
// in the highest tier, since any of them enables the feature and the first that does gives the variant. Variants are
// the creatives of a schedule, by weight; a schedule without variants shows the creative `on`.
//
// Everything goes the way of what an operator writes: constraints and rollouts are checked, segments put in place. What is
// refused there has no schedule, and so is shown to nobody.

import type { Publication, PublishedEntry } from '../../../engine/publication/types.ts'
import { checkConstraint } from '../../../engine/targeting/check-constraint.ts'
import { checkRollout } from '../../../engine/targeting/check-rollout.ts'
import { checkInlined } from '../../../engine/targeting/segments.ts'
import type { Constraint, InlinedConstraint, Rollout } from '../../../engine/targeting/types.ts'
import { attribute, translateConstraint, translateStickiness } from './constraints.ts'
import type { UnleashFeature, UnleashSegment, UnleashStrategy, UnleashVariant } from './specification.ts'

/** What a schedule without variants shows. */
export const ON = 'on'

type Translated = { publication: Publication; refused: string[] }

/** The publication, and why its strategies were refused that were. */
export function translateFeature(feature: UnleashFeature, segments: readonly UnleashSegment[]): Translated {
  const strategies = feature.strategies.length > 0 ? feature.strategies : [{ name: 'default' }]
  const refused: string[] = []
  const entries: PublishedEntry[] = []
  for (const [index, strategy] of (feature.enabled ? strategies : []).entries()) {
    const constraint = writeConstraint(constraintOf(strategy), segments)
    if (typeof constraint === 'string') refused.push(constraint)
    else entries.push(entryOf(feature, strategy, index, constraint))
  }
  const slot = { id: `slo_${feature.name}`, code: feature.name, capacity: 1, rotationSeconds: 60, caps: [] }
  const head = { kind: 'slot', app: 'unleash', epoch: 1, revision: 1, stopped: false } as const
  return { publication: { ...head, slot, fallback: [], entries }, refused }
}

/** The constraint as nodes get it, or why it is refused. */
function writeConstraint(written: Constraint, segments: readonly UnleashSegment[]): InlinedConstraint | string {
  const checked = checkConstraint(written, 'constraint')
  if (!checked.ok) return checked.errors.map(({ path, message }) => `${path}: ${message}`).join('; ')
  const inlined = checkInlined(checked.constraint, (id) => {
    const segment = segments.find((one) => segmentId(one.id) === id)
    return segment && { all: segment.constraints.map(translateConstraint) }
  })
  return inlined.ok ? inlined.constraint : inlined.message
}

function constraintOf({ name, parameters = {}, constraints = [], segments = [] }: UnleashStrategy): Constraint {
  const all: Constraint[] = [
    ...constraints.map(translateConstraint),
    ...segments.map((id) => ({ segment: segmentId(id) })),
  ]
  if (name === 'userWithId') {
    const values = parameters.userIds!.split(',').map((id) => id.trim())
    all.push({ dimension: attribute('userId'), operator: 'IN', values })
  }
  // There a gradual rollout of 100 % lets in whoever has the key; here 100 % is everyone, so that the key is asked for.
  const key = { gradualRolloutUserId: 'userId', gradualRolloutSessionId: 'sessionId' }[name]
  if (key && parameters.percentage === '100') all.push({ dimension: attribute(key), operator: 'EXISTS', values: [] })
  return { all }
}

function segmentId(id: number): string {
  return `seg_${id}`
}

function entryOf(
  feature: UnleashFeature,
  strategy: UnleashStrategy,
  index: number,
  constraint: InlinedConstraint,
): PublishedEntry {
  const { group, percentage, stickiness } = rolloutOf(feature, strategy)
  const own = strategy.variants ?? []
  const variants = own.length > 0 ? own : (feature.variants ?? [])
  return {
    // What the choice among creatives is grouped by: there the group of the strategy or the name of the feature.
    schedule: { id: own.length > 0 ? group! : feature.name, revision: 1 },
    strategy: { id: `str_${feature.name}_${index}`, revision: 1 },
    ...{ startsAt: null, endsAt: null, times: null, exclusive: false, caps: [] },
    ...{ priority: -index, weight: 1, segments: [], constraint },
    rollout: { buckets: Math.round(percentage * 100), stickiness, group: group! },
    creatives: creativesOf(variants),
  }
}

function rolloutOf({ name, variants = [] }: UnleashFeature, strategy: UnleashStrategy): Rollout {
  const written = writtenRollout(name, strategy)
  // Variants of the feature may stick to something of their own; here they stick to what the rollout sticks to.
  const own = variants[0]?.stickiness
  const stickiness = own && !strategy.variants?.length ? translateStickiness(own) : written.stickiness
  if (stickiness !== written.stickiness && written.percentage < 100) {
    throw new Error(`${name}: a rollout sticks to one thing and its variants to another`)
  }
  const checked = checkRollout({ ...written, stickiness }, 'rollout')
  if (!checked.ok) throw new Error(`${name}: ${JSON.stringify(checked.errors)}`)
  return checked.rollout
}

function writtenRollout(feature: string, { name, parameters = {} }: UnleashStrategy): Rollout {
  const { groupId: group = feature, rollout, percentage, stickiness = 'default' } = parameters
  switch (name) {
    case 'default':
    case 'userWithId':
      return { percentage: 100, stickiness: null, group }
    case 'flexibleRollout':
      return { percentage: Number(rollout), stickiness: translateStickiness(stickiness), group }
    case 'gradualRolloutUserId':
      return { percentage: Number(percentage), stickiness: 'userId', group }
    case 'gradualRolloutSessionId':
      return { percentage: Number(percentage), stickiness: 'deviceId', group }
    case 'gradualRolloutRandom':
      // Nobody, whatever the dice say. Any other share is another one with every request, which there is not here.
      if (percentage === '0') return { percentage: 0, stickiness: null, group }
  }
  throw new Error(`${feature}: there is no such strategy here: ${name} ${JSON.stringify(parameters)}`)
}

function creativesOf(variants: readonly UnleashVariant[]): PublishedEntry['creatives'] {
  const creative = { revision: 1, text: null, image: null, link: null }
  if (variants.length === 0) return [{ ...creative, id: ON, title: ON, data: null, weight: 1 }]
  return variants.map(({ name, weight, payload }) => ({ ...creative, id: name, title: name, data: payload, weight }))
}
