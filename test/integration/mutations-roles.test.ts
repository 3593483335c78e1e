import { beforeAll, expect, test } from '@jest/globals'
import { RIGHTS, ROLES } from '../../common/auth.ts'
import type { Store } from '../../common/store/store.ts'
import {
  everythingIn,
  inputFor,
  MUTATIONS,
  makeApp,
  type Planning,
  run,
  startPlanning,
  subgraphOf,
  texts,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { tokenFor } from '../support/subgraphs.ts'

describeEachStore('Roles of the mutations in which operators plan', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })

  for (const mutation of MUTATIONS) {
    for (const role of ROLES) {
      const may = role === 'admin' || (RIGHTS[mutation] as readonly string[]).includes(role)
      test(`a ${role} ${may ? 'may' : 'may not'} ${mutation}`, async () => {
        const input = await inputFor(planning, mutation, app)
        const before = await everythingIn(store)
        const code = await subgraphOf(planning, mutation).codeOf(role, texts[mutation], { input })
        expect(code).toBe(may ? undefined : 'FORBIDDEN')
        expect((await everythingIn(store)) === before).toBe(!may)
      })
    }

    test(`nobody may ${mutation} without a token, not even to learn what is wrong with it`, async () => {
      const input = await inputFor(planning, mutation, app)
      const ask = (given: object) => subgraphOf(planning, mutation).codeOf(undefined, texts[mutation], { input: given })
      expect(await ask(input)).toBe('UNAUTHENTICATED')
      if ('id' in input) expect(await ask({ ...input, id: 'nothing' })).toBe('UNAUTHENTICATED')
    })

    test(`an admin of another app may not ${mutation}`, async () => {
      const input = await inputFor(planning, mutation, app)
      const authorization = `Bearer ${await tokenFor('admin-elsewhere', ['elsewhere'])}`
      const { subgraph } = subgraphOf(planning, mutation)
      const request = { query: texts[mutation], variables: { input } }
      const { errors } = await subgraph.execute(request, { authorization, requestId: 'test' })
      expect(errors?.[0]?.extensions?.code).toBe('FORBIDDEN')
    })
  }

  test('the role is checked before the version, so that a stranger learns no version', async () => {
    const input = { ...(await inputFor(planning, 'reviseCreative', app)), expectedVersion: 7 }
    expect(await planning.creative.codeOf('viewer', texts.reviseCreative, { input })).toBe('FORBIDDEN')
    await expect(run(planning, 'reviseCreative', input)).rejects.toThrow('CONFLICT')
  })
})
