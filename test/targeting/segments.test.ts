import { describe, expect, test } from '@jest/globals'
import { checkInlined, cycleIn, segmentsIn } from '../../engine/targeting/segments.ts'
import type { Constraint } from '../../engine/targeting/types.ts'

const leaf: Constraint = { dimension: 'tags', operator: 'IN', values: ['a'] }
const segment = (id: string): Constraint => ({ segment: id })
const from = (segments: Record<string, Constraint>) => (id: string) => segments[id]
const none = from({})

/** A constraint with the other `levels` deep in it. */
const inside = (levels: number, constraint: Constraint): Constraint =>
  levels === 0 ? constraint : { not: inside(levels - 1, constraint) }

test('the segments that a constraint names are listed in its order, each once', () => {
  expect(segmentsIn(null)).toEqual([])
  expect(segmentsIn(leaf)).toEqual([])
  const tree: Constraint = { all: [segment('b'), { any: [{ not: segment('a') }, leaf, segment('b')] }, segment('c')] }
  expect(segmentsIn(tree)).toEqual(['b', 'a', 'c'])
})

describe('segments in place', () => {
  const other: Constraint = { dimension: 'platform', operator: 'IN', values: ['ios'] }

  test('stand where their names stood, theirs in them too', () => {
    const constraintOf = from({ a: { any: [segment('b'), leaf] }, b: { not: segment('c') }, c: other })
    const tree: Constraint = { all: [segment('a'), leaf, { not: segment('c') }] }
    expect(checkInlined(tree, constraintOf)).toEqual({
      ok: true,
      constraint: { all: [{ any: [{ not: other }, leaf] }, leaf, { not: other }] },
    })
  })

  test('are named when they are missing, at any depth', () => {
    const missing = { ok: false, reason: 'MISSING', message: 'names the segment "b", which does not exist' }
    expect(checkInlined({ any: [leaf, segment('b')] }, none)).toEqual(missing)
    expect(checkInlined({ all: [leaf, segment('a')] }, from({ a: { not: segment('b') } }))).toEqual(missing)
  })

  test('that name each other are refused by name, even where a limit is reached first', () => {
    const message = 'names segments that name each other: a -> b -> a'
    const constraintOf = from({ a: inside(5, segment('b')), b: inside(5, segment('a')) })
    expect(checkInlined({ all: [leaf, segment('a')] }, constraintOf)).toEqual({ ok: false, reason: 'CYCLE', message })
  })

  test('count towards depth, at the limit and one past it', () => {
    const reaching = (levels: number) => from({ a: inside(levels, leaf) })
    expect(checkInlined(inside(3, segment('a')), reaching(4)).ok).toBe(true)
    expect(checkInlined(inside(3, segment('a')), reaching(5))).toEqual({
      ok: false,
      reason: 'LIMIT',
      message: 'is nested more than 8 deep when its segments are inlined',
    })
  })

  test('count towards nodes as often as they stand there, at the limit and one past it', () => {
    const constraintOf = from({ a: { all: Array(98).fill(leaf) } })
    expect(checkInlined({ all: [segment('a'), segment('a'), leaf] }, constraintOf).ok).toBe(true)
    expect(checkInlined({ all: [segment('a'), segment('a'), leaf, leaf] }, constraintOf)).toEqual({
      ok: false,
      reason: 'LIMIT',
      message: 'has more than 200 nodes when its segments are inlined',
    })
  })

  test('count towards values as often as they stand there, at the limit and one past it', () => {
    const holding = (count: number): Constraint => ({
      dimension: 'tags',
      operator: 'IN',
      values: Array(count).fill('a'),
    })
    const constraintOf = from({ a: { not: holding(400) } })
    expect(checkInlined({ all: [segment('a'), segment('a'), holding(200)] }, constraintOf).ok).toBe(true)
    expect(checkInlined({ all: [segment('a'), segment('a'), holding(201)] }, constraintOf)).toEqual({
      ok: false,
      reason: 'LIMIT',
      message: 'has more than 1000 values when its segments are inlined',
    })
  })

  test('that would grow to 100 to the power of 7 are given up early', () => {
    let asked = 0
    const constraintOf = (id: string): Constraint => {
      asked += 1
      return id === '7' ? leaf : { all: Array(100).fill(segment(String(Number(id) + 1))) }
    }
    expect(checkInlined(segment('0'), constraintOf)).toMatchObject({ ok: false, reason: 'LIMIT' })
    expect(asked).toBeLessThan(1000)
  })

  test('may be a chain longer than the stack', () => {
    const constraintOf = (id: string): Constraint => (id === '100000' ? leaf : segment(String(Number(id) + 1)))
    expect(checkInlined(segment('0'), constraintOf)).toEqual({ ok: true, constraint: leaf })
  })
})

describe('a cycle', () => {
  test.each<[string, string[], Record<string, Constraint>, string[] | undefined]>([
    ['of one', ['a'], { a: segment('a') }, ['a', 'a']],
    ['of three', ['a'], { a: segment('b'), b: { not: segment('c') }, c: segment('a') }, ['a', 'b', 'c', 'a']],
    ['behind others, without them', ['x'], { x: segment('a'), a: segment('b'), b: segment('a') }, ['a', 'b', 'a']],
    ['in the second that is named', ['x', 'a'], { x: leaf, a: segment('a') }, ['a', 'a']],
    [
      'not by what is named twice',
      ['a'],
      { a: { all: [segment('b'), segment('c')] }, b: segment('c'), c: leaf },
      undefined,
    ],
    ['not by what is missing', ['a', 'z'], { a: segment('b') }, undefined],
    ['not by nothing', [], {}, undefined],
  ])('is found: %s', (_, ids, segments, cycle) => {
    expect(cycleIn(ids, from(segments))).toEqual(cycle)
  })

  test('is looked for once in each segment, however many ways lead there', () => {
    const asked: string[] = []
    // Each of forty levels names both segments of the next: 2 to the power of 40 ways.
    const constraintOf = (id: string): Constraint => {
      asked.push(id)
      const next = Number(id.slice(1)) + 1
      return next === 40 ? leaf : { all: [segment(`a${next}`), segment(`b${next}`)] }
    }
    expect(cycleIn(['a0', 'b0'], constraintOf)).toBeUndefined()
    expect(asked).toHaveLength(80)
    expect(new Set(asked).size).toBe(80)
  })
})
