import { beforeAll, expect, test } from '@jest/globals'
import { contentHash } from '../../common/hash.ts'
import type { Store } from '../../common/store/store.ts'
import { failure, type Input, makeApp, makeStrategy, type Planning, run, startPlanning } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

const STRATEGY = `query ($id: ID!) { strategy(id: $id) {
  id version revision app { id } name constraint reviewState createdAt createdBy updatedAt } }`
const REVISION = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on StrategyRevision { id revision content hash author writtenAt strategy { name } } } }`

const leaf = { dimension: 'tags', operator: 'IN', values: ['vip'] }

describeEachStore('Strategies', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })

  const read = (id: string) => planning.strategy.must('viewer', STRATEGY, { id })
  const refused = (constraint: Input) =>
    failure(planning, 'createStrategy', { app, content: { name: 'A strategy', constraint } })

  test('a strategy is made as a draft, and without a constraint it is for everyone', async () => {
    const id = await makeStrategy(planning, app)
    expect(id).toMatch(/^str_[0-9a-f-]{36}$/)
    const at = new Date(planning.clock.now()).toISOString()
    expect(await read(id)).toEqual({
      ...{ id, version: 1, revision: 1, app: { id: app }, name: 'A strategy', constraint: null },
      ...{ reviewState: 'DRAFT', createdAt: at, createdBy: 'admin', updatedAt: at },
    })
  })

  test('a constraint reads as it was written, without what is null', async () => {
    const attribute = { dimension: 'attributes.plan', operator: 'EQUALS', values: ['pro'] }
    const constraint = { all: [leaf, { any: [attribute, { not: { ...leaf, operator: 'NOT_IN', all: null } }] }] }
    const id = await makeStrategy(planning, app, { constraint })
    expect((await read(id)).constraint).toEqual({
      all: [leaf, { any: [attribute, { not: { ...leaf, operator: 'NOT_IN' } }] }],
    })
  })

  test('a revision replaces the whole content, and the one before stays as it was', async () => {
    const id = await makeStrategy(planning, app, { constraint: leaf })
    const made = planning.clock.now()
    planning.clock.advance(1_000)
    await run(planning, 'reviseStrategy', { id, expectedVersion: 1, content: { name: 'Anew' } }, 'operator-two')
    expect(await read(id)).toMatchObject({ version: 2, revision: 2, name: 'Anew', constraint: null })
    const representations = [{ __typename: 'StrategyRevision', id, revision: 1 }]
    const content = { name: 'A strategy', constraint: leaf }
    expect(await planning.strategy.must('reviewer', REVISION, { representations })).toEqual([
      {
        ...{ id, revision: 1, content, hash: contentHash(content), author: 'admin' },
        ...{ writtenAt: new Date(made).toISOString(), strategy: { name: 'Anew' } },
      },
    ])
  })

  test.each<[string, Input, string]>([
    ['an unknown dimension', { ...leaf, dimension: 'moon' }, '.dimension'],
    ['EQUALS of two values', { all: [{ ...leaf, operator: 'EQUALS', values: ['a', 'b'] }] }, '.all[0].values'],
    ['no values', { ...leaf, values: [] }, '.values'],
    ['any of nothing', { not: { any: [] } }, '.not.any'],
    ['two kinds of node in one', { ...leaf, all: [] }, ''],
    ['an empty node', {}, ''],
  ])('a constraint with %s is refused, with its path', async (_, constraint, path) => {
    const failed = await refused(constraint)
    expect(failed.code).toBe('BAD_USER_INPUT')
    expect(failed.path).toMatch(new RegExp(`^input.content.constraint${path.replaceAll(/[.[\]]/g, '\\$&')}`))
  })

  test('an operator that is none never reaches the rules', async () => {
    expect(await refused({ ...leaf, operator: 'LIKE' })).toMatchObject({ code: 'BAD_USER_INPUT' })
  })

  test('reviseStrategy checks its constraint as well', async () => {
    const id = await makeStrategy(planning, app)
    const content = { name: 'Anew', constraint: { any: [] } }
    const failed = await failure(planning, 'reviseStrategy', { id, expectedVersion: 1, content })
    expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.content.constraint.any' })
    expect(await read(id)).toMatchObject({ version: 1 })
  })
})
