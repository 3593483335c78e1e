import { describe, expect, test } from '@jest/globals'
import type { CapCounters } from '../../engine/decision/caps.ts'
import { compileSlot } from '../../engine/decision/compile-slot.ts'
import { decide } from '../../engine/decision/decide.ts'
import { emptyDecision } from '../../engine/decision/types.ts'
import { readEventToken } from '../../engine/publication/event-token.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import type { Publication, PublishedCreative, PublishedEntry } from '../../engine/publication/types.ts'
import { readContext } from '../../engine/targeting/context.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { nothingServed } from '../support/plain-caps.ts'

const keys = deriveSigningKeys('a secret for tests of 32 characters or more')
const HOUR = 3_600_000
const NOW = 485_000 * HOUR

const creative = (id: string): PublishedCreative => ({
  id,
  revision: 2,
  title: `Title of ${id}`,
  text: null,
  image: null,
  link: null,
  data: null,
})

const entry = (id: string, change: Partial<PublishedEntry> = {}): PublishedEntry => ({
  schedule: { id, revision: 3 },
  strategy: null,
  startsAt: null,
  endsAt: null,
  priority: 0,
  weight: 1,
  segments: [],
  constraint: null,
  rollout: null,
  times: null,
  exclusive: false,
  caps: [],
  creatives: [{ ...creative(`cre_${id}`), weight: 1 }],
  ...change,
})

const showing = (...ids: string[]) => ids.map((id) => ({ ...creative(id), weight: 1 }))

type Change = Partial<Omit<Publication, 'slot'>> & { capacity?: number }

function publication(entries: PublishedEntry[], { capacity = 1, ...change }: Change = {}): Publication {
  const slot = { id: 'slo_1', code: 'home.banner', capacity, rotationSeconds: 3600, caps: [] }
  return { kind: 'slot', app: 'shop', epoch: 1, revision: 5, slot, stopped: false, fallback: [], entries, ...change }
}

type Ask = { context?: RequestContext; now?: number; random?: () => number }

function ask(of: Publication, { context = { userId: 'u1' }, now = NOW, random = Math.random }: Ask = {}) {
  return decide(compileSlot(of, keys), readContext(context), now, random)
}

const schedules = (of: Publication, request?: Ask) => ask(of, request).creatives.map((shown) => shown.schedule)
const creatives = (of: Publication, request?: Ask) => ask(of, request).creatives.map((shown) => shown.id)
const users = Array.from({ length: 400 }, (_, index) => ({ context: { userId: `user ${index}` } }))

describe('a decision', () => {
  test('shows a creative as published, with its schedule and an event token that names its source', () => {
    const decision = ask(publication([entry('a')]))
    expect(decision).toMatchObject({ slot: 'home.banner', reason: 'MATCHED', revision: 5, chance: false })
    const [{ eventToken, ...shown }] = decision.creatives as [(typeof decision.creatives)[0]]
    expect(shown).toEqual({ ...creative('cre_a'), schedule: 'a' })
    expect(readEventToken(keys, eventToken)).toEqual({
      app: 'shop',
      slot: 'slo_1',
      schedule: { id: 'a', revision: 3 },
      creative: { id: 'cre_a', revision: 2 },
    })
  })

  test('hands out the same object for the same creative every time', () => {
    const slot = compileSlot(publication([entry('a')]), keys)
    const [first, second] = ['u1', 'u2'].map((userId) => decide(slot, readContext({ userId }), NOW, Math.random))
    expect(first!.creatives[0]).toBe(second!.creatives[0])
  })

  test('asks constraints of the context', () => {
    const vip = entry('vip', { constraint: { dimension: 'tags', operator: 'IN', values: ['vip'] } })
    expect(schedules(publication([vip]), { context: { tags: ['vip'] } })).toEqual(['vip'])
    expect(schedules(publication([vip]), { context: { tags: ['new'] } })).toEqual([])
  })

  test('of a stopped slot is empty, its fallback included', () => {
    const stopped = publication([entry('a')], { stopped: true, fallback: [creative('house')] })
    expect(ask(stopped)).toEqual({ ...emptyDecision('home.banner', 'STOPPED'), revision: 5 })
  })

  test('of an unknown slot says so and stays valid until something is published', () => {
    expect(emptyDecision('nowhere', 'UNKNOWN_SLOT')).toEqual({
      slot: 'nowhere',
      reason: 'UNKNOWN_SLOT',
      creatives: [],
      revision: null,
      validUntil: Infinity,
      chance: false,
    })
  })
})

describe('windows', () => {
  const window = publication([entry('a', { startsAt: NOW, endsAt: NOW + 10 })])

  test('are half-open', () => {
    expect(schedules(window, { now: NOW - 1 })).toEqual([])
    expect(schedules(window, { now: NOW })).toEqual(['a'])
    expect(schedules(window, { now: NOW + 9 })).toEqual(['a'])
    expect(schedules(window, { now: NOW + 10 })).toEqual([])
  })

  test('end the validity of an answer where the next one opens or closes, matched or not', () => {
    expect(ask(window, { now: NOW - 1 }).validUntil).toBe(NOW)
    expect(ask(window, { now: NOW }).validUntil).toBe(NOW + 10)
    expect(ask(window, { now: NOW + 9 }).validUntil).toBe(NOW + 10)
  })

  test('leave it to the rotation when none is ahead', () => {
    expect(ask(window, { now: NOW + 10 }).validUntil).toBe(NOW + HOUR)
    expect(ask(window, { now: NOW + HOUR - 1 }).validUntil).toBe(NOW + HOUR)
    expect(ask(window, { now: NOW + HOUR }).validUntil).toBe(NOW + 2 * HOUR)
  })
})

describe('tiers', () => {
  const entries = ['a', 'b', 'c', 'd'].map((id) => entry(id, { priority: id < 'c' ? 1 : 9 }))

  test('are served from the highest down', () => {
    for (const user of users) {
      const shown = schedules(publication(entries, { capacity: 3 }), user)
      expect(shown.slice(0, 2).sort()).toEqual(['c', 'd'])
      expect(['a', 'b']).toContain(shown[2])
    }
  })

  test('below are not reached once capacity is filled', () => {
    for (const user of users) expect(['c', 'd']).toContain(schedules(publication(entries), user)[0])
  })

  test('give every matching schedule one place when there is room for all', () => {
    expect(schedules(publication(entries, { capacity: 99 })).sort()).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('the order within a tier', () => {
  const entries = Array.from({ length: 20 }, (_, index) => entry(`sch_${index}`))
  const of = publication(entries, { capacity: 20 })

  test('is the same for one user throughout a rotation period, and another in the next', () => {
    const order = schedules(of)
    expect(schedules(of, { now: NOW + HOUR - 1 })).toEqual(order)
    expect(schedules(of, { now: NOW + HOUR })).not.toEqual(order)
  })

  test('does not depend on the order in which entries were published', () => {
    expect(schedules({ ...of, entries: entries.toReversed() })).toEqual(schedules(of))
  })

  test('keeps the rest in place when an entry goes', () => {
    const order = schedules(of)
    const without = { ...of, entries: entries.filter(({ schedule }) => schedule.id !== order[3]) }
    expect(schedules(without)).toEqual(order.filter((id) => id !== order[3]))
  })

  test('sticks to the user, then to the device', () => {
    const byUser = schedules(of, { context: { userId: 'x', deviceId: 'd1' } })
    expect(schedules(of, { context: { userId: 'x', deviceId: 'd2' } })).toEqual(byUser)
    expect(schedules(of, { context: { deviceId: 'd1' } })).not.toEqual(byUser)
  })

  test('favours weights', () => {
    const of = publication([entry('light'), entry('heavy', { weight: 9 })])
    const heavy = users.filter((user) => schedules(of, user)[0] === 'heavy').length
    expect(heavy).toBeGreaterThan(330)
    expect(heavy).toBeLessThan(390)
  })
})

describe('without user and device', () => {
  const two = publication([entry('a'), entry('b')])

  test('chance decides, and the answer says so', () => {
    expect(ask(two, { context: {}, random: () => 0.1 }).chance).toBe(true)
    const shown = Array.from({ length: 100 }, () => schedules(two, { context: {} })[0])
    expect(new Set(shown)).toEqual(new Set(['a', 'b']))
  })

  test('chance has no part where there was nothing to choose', () => {
    expect(ask(publication([entry('a')]), { context: {} }).chance).toBe(false)
    expect(ask(publication([], { fallback: [creative('house')] }), { context: {} }).chance).toBe(false)
    const manyCreatives = publication([entry('a', { creatives: showing('x', 'y') })])
    expect(ask(manyCreatives, { context: {} }).chance).toBe(true)
  })
})

describe("a schedule's creatives", () => {
  test('share users by weight, each of whom keeps to one in every rotation period', () => {
    const [light, heavy] = showing('light', 'heavy')
    const of = publication([entry('a', { creatives: [light!, { ...heavy!, weight: 3 }] })])
    const first = users.map((user) => creatives(of, user)[0])
    expect(users.map((user) => creatives(of, { ...user, now: NOW + HOUR - 1 })[0])).toEqual(first)
    expect(users.map((user) => creatives(of, { ...user, now: NOW + 25 * HOUR })[0])).toEqual(first)
    const heavyShare = first.filter((id) => id === 'heavy').length / users.length
    expect(heavyShare).toBeGreaterThan(0.68)
    expect(heavyShare).toBeLessThan(0.82)
  })

  test('never appear twice in one answer: the next of the schedule is shown instead', () => {
    const of = publication(
      [entry('high', { priority: 1, creatives: showing('x') }), entry('low', { creatives: showing('x', 'y') })],
      { capacity: 2 },
    )
    for (const user of users) expect(creatives(of, user)).toEqual(['x', 'y'])
  })

  test('leave the place to another schedule when all of them are shown', () => {
    const of = publication(
      [
        entry('first', { priority: 2, creatives: showing('x') }),
        entry('same', { priority: 1, creatives: showing('x') }),
        entry('last', { creatives: showing('y') }),
      ],
      { capacity: 2 },
    )
    expect(schedules(of)).toEqual(['first', 'last'])
  })
})

describe('exclusive schedules', () => {
  const vip: PublishedEntry['constraint'] = { dimension: 'tags', operator: 'IN', values: ['vip'] }
  const alone = entry('alone', { exclusive: true, priority: -5, constraint: vip, creatives: showing('x', 'y') })
  const others = [entry('a', { priority: 9 }), entry('b'), entry('c', { priority: -9 })]
  const of = publication([...others, alone], { capacity: 4 })

  test('are alone in the slot while they match, whatever the priority of the others', () => {
    for (const { context } of users) {
      expect(schedules(of, { context: { ...context, tags: ['vip'] } })).toEqual(['alone'])
      expect(schedules(of, { context })).toEqual(['a', 'b', 'c'])
    }
  })

  test('leave the slot to the others when their window, rollout or caps keep them out', () => {
    const context = { userId: 'u', tags: ['vip'] }
    const shut = (change: Partial<PublishedEntry>) =>
      schedules(publication([...others, { ...alone, ...change }], { capacity: 4 }), { context })
    expect(shut({ endsAt: NOW })).toEqual(['a', 'b', 'c'])
    expect(shut({ rollout: { buckets: 0, stickiness: null, group: 'g' } })).toEqual(['a', 'b', 'c'])
    const capped = publication([{ ...alone, caps: [{ count: 1, every: 1, unit: 'LIFETIME' }] }, entry('a')])
    const slot = compileSlot(capped, keys)
    const counters: CapCounters = nothingServed()
    const shown = [1, 2].map(
      () => decide(slot, readContext(context), NOW, Math.random, counters).creatives[0]!.schedule,
    )
    expect(shown).toEqual(['alone', 'a'])
  })

  test('of several, the one in the highest tier is shown, and within a tier each user has one', () => {
    const exclusive = ['low', 'one', 'two'].map((id) => entry(id, { exclusive: true, priority: id === 'low' ? 1 : 2 }))
    const shown = users.map((user) => schedules(publication([...exclusive, ...others], { capacity: 3 }), user))
    expect(shown.every(({ length }) => length === 1)).toBe(true)
    expect(new Set(shown.flat())).toEqual(new Set(['one', 'two']))
  })
})

describe('frequency caps', () => {
  const noCounters = (): CapCounters => nothingServed()
  const twice = { count: 2, every: 1, unit: 'HOUR' } as const
  const asker = (of: Publication, counters: CapCounters | null) => {
    const slot = compileSlot(of, keys)
    return (now = NOW) => decide(slot, readContext({ userId: 'u1' }), now, Math.random, counters)
  }
  const show = ({ creatives }: ReturnType<typeof decide>) => creatives.map(({ id, schedule }) => schedule ?? id)

  test('of a schedule give its place to others when they are reached, until the period is over', () => {
    const ask = asker(publication([entry('capped', { priority: 1, caps: [twice] }), entry('next')]), noCounters())
    expect([ask(), ask(), ask(), ask(NOW + HOUR)].map(show)).toEqual([['capped'], ['capped'], ['next'], ['capped']])
  })

  test('of a slot leave its fallback, which is not counted', () => {
    const document = publication([entry('a'), entry('b')], { capacity: 2, fallback: [creative('house')] })
    const counters = noCounters()
    const ask = asker({ ...document, slot: { ...document.slot, caps: [twice] } }, counters)
    expect([ask(), ask(), ask(), ask()].map(({ reason }) => reason)).toEqual([
      ...['MATCHED', 'MATCHED'],
      ...['FALLBACK', 'FALLBACK'],
    ])
    expect([...counters.byId.values()]).toEqual([{ endsAt: NOW + HOUR, times: 2 }])
  })

  test('count what was shown, and nothing else', () => {
    const entries = ['a', 'b', 'c'].map((id) => entry(id, { caps: [twice] }))
    const counters = noCounters()
    asker(publication(entries, { capacity: 2 }), counters)()
    expect([...counters.byId.values()].map(({ times }) => times)).toEqual([1, 1])
  })

  test('are not looked at when nothing is counted', () => {
    const ask = asker(publication([entry('a', { caps: [{ ...twice, count: 1 }] })]), null)
    expect([ask(), ask()].map(show)).toEqual([['a'], ['a']])
  })

  test('are known of a slot that has any', () => {
    const hasCaps = (of: Publication) => compileSlot(of, keys).hasCaps
    const plain = publication([entry('a')])
    expect(hasCaps(plain)).toBe(false)
    expect(hasCaps(publication([entry('a'), entry('b', { caps: [twice] })]))).toBe(true)
    expect(hasCaps({ ...plain, slot: { ...plain.slot, caps: [twice] } })).toBe(true)
  })
})

describe('the fallback', () => {
  const fallback = ['h1', 'h2', 'h1', 'h3'].map(creative)

  test('fills the slot in its order, each once, when nothing matches', () => {
    const decision = ask(publication([], { fallback, capacity: 3 }))
    expect(decision.reason).toBe('FALLBACK')
    expect(decision.creatives.map(({ id, schedule }) => [id, schedule])).toEqual([
      ['h1', null],
      ['h2', null],
      ['h3', null],
    ])
    expect(creatives(publication([], { fallback }))).toEqual(['h1'])
  })

  test('does not fill up beside schedules', () => {
    expect(creatives(publication([entry('a')], { fallback, capacity: 3 }))).toEqual(['cre_a'])
  })

  test('may be lacking: then the decision is empty', () => {
    expect(ask(publication([]))).toMatchObject({ reason: 'EMPTY', creatives: [], revision: 5 })
  })
})
