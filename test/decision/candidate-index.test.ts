import { describe, expect, test } from '@jest/globals'
import { compileIndex } from '../../engine/decision/candidate-index.ts'
import { compileSlot } from '../../engine/decision/compile-slot.ts'
import { decide } from '../../engine/decision/decide.ts'
import type { Publication, PublishedEntry } from '../../engine/publication/types.ts'
import { runSteps } from '../../engine/steps.ts'
import { readContext } from '../../engine/targeting/context.ts'
import type { InlinedConstraint, RequestContext } from '../../engine/targeting/types.ts'
import { slotDocument, testKeys } from '../support/documents.ts'
import { decidePlainly } from '../support/plain-decision.ts'

const document = slotDocument('shop', 'home', 1)
const [entry] = document.entries as [PublishedEntry]

function slotOf(constraints: readonly (InlinedConstraint | null)[]): Publication {
  const entries = constraints.map((constraint, at) => ({
    ...entry,
    schedule: { id: `sch_${String(at).padStart(4, '0')}`, revision: 1 },
    constraint,
    creatives: [{ ...entry.creatives[0]!, id: `cre_${at}` }],
  }))
  return { ...document, slot: { ...document.slot, capacity: 50 }, entries }
}

function expectPlain(of: Publication, contexts: readonly RequestContext[]): void {
  const slot = compileSlot(of, testKeys)
  for (const context of contexts) {
    const decision = decide(slot, readContext(context), 0, () => 0.5)
    const shown = decision.creatives.map((one) => `${one.schedule ?? 'fallback'}:${one.id}`)
    expect(shown).toEqual(decidePlainly(of, context, 0, 0.5).shown)
  }
}

const tagged = (...values: string[]): InlinedConstraint => ({ dimension: 'tags', operator: 'IN', values })
const untagged = (...values: string[]): InlinedConstraint => ({ dimension: 'tags', operator: 'NOT_IN', values })
const version = (operator: 'VERSION_GTE' | 'VERSION_LT', value: string): InlinedConstraint => {
  return { dimension: 'appVersion', operator, values: [value] }
}

describe('the index of a slot', () => {
  test('covers constraints whose comparisons all have terms or ranges', () => {
    const constraints = [
      tagged('a', 'b'),
      { all: [tagged('a'), tagged('b'), untagged('c'), { not: tagged('d') }] },
      { all: [version('VERSION_GTE', '8'), { all: [version('VERSION_LT', '9'), { not: untagged('e') }] }] },
      { all: [] },
      null,
    ]
    expect(runSteps(compileIndex(constraints)).rest).toEqual(constraints.map(() => null))
    const tags = [[], ['a'], ['b'], ['a', 'b'], ['a', 'b', 'c'], ['a', 'b', 'd'], ['e'], ['a', 'e']]
    const versions = [null, '7', '8', '8.5', '9-rc', '9', 'x']
    expectPlain(
      slotOf(constraints),
      tags.flatMap((held) => versions.map((appVersion) => ({ userId: 'u', tags: held, appVersion }))),
    )
  })

  test('leaves exactly the other parts of a constraint to be evaluated', () => {
    const either: InlinedConstraint = { any: [tagged('a'), version('VERSION_GTE', '8')] }
    const exists: InlinedConstraint = { dimension: 'region', operator: 'EXISTS', values: [] }
    const constraints = [
      { all: [tagged('b'), either] },
      { all: [either, tagged('b'), exists] },
      { not: { not: either } },
    ]
    expect(runSteps(compileIndex(constraints)).rest).toEqual([
      either,
      { all: [either, exists] },
      { not: { not: either } },
    ])
    const held = [[], ['a'], ['b'], ['a', 'b']]
    expectPlain(
      slotOf(constraints),
      held.flatMap((tags) => [{ tags }, { tags, region: 'CN' }, { tags, appVersion: '8', region: 'CN' }]),
    )
  })

  test('has a maximum size: clauses that do not fit are evaluated entry by entry', () => {
    const values = (at: number) => Array.from({ length: 50 }, (_, value) => `tag ${at}-${value}`)
    const constraints = Array.from({ length: 1000 }, (_, at) => ({ all: [tagged(...values(at)), untagged('no')] }))
    const { index, rest } = runSteps(compileIndex(constraints))
    expect(index.byteLength).toBeLessThanOrEqual(1 << 20)
    expect(rest[7]).toEqual(tagged(...values(7)))
    expectPlain(slotOf(constraints), [
      { userId: 'u', tags: ['tag 7-3', 'tag 999-49'] },
      { userId: 'u', tags: ['tag 7-3', 'no'] },
      { userId: 'u' },
    ])
  })

  test('has at most 24 axes, those with the most clauses', () => {
    const named = (name: number): InlinedConstraint => {
      return { dimension: `attributes.n${name}`, operator: 'IN', values: ['x'] }
    }
    const constraints = Array.from({ length: 120 }, (_, at) => ({ all: [tagged('a'), named(at % 40)] }))
    const { index, rest } = runSteps(compileIndex(constraints))
    expect(index.axes.length).toBe(24)
    expect(index.axes[0]!.dimension).toBe('tags')
    expect(rest.filter((one) => one !== null)).toHaveLength(17 * 3)
    expectPlain(
      slotOf(constraints),
      Array.from({ length: 40 }, (_, name) => ({ tags: ['a'], attributes: [{ name: `n${name}`, values: ['x'] }] })),
    )
  })

  test('handles a request with far more terms than any before', () => {
    const constraints = Array.from({ length: 40 }, (_, at) => tagged(`${at}`, `${at + 1000}`))
    const tags = Array.from({ length: 2000 }, (_, at) => `${at}`)
    expectPlain(slotOf(constraints), [{ tags }, { tags: ['3'] }])
  })
})

describe('what is open now', () => {
  const hour = 3_600_000
  const windows = [
    [null, null],
    [hour, 3 * hour],
    [2 * hour, null],
    [null, 2 * hour],
  ] as const
  const of: Publication = {
    ...slotOf(windows.map(() => null)),
    entries: slotOf(windows.map(() => null)).entries.map((one, at) => {
      const [startsAt, endsAt] = windows[at]!
      return { ...one, startsAt, endsAt }
    }),
  }

  test('is right for instants in any order', () => {
    const slot = compileSlot(of, testKeys)
    for (const at of [0, 5, 2, 3, 1, 0, 4, 2, 2, 1, 3].map((hours) => hours * hour)) {
      for (const now of [at, at - 1]) {
        const decision = decide(slot, readContext({ userId: 'u' }), now, () => 0.5)
        const plain = decidePlainly(of, { userId: 'u' }, now, 0.5)
        expect(decision.creatives.map(({ schedule, id }) => `${schedule}:${id}`)).toEqual(plain.shown)
        expect(decision.validUntil).toBe(plain.validUntil)
      }
    }
  })
})
