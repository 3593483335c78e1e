import { describe, expect, test } from '@jest/globals'
import quantile from '@stdlib/stats-base-dists-chisquare-cdf'
import { compileSlot } from '../../engine/decision/compile-slot.ts'
import { decide } from '../../engine/decision/decide.ts'
import { LARGEST_SMALL_TIER } from '../../engine/decision/tiers.ts'
import type { Publication, PublishedEntry } from '../../engine/publication/types.ts'
import { readContext } from '../../engine/targeting/context.ts'
import type { InlinedConstraint } from '../../engine/targeting/types.ts'
import { slotDocument, testKeys } from '../support/documents.ts'

const document = slotDocument('shop', 'home', 1)
const [template] = document.entries as [PublishedEntry]
const USERS = Array.from({ length: 20_000 }, (_, index) => readContext({ userId: `user-${index}`, tags: ['a'] }))
const HOUR = 3_600_000

const idOf = (at: number) => `sch_${String(at).padStart(5, '0')}`

function entry(at: number, weight: number, constraint: InlinedConstraint | null = null): PublishedEntry {
  const creatives = [{ ...template.creatives[0]!, id: `cre_${at}` }]
  return { ...template, schedule: { id: idOf(at), revision: 1 }, weight, constraint, creatives }
}

function slotOf(entries: PublishedEntry[], capacity = 1, rotationSeconds = 3600): Publication {
  return { ...document, slot: { ...document.slot, capacity, rotationSeconds }, entries }
}

function shownTo(of: Publication, users = USERS, now = 0): string[][] {
  const slot = compileSlot(of, testKeys)
  return users.map((user) => decide(slot, user, now, () => 0.5).creatives.map(({ schedule }) => schedule!))
}

/** The probability of counts at least as far from these shares. */
function plausibility(shown: readonly string[], shares: ReadonlyMap<string, number>): number {
  const whole = [...shares.values()].reduce((sum, share) => sum + share, 0)
  const counts = new Map<string, number>()
  for (const id of shown) counts.set(id, (counts.get(id) ?? 0) + 1)
  let chiSquare = 0
  for (const [id, share] of shares) {
    const expected = (shown.length * share) / whole
    chiSquare += ((counts.get(id) ?? 0) - expected) ** 2 / expected
  }
  expect([...counts.keys()].every((id) => shares.has(id))).toBe(true)
  return 1 - quantile(chiSquare, shares.size - 1)
}

const sharesOf = (entries: readonly PublishedEntry[]) =>
  new Map(entries.map(({ schedule, weight }) => [schedule.id, weight]))

const weights = [1, 1, 2, 5, 0.3, 1.5]
const large = Array.from({ length: 3 * LARGEST_SMALL_TIER }, (_, at) => entry(at, weights[at % weights.length]!))
const rare: InlinedConstraint = { dimension: 'tags', operator: 'IN', values: ['rare'] }
const some: InlinedConstraint = { dimension: 'tags', operator: 'IN', values: ['a'] }

describe('the order in a large tier', () => {
  test('gives each schedule the share of first places that its weight has', () => {
    for (const now of [0, HOUR, 485_000 * HOUR]) {
      const first = shownTo(slotOf(large), USERS, now).map(([id]) => id!)
      expect(plausibility(first, sharesOf(large))).toBeGreaterThan(0.001)
    }
  })

  test('gives those that match the shares of their weights alone, whether many match or few', () => {
    for (const every of [2, 12, 48]) {
      const entries = large.map((one, at) => ({ ...one, constraint: at % every === 1 ? some : rare }))
      const matching = entries.filter(({ constraint }) => constraint === some)
      const first = shownTo(slotOf(entries)).map(([id]) => id!)
      expect(plausibility(first, sharesOf(matching))).toBeGreaterThan(0.001)
    }
  })

  test('draws the second place in proportion to the weights that are left', () => {
    // One that weighs as much as all others together comes first for half of the users.
    const heavy = entry(
      9999,
      large.reduce((sum, { weight }) => sum + weight, 0),
    )
    const places = shownTo(slotOf([...large, heavy], 2))
    const second = places.filter(([first]) => first === heavy.schedule.id).map(([, second]) => second!)
    expect(second.length).toBeGreaterThan(9_600)
    expect(second.length).toBeLessThan(10_400)
    expect(plausibility(second, sharesOf(large))).toBeGreaterThan(0.001)
  })

  test('continues in proportion to weights after the last pick', () => {
    // Hardly any pick hits a light one. The rest of the order follows the keys.
    const heavy = entry(9999, 1_000_000)
    const light = Array.from({ length: 100 }, (_, at) => entry(at, 1 + (at % 3)))
    const places = shownTo(slotOf([...light, heavy], 2)).filter(([first]) => first === heavy.schedule.id)
    expect(
      plausibility(
        places.map(([, second]) => second!),
        sharesOf(light),
      ),
    ).toBeGreaterThan(0.001)
  })

  test('is the same throughout a rotation period, and another in the next', () => {
    const of = slotOf(large, 5)
    const now = shownTo(of, USERS.slice(0, 50))
    expect(shownTo(of, USERS.slice(0, 50), HOUR - 1)).toEqual(now)
    expect(shownTo(of, USERS.slice(0, 50), HOUR)).not.toEqual(now)
  })

  test('tells of one slot nothing about another', () => {
    const equal = large.map((one) => ({ ...one, weight: 1 }))
    const [one, other] = ['slo_1', 'slo_2'].map((id) => {
      const of = slotOf(equal)
      return shownTo({ ...of, slot: { ...of.slot, id } }).map(([first]) => first)
    })
    const same = one!.filter((id, at) => id === other![at]).length
    // 20,000 of 192 meet by chance: 104, give or take four standard deviations.
    expect(same).toBeGreaterThan(60)
    expect(same).toBeLessThan(150)
  })

  test('stays as it was between the others when a schedule is added', () => {
    const before = shownTo(slotOf(large))
    const after = shownTo(slotOf([...large, entry(9000, 1)]))
    const moved = after.filter(([id], at) => id !== before[at]![0])
    expect(new Set(moved.map(([id]) => id))).toEqual(new Set([idOf(9000)]))
    const share = 1 / (1 + large.reduce((sum, { weight }) => sum + weight, 0))
    expect(moved.length / USERS.length).toBeGreaterThan(0.5 * share)
    expect(moved.length / USERS.length).toBeLessThan(1.5 * share)
  })

  test('hardly changes between the others when a schedule goes', () => {
    const [gone] = [large[40]!.schedule.id]
    const before = shownTo(slotOf(large))
    const after = shownTo(slotOf(large.filter(({ schedule }) => schedule.id !== gone)))
    const moved = before.filter(([id], at) => id !== gone && id !== after[at]![0])
    expect(moved.length / USERS.length).toBeLessThan(0.03)
    expect(after.flat()).not.toContain(gone)
  })

  test('does not depend on the order in which entries were published', () => {
    const users = USERS.slice(0, 200)
    expect(shownTo(slotOf(large.toReversed(), 5), users)).toEqual(shownTo(slotOf(large, 5), users))
  })

  test('holds every schedule once when there is room for all that match', () => {
    const entries = large.map((one, at) => ({ ...one, constraint: at % 4 === 0 ? some : rare }))
    for (const shown of shownTo(slotOf(entries, 50), USERS.slice(0, 50))) {
      expect(shown.toSorted()).toEqual(
        entries
          .filter((_, at) => at % 4 === 0)
          .map(({ schedule }) => schedule.id)
          .toSorted(),
      )
    }
  })
})
