import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compileSlot } from '../../engine/decision/compile-slot.ts'
import { decide } from '../../engine/decision/decide.ts'
import { isIn, rolloutCompiler } from '../../engine/decision/rollout.ts'
import { murmur3 } from '../../engine/hash.ts'
import type { PublishedRollout } from '../../engine/publication/types.ts'
import { readContext } from '../../engine/targeting/context.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { slotDocument, testKeys } from '../support/documents.ts'
import { letsIn } from '../support/plain-decision.ts'

const USERS = Array.from({ length: 10_000 }, (_, index) => `user-${index}`)

const rollout = (buckets: number, change: Partial<PublishedRollout> = {}): PublishedRollout => {
  return { buckets, stickiness: null, group: 'str_1', ...change }
}

/** A rollout without compiled form lets everybody in. */
function asker(of: PublishedRollout): (context: RequestContext) => boolean {
  const compiled = rolloutCompiler()(of)
  return (context) => compiled === null || isIn(compiled, readContext(context))
}

const usersIn = (of: PublishedRollout) => {
  const ask = asker(of)
  return USERS.filter((userId) => ask({ userId }))
}

describe('a rollout', () => {
  test('in whole percentages lets in whom Unleash lets in', () => {
    // Unleash's normalizedValue and the check of its gradual rollouts, as its documentation of stickiness defines them.
    const normalizedValue = (id: string, groupId: string) => (murmur3(`${groupId}:${id}`) % 100) + 1
    for (const percentage of [0, 1, 25, 50, 99, 100]) {
      for (const group of ['str_1', 'Feature.flexible.rollout', 'é']) {
        const ask = asker(rollout(percentage * 100, { group }))
        const ours = USERS.map((userId) => ask({ userId }))
        expect(ours).toEqual(USERS.map((id) => percentage > 0 && normalizedValue(id, group) <= percentage))
      }
    }
  })

  test('is that of Unleash in known cases', () => {
    // normalizedValue('123', 'gr1') is 73, normalizedValue('999', 'groupX') is 25 (from the tests of unleash-client-node).
    expect(asker(rollout(7200, { group: 'gr1' }))({ userId: '123' })).toBe(false)
    expect(asker(rollout(7300, { group: 'gr1' }))({ userId: '123' })).toBe(true)
    expect(asker(rollout(2400, { group: 'groupX' }))({ userId: '999' })).toBe(false)
    expect(asker(rollout(2500, { group: 'groupX' }))({ userId: '999' })).toBe(true)
  })

  test('keeps everybody when it is raised', () => {
    const one = fc.integer({ min: 0, max: 10_000 })
    const contexts = fc.array(fc.record({ userId: fc.string({ unit: 'binary', maxLength: 12 }) }), { minLength: 20 })
    fc.assert(
      fc.property(one, one, fc.string({ maxLength: 8 }), contexts, (a, b, group, requests) => {
        const [lower, higher] = [Math.min(a, b), Math.max(a, b)].map((buckets) => asker(rollout(buckets, { group })))
        for (const request of requests) if (lower!(request)) expect(higher!(request)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('lets in one share in 10,000 at each step of 0.01 %, every bucket being reached', () => {
    const compile = rolloutCompiler()
    const steps = Array.from({ length: 9999 }, (_, buckets) => compile(rollout(buckets + 1))!)
    const bucketOf = (userId: string) => {
      const context = readContext({ userId })
      let [low, high] = [0, steps.length]
      while (low < high) {
        const middle = (low + high) >> 1
        if (isIn(steps[middle]!, context)) high = middle
        else low = middle + 1
      }
      return low
    }
    const counts = new Uint32Array(10_000)
    for (let user = 0; user < 200_000; user += 1) counts[bucketOf(`u${user}`)]! += 1
    expect(counts.every((count) => count > 0)).toBe(true)
    // 20 in each on average: chi-square of 9,999 degrees of freedom is below 10,444 with probability 0.999.
    expect(counts.reduce((sum, count) => sum + (count - 20) ** 2 / 20, 0)).toBeLessThan(10_444)
  })

  test('of one group lets in the same users, and another group others', () => {
    const spring = usersIn(rollout(1000, { group: 'spring' }))
    expect(usersIn(rollout(1000, { group: 'spring' }))).toEqual(spring)
    const both = usersIn(rollout(1000, { group: 'autumn' })).filter((user) => spring.includes(user))
    // A tenth of a tenth of 10,000: 100, give or take four standard deviations.
    expect(both.length).toBeGreaterThan(60)
    expect(both.length).toBeLessThan(140)
  })

  test('of everybody lets in those of whom nothing is known, and any other does not', () => {
    for (const stickiness of [null, 'userId', 'deviceId', 'attributes.team']) {
      expect(asker(rollout(10_000, { stickiness }))({})).toBe(true)
      expect(asker(rollout(9999, { stickiness }))({})).toBe(false)
      expect(asker(rollout(9999, { stickiness }))({ userId: '', deviceId: '' })).toBe(false)
    }
    expect(asker(rollout(0))({ userId: 'u' })).toBe(false)
  })

  test.each<[string | null, RequestContext, string | undefined]>([
    [null, { userId: 'u', deviceId: 'd' }, 'u'],
    [null, { userId: '', deviceId: 'd' }, 'd'],
    ['userId', { userId: 'u', deviceId: 'd' }, 'u'],
    ['userId', { deviceId: 'd' }, undefined],
    ['deviceId', { userId: 'u', deviceId: 'd' }, 'd'],
    ['deviceId', { userId: 'u' }, undefined],
    ['attributes.team', { userId: 'u', attributes: [{ name: 'team', values: ['t', 's'] }] }, 't'],
    ['attributes.team', { userId: 'u', attributes: [{ name: 'team', values: [] }] }, undefined],
    ['attributes.team', { userId: 'u' }, undefined],
  ])('that sticks to %s, asked by %j, goes by %s', (stickiness, context, key) => {
    for (let buckets = 250; buckets < 10_000; buckets += 250) {
      const expected = key === undefined ? false : asker(rollout(buckets))({ userId: key })
      expect(asker(rollout(buckets, { stickiness }))(context)).toBe(expected)
    }
  })

  test('with an unknown stickiness is not compiled', () => {
    for (const stickiness of ['sessionId', 'tags', '']) {
      expect(() => rolloutCompiler()(rollout(5000, { stickiness }))).toThrow(`unknown stickiness ${stickiness}`)
    }
  })
})

describe('a decision over rollouts', () => {
  const document = slotDocument('shop', 'home', 1)
  const [entry] = document.entries as [(typeof document.entries)[0]]
  const ids = [1, 2, 3, 4]
  const entries = ids.map((id) => ({
    ...entry,
    schedule: { id: `sch_${id}`, revision: 1 },
    rollout: rollout(2500 * id, { stickiness: id === 3 ? 'deviceId' : null }),
    creatives: [{ ...entry.creatives[0]!, id: `cre_${id}` }],
  }))
  const slot = compileSlot({ ...document, entries, slot: { ...document.slot, capacity: 4 } }, testKeys)
  const shown = (context: RequestContext) =>
    decide(slot, readContext(context), 0, () => 0.5)
      .creatives.map(({ schedule }) => schedule)
      .sort()

  test('gives each user the entries whose rollout lets them in, whoever asked before', () => {
    const contexts = USERS.slice(0, 500).flatMap((userId) => [{ userId, deviceId: `of ${userId}` }, {}])
    for (const context of contexts) {
      const expected = entries.filter((one) => letsIn(one.rollout, context)).map((one) => one.schedule.id)
      expect(shown(context)).toEqual(expected)
    }
  })

  test('is no matter of chance when a rollout keeps out who has neither user nor device', () => {
    const { chance, reason, validUntil } = decide(slot, readContext({}), 1, () => 0.5)
    expect({ chance, reason, validUntil }).toEqual({ chance: false, reason: 'MATCHED', validUntil: 3_600_000 })
  })
})
