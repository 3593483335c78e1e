// Every mutation with every role, in every subgraph: a role can do exactly what the table RIGHTS allows.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { type Action, RIGHTS, ROLES } from '../../common/access/rights.ts'
import type { Store } from '../../common/store/store.ts'
import { type EveryMutation, startEveryMutation } from '../support/every-mutation.ts'
import { MUTATIONS } from '../support/mutations.ts'
import { everythingIn } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

describeEachStore('Roles', (open) => {
  let store: Store
  let every: EveryMutation

  beforeAll(async () => {
    store = await open()
    every = await startEveryMutation(store)
  })
  afterAll(() => every.stop())

  test('the table of rights, the supergraph and this walk have the same mutations', () => {
    const { read: _, ...mutations } = RIGHTS
    const inSupergraph = MUTATIONS.map(({ name }) => name).sort()
    expect(Object.keys(mutations).sort()).toEqual(inSupergraph)
    expect(every.known.sort()).toEqual(inSupergraph)
  })

  for (const mutation of MUTATIONS) {
    const { name, takes } = mutation
    const allowed: readonly string[] = ['admin', ...(RIGHTS[name as Action] ?? [])]

    test(`${name} is for ${allowed.join(' and ')}`, async () => {
      for (const role of allowed) {
        const { input } = await every.prepare(mutation)
        expect([role, await every.errorOf(mutation, `${role}-3`, input)]).toEqual([role, null])
      }
    })

    test(`${name} changes nothing for other roles, and shows them no version`, async () => {
      const { input } = await every.prepare(mutation)
      const before = await everythingIn(store)
      for (const role of ROLES.filter((role) => !allowed.includes(role))) {
        const codes = [await codeOf(`${role}-3`, input), await codeOf(`${role}-3`, stale(input))]
        expect([role, ...codes]).toEqual([role, 'FORBIDDEN', 'FORBIDDEN'])
      }
      expect(await codeOf(null, input)).toBe('UNAUTHENTICATED')
      // Not even what there is.
      if ('id' in input) expect(await codeOf(null, { ...input, id: 'nothing' })).toBe('UNAUTHENTICATED')
      expect(await codeOf('admin', input, ['elsewhere'])).toBe('FORBIDDEN')
      expect((await everythingIn(store)) === before).toBe(true)
    })

    async function codeOf(actor: string | null, input: object, apps?: readonly string[]) {
      return (await every.errorOf(mutation, actor, { ...input }, apps))?.code
    }

    const stale = (input: object) => (takes.has('expectedVersion') ? { ...input, expectedVersion: 99 } : input)
  }
})
