// Holds compile and select against the plain evaluator, on random publications, contexts and instants.

import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { CapCounters } from '../../engine/decision/caps.ts'
import { compileSlot } from '../../engine/decision/compile-slot.ts'
import { decide } from '../../engine/decision/decide.ts'
import { LARGEST_SMALL_TIER } from '../../engine/decision/tiers.ts'
import type { Publication } from '../../engine/publication/types.ts'
import { readContext } from '../../engine/targeting/context.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { context } from '../support/arbitrary-constraint.ts'
import { instant, largePublication, publication } from '../support/arbitrary-publication.ts'
import { testKeys } from '../support/documents.ts'
import { nothingServed } from '../support/plain-caps.ts'
import { decidePlainly } from '../support/plain-decision.ts'

const chance = fc.nat(2 ** 32 - 1).map((drawn) => drawn / 2 ** 32)
const REQUESTS = 5
const requests = fc.array(fc.tuple(context, instant, chance), { minLength: REQUESTS, maxLength: REQUESTS })

type Asked = [RequestContext, now: number, random: number]

/** One user's counters go through all requests, in the zone of the app; null: nothing is counted. */
function equalsPlain(of: Publication, asked: readonly Asked[], zone: string | null): void {
  const slot = compileSlot(of, testKeys)
  const [counters, plainCounters] = [noCounters(zone), noCounters(zone)]
  for (const [request, now, random] of asked) {
    const decision = decide(slot, readContext(request), now, () => random, counters)
    const shown = decision.creatives.map((one) => `${one.schedule ?? 'fallback'}:${one.id}`)
    const { reason, validUntil, chance } = decision
    expect({ reason, shown, validUntil, chance }).toEqual(decidePlainly(of, request, now, random, plainCounters))
    expect(byId(counters)).toEqual(byId(plainCounters))
  }
}

const zones = fc.constantFrom(null, null, 'UTC', 'Asia/Kolkata')
const noCounters = (zone: string | null): CapCounters | null => (zone ? nothingServed(zone) : null)
const byId = (counters: CapCounters | null) => counters && Object.fromEntries(counters.byId)

test('the compiled decision equals the plain one', () => {
  fc.assert(
    fc.property(publication, requests, zones, (of, asked, zone) => equalsPlain(of, asked, zone)),
    { numRuns: 20_000 / REQUESTS },
  )
})

test('the compiled decision equals the plain one in slots with large tiers', () => {
  fc.assert(
    fc.property(largePublication(LARGEST_SMALL_TIER), requests, zones, (of, asked, zone) =>
      equalsPlain(of, asked, zone),
    ),
    { numRuns: 2_000 / REQUESTS },
  )
})

test('an answer changes neither before its validity ends nor without a new publication', () => {
  fc.assert(
    fc.property(
      publication,
      context,
      instant,
      fc.double({ min: 0, max: 1, noNaN: true }),
      chance,
      (of, request, now, part, random) => {
        const slot = compileSlot(of, testKeys)
        const ask = (at: number) => decide(slot, readContext(request), at, () => random)
        const decision = ask(now)
        expect(decision.validUntil).toBeGreaterThan(now)
        const last = Math.min(decision.validUntil - 1, now + 10_000_000)
        expect(ask(Math.floor(now + part * (last - now)))).toEqual(decision)
      },
    ),
    { numRuns: 2000 },
  )
})
