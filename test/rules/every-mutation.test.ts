// Rules 5 and 6 of the design, on every mutation of the supergraph: versions, idempotency keys, and no change without its
// entry in the change log.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Change } from '../../common/store/changes.ts'
import { type EveryMutation, startEveryMutation } from '../support/every-mutation.ts'
import { type HoldingStore, holdingStore } from '../support/interleave.ts'
import { MUTATIONS } from '../support/mutations.ts'
import { everythingIn } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

/** They make something; all others are on something that exists. */
const MAKES = (name: string) => name.startsWith('create') || name === 'recordEvents'
/** An app's events are no change by an operator: they have ids of their own, and no entry in the change log. */
const CHANGES = MUTATIONS.filter(({ name }) => name !== 'recordEvents')

const graphs = [...new Set(CHANGES.map(({ graph }) => graph))]

describeEachStore('Every mutation', (open) => {
  test('on something that exists takes a version, and every one but recordEvents an idempotency key', () => {
    const without = (field: string) => MUTATIONS.filter(({ takes }) => !takes.has(field)).map(({ name }) => name)
    expect(without('expectedVersion').filter((name) => !MAKES(name))).toEqual([])
    expect(without('idempotencyKey')).toEqual(['recordEvents'])
  })

  // A database for each, for everything in it is compared over and over.
  describe.each(graphs)('of %s', (graph) => {
    let store: HoldingStore
    let every: EveryMutation

    beforeAll(async () => {
      store = holdingStore(await open())
      every = await startEveryMutation(store)
    })
    afterAll(() => every.stop())

    const mine = CHANGES.filter((mutation) => mutation.graph === graph)
    const ACTOR = 'admin-2'
    const changes = () => store.collection<Change>('changes').find({}, { sort: { _id: 1 } })

    describe('5. Versions and idempotency', () => {
      for (const mutation of mine.filter(({ takes }) => takes.has('expectedVersion'))) {
        test(`${mutation.name} with a stale version is a CONFLICT that names the current one, and changes nothing`, async () => {
          const { input } = await every.prepare(mutation)
          const before = await everythingIn(store)
          const stale = { ...input, expectedVersion: (input.expectedVersion as number) + 1 }
          expect(await every.errorOf(mutation, ACTOR, stale)).toMatchObject({
            code: 'CONFLICT',
            currentVersion: input.expectedVersion,
          })
          expect((await everythingIn(store)) === before).toBe(true)
        })
      }

      for (const mutation of mine) {
        test(`${mutation.name} repeated with its key changes nothing and answers the same; with other arguments it is refused`, async () => {
          const { input } = await every.prepare(mutation)
          const { input: other } = await every.prepare(mutation)
          const idempotencyKey = `once-${mutation.name}`
          const first = await every.call(mutation, ACTOR, { ...input, idempotencyKey })
          expect(first).toEqual({ data: { [mutation.name]: expect.anything() }, error: null })
          const before = await everythingIn(store)
          expect(await every.call(mutation, ACTOR, { ...input, idempotencyKey })).toEqual(first)
          expect(await every.errorOf(mutation, ACTOR, { ...other, idempotencyKey })).toMatchObject({
            code: 'IDEMPOTENCY_MISMATCH',
          })
          expect((await everythingIn(store)) === before).toBe(true)
        })
      }
    })

    describe('6. No change without its entry in the change log', () => {
      for (const mutation of mine) {
        test(`${mutation.name} leaves an entry that says who, when, before and after`, async () => {
          const { input, subject } = await every.prepare(mutation)
          const known = (await changes()).length
          expect(await every.errorOf(mutation, ACTOR, input)).toBeNull()
          const made = (await changes()).slice(known)
          expect(made.length).toBeGreaterThan(0)
          for (const change of made) {
            expect(change).toMatchObject({ mutation: mutation.name, actor: ACTOR, requestId: 'test' })
            expect(change.at).toEqual(new Date(every.clock.now()))
            expect(change.before).not.toEqual(change.after)
          }
          if (subject) expect(made.map((change) => change.subject.id)).toContain(subject)
        })

        test(`${mutation.name} changes nothing where its entry cannot be written`, async () => {
          const { input } = await every.prepare(mutation)
          const before = await everythingIn(store)
          store.holdBefore('changes', async () => {
            throw new Error('a crash')
          })
          expect(await every.errorOf(mutation, ACTOR, input)).toMatchObject({ code: 'INTERNAL' })
          expect((await everythingIn(store)) === before).toBe(true)
        })
      }
    })
  })
})
