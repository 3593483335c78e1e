// Checks a rollout when it is written. engine/decision/rollout.ts evaluates it.

import { isLonger, readText } from '../text.ts'
import { attributes } from './dimensions/attributes.ts'
import { type InputError, isObject, presentFields, show } from './input-errors.ts'
import type { Rollout } from './types.ts'

export type CheckedRollout = { ok: true; rollout: Rollout } | { ok: false; errors: InputError[] }

const FIELDS = ['percentage', 'stickiness', 'group']
const MAX_GROUP = 100

/**
 * @param input what a client sent. Null properties count as absent.
 * @param path of the input. The paths of all errors begin with it.
 * @returns a clean copy of the rollout, or all mistakes.
 */
export function checkRollout(input: unknown, path: string): CheckedRollout {
  if (!isObject(input)) return { ok: false, errors: [{ path, message: `must be an object, but is ${show(input)}` }] }
  const given = presentFields(input)
  const errors: InputError[] = []
  const check = <T>(field: string, read: (value: unknown) => T | undefined, expected: string): T | undefined => {
    const value = read(given[field])
    if (value === undefined) {
      errors.push({ path: `${path}.${field}`, message: `must be ${expected}, but is ${show(given[field])}` })
    }
    return value
  }
  for (const field of Object.keys(given)) {
    if (!FIELDS.includes(field)) errors.push({ path: `${path}.${field}`, message: 'does not belong in a rollout' })
  }
  const percentage = check('percentage', readPercentage, 'a number from 0 to 100 in steps of 0.01')
  const stickiness = check('stickiness', readStickiness, 'userId, deviceId or attributes.<name>')
  const group = check('group', readGroup, `well-formed text of at most ${MAX_GROUP} characters`)
  if (errors.length > 0) return { ok: false, errors }
  return { ok: true, rollout: { percentage: percentage!, stickiness: stickiness!, group: group! } }
}

/** Whether this is a valid stickiness of a rollout. */
export function isStickiness(name: string): boolean {
  if (name === 'userId' || name === 'deviceId') return true
  const { prefix, names } = attributes
  return name.startsWith(prefix) && names.test(name.slice(prefix.length))
}

/** Rounds to the nearest step of 0.01, because floats are inexact: 0.1 + 0.2 is 0.30000000000000004. */
function readPercentage(value: unknown): number | undefined {
  if (typeof value !== 'number' || !(value >= 0 && value <= 100)) return undefined
  const steps = Math.round(value * 100)
  return Math.abs(value * 100 - steps) < 1e-6 ? Math.abs(steps / 100) : undefined
}

function readStickiness(value: unknown): string | null | undefined {
  if (value === undefined) return null
  return typeof value === 'string' && isStickiness(value) ? value : undefined
}

/** Empty text counts as absent, because forms send it. */
function readGroup(value: unknown): string | null | undefined {
  if (value === undefined) return null
  if (typeof value !== 'string') return undefined
  const { text } = { text: undefined, ...readText(value, 'line') }
  return text === undefined || isLonger(text, MAX_GROUP) ? undefined : text || null
}
