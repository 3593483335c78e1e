import { expect, test } from '@jest/globals'
import { checkRollout } from '../../engine/targeting/check-rollout.ts'

const errorsOf = (input: unknown) => {
  const checked = checkRollout(input, 'input.rollout')
  return checked.ok ? [] : checked.errors.map(({ path, message }) => `${path}: ${message}`)
}
const cleaned = (input: unknown) => {
  const checked = checkRollout(input, 'rollout')
  return checked.ok ? checked.rollout : undefined
}

test('a rollout needs no more than a percentage', () => {
  expect(cleaned({ percentage: 25 })).toEqual({ percentage: 25, stickiness: null, group: null })
  expect(cleaned({ percentage: 25, stickiness: null, group: null })).toEqual(cleaned({ percentage: 25 }))
})

test('its group is trimmed, and none when it is empty', () => {
  expect(cleaned({ percentage: 1, stickiness: 'deviceId', group: ' spring ' })).toEqual({
    percentage: 1,
    stickiness: 'deviceId',
    group: 'spring',
  })
  expect(cleaned({ percentage: 1, group: ' ' })).toMatchObject({ group: null })
  expect(cleaned({ percentage: 1, group: 'x'.repeat(100) })).toMatchObject({ group: 'x'.repeat(100) })
})

test('every step of 0.01 is taken as it is, however it was computed', () => {
  for (let step = 0; step <= 10_000; step += 1) {
    const percentage = Number((step / 100).toFixed(2))
    expect(cleaned({ percentage })).toMatchObject({ percentage })
    expect(cleaned({ percentage: Math.min(100, step * 0.01) })).toMatchObject({ percentage })
  }
  expect(Object.is(cleaned({ percentage: -0 })?.percentage, 0)).toBe(true)
})

test.each([
  ['no object', 7, 'input.rollout: must be an object, but is 7'],
  ['a list', [], 'input.rollout: must be an object, but is a list'],
  ['no percentage', {}, 'input.rollout.percentage: must be a number from 0 to 100 in steps of 0.01, but is missing'],
  ...[-0.01, 100.01, 0.005, 33.333, Number.NaN, Number.POSITIVE_INFINITY].map(
    (percentage) =>
      [
        `${percentage} %`,
        { percentage },
        `input.rollout.percentage: must be a number from 0 to 100 in steps of 0.01, but is ${percentage}`,
      ] as const,
  ),
  [
    'a percentage as text',
    { percentage: '5' },
    'input.rollout.percentage: must be a number from 0 to 100 in steps of 0.01, but is "5"',
  ],
  ...['', 'random', 'tags', 'attributes.', 'attributes.a b'].map(
    (stickiness) =>
      [
        `what sticks to ${JSON.stringify(stickiness)}`,
        { percentage: 5, stickiness },
        `input.rollout.stickiness: must be userId, deviceId or attributes.<name>, but is ${JSON.stringify(stickiness)}`,
      ] as const,
  ),
  [
    'a long group',
    { percentage: 5, group: 'x'.repeat(101) },
    /^input\.rollout\.group: must be well-formed text of at most 100 characters, but is .*\(103 characters\)$/,
  ],
  [
    'half a character in a group',
    { percentage: 5, group: '\ud800' },
    'input.rollout.group: must be well-formed text of at most 100 characters, but is "\\ud800"',
  ],
  ['an unknown field', { percentage: 5, seed: 1 }, 'input.rollout.seed: does not belong in a rollout'],
])('refuses %s and says where', (_, input, error) => {
  expect(errorsOf(input)).toEqual([error instanceof RegExp ? expect.stringMatching(error) : error])
})

test('reports every mistake at once', () => {
  expect(errorsOf({ percentage: 101, stickiness: 'x', group: 5 })).toHaveLength(3)
})
