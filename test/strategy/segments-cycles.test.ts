// No segment may contain itself, directly or through others. With all segments written out, a constraint must be within its
// limits.

import { beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { cycleIn } from '../../engine/targeting/segments.ts'
import { segments } from '../../subgraphs/strategy/repository.ts'
import {
  failure,
  type Input,
  makeApp,
  makeSegment,
  makeStrategy,
  type Planning,
  run,
  startPlanning,
  VIP,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

const CONSTRAINT = 'input.content.constraint'

describeEachStore('Segments that name each other', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })

  const make = (constraint: Input = VIP, name = 'A segment') => makeSegment(planning, app, { name, constraint })
  const revision = (id: string, constraint: Input, name = 'A segment') => ({
    ...{ id, expectedVersion: 1, content: { name, constraint } },
  })

  test('a segment cannot use itself', async () => {
    const id = await make()
    const failed = await failure(planning, 'reviseSegment', revision(id, { all: [VIP, { segment: id }] }, 'Mine'))
    expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: `${CONSTRAINT}.all[1].segment` })
    expect(failed.message).toContain(`"Mine" (${id}) -> "Mine" (${id})`)
  })

  test('a segment cannot use one that leads back to it: the error has the path of the leaf, and the cycle by name and id', async () => {
    const first = await make(VIP, 'First')
    const second = await make({ not: { segment: first } }, 'Second')
    const third = await make({ any: [VIP, { segment: second }] }, 'Third')
    const constraint = { any: [{ segment: await make() }, { not: { segment: third } }] }
    const failed = await failure(planning, 'reviseSegment', revision(first, constraint, 'First anew'))
    expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: `${CONSTRAINT}.any[1].not.segment` })
    const way = `"Third" (${third}) -> "Second" (${second}) -> "First anew" (${first}) -> "Third" (${third})`
    expect(failed.message).toContain(way)
  })

  test('a segment that is reached by two ways is no cycle', async () => {
    const inner = await make()
    const [left, right] = [await make({ segment: inner }), await make({ segment: inner })]
    const constraint = { all: [{ segment: left }, { segment: right }, { segment: inner }] }
    await make(constraint)
    await run(planning, 'reviseSegment', revision(await make(), constraint))
  })

  test.each([
    ['two', ['b', 'a'], []],
    ['three', ['b', 'c', 'a'], []],
    ['two that others part', ['b', 'd'], ['c', 'a']],
  ])('revisions of %s at once cannot close a cycle together', async (_, named, parted) => {
    for (let round = 0; round < 10; round++) {
      // Those that are revised are a, b, c in order; where others part them, a and c, with b -> c and d -> a in place.
      const ids: Record<string, string> = { a: await make(), c: await make() }
      ids.b = await make(parted.length > 0 ? { segment: ids.c } : VIP)
      ids.d = await make(parted.length > 0 ? { segment: ids.a } : VIP)
      const revised = parted.length > 0 ? ['a', 'c'] : ['a', 'b', 'c'].slice(0, named.length)
      const outcomes = await Promise.allSettled(
        revised.map((name, at) => run(planning, 'reviseSegment', revision(ids[name]!, { segment: ids[named[at]!] }))),
      )
      const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []))
      expect(reasons).toEqual([expect.stringContaining('makes a cycle of segments')])
      const heads = await segments.byIds(store, Object.values(ids))
      const byId = new Map(heads.map((head) => [head!._id, head!.content.constraint]))
      expect(cycleIn([...byId.keys()], (id) => byId.get(id))).toBeUndefined()
    }
  })

  test('a constraint has at most 200 nodes and a depth of 8 when its segments are inlined', async () => {
    const deep = (depth: number): Input => (depth === 1 ? VIP : { not: deep(depth - 1) })
    const [hundred, five] = [await make({ all: Array(99).fill(VIP) }), await make(deep(5))]
    const within = [
      { all: [{ segment: hundred }, { all: Array(98).fill(VIP) }] },
      { not: { not: { not: { segment: five } } } },
    ]
    const beyond = [
      { all: [{ segment: hundred }, { segment: hundred }] },
      { all: [{ segment: hundred }, { all: Array(99).fill(VIP) }] },
      { not: { not: { not: { not: { segment: five } } } } },
    ]
    for (const constraint of within) {
      await make(constraint)
      await makeStrategy(planning, app, { constraint })
      await run(planning, 'reviseSegment', revision(await make(), constraint))
    }
    for (const constraint of beyond) {
      const expected = { code: 'BAD_USER_INPUT', path: CONSTRAINT, message: expect.stringContaining('are inlined') }
      const content = { name: 'S', constraint }
      expect(await failure(planning, 'createSegment', { app, content })).toMatchObject(expected)
      expect(await failure(planning, 'createStrategy', { app, content })).toMatchObject(expected)
      expect(await failure(planning, 'reviseSegment', revision(await make(), constraint))).toMatchObject(expected)
    }
  })
})
