import { beforeAll, expect, test } from '@jest/globals'
import { contentHash } from '../../common/base/content-hash.ts'
import type { Store } from '../../common/store/store.ts'
import { describeDimensions } from '../../engine/targeting/dimensions.ts'
import { OPERATORS } from '../../engine/targeting/operators.ts'
import { strategies } from '../../subgraphs/strategy/repository.ts'
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

const STRATEGY = `query ($id: ID!) { strategy(id: $id) {
  id version revision app { id } name constraint segments { id name } rollout { percentage stickiness group }
  reviewState archivedAt createdAt createdBy updatedAt } }`
const REVISION = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on StrategyRevision { id revision content hash author writtenAt strategy { name } } } }`

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
  const refusedContent = (content: Input) =>
    failure(planning, 'createStrategy', { app, content: { name: 'A strategy', ...content } })
  const refused = (constraint: Input) => refusedContent({ constraint })

  test('a strategy is made as a draft, and without a constraint it is for everyone', async () => {
    const id = await makeStrategy(planning, app)
    expect(id).toMatch(/^str_[0-9a-f-]{36}$/)
    const at = new Date(planning.clock.now()).toISOString()
    expect(await read(id)).toEqual({
      ...{ id, version: 1, revision: 1, app: { id: app }, name: 'A strategy', constraint: null },
      ...{ segments: [], rollout: null, archivedAt: null },
      ...{ reviewState: 'DRAFT', createdAt: at, createdBy: 'admin', updatedAt: at },
    })
  })

  test('a constraint reads as it was written, without what is null', async () => {
    const attribute = { dimension: 'attributes.plan', operator: 'EQUALS', values: ['pro'] }
    const constraint = { all: [VIP, { any: [attribute, { not: { ...VIP, operator: 'NOT_IN', all: null } }] }] }
    const id = await makeStrategy(planning, app, { constraint })
    expect((await read(id)).constraint).toEqual({
      all: [VIP, { any: [attribute, { not: { ...VIP, operator: 'NOT_IN' } }] }],
    })
  })

  test('every way to compare reads as it was written', async () => {
    const constraint = {
      all: [
        { dimension: 'network', operator: 'STARTS_WITH', values: ['wi', 'eth'] },
        { dimension: 'tags', operator: 'MATCHES', values: ['^vip-\\d+$'], caseInsensitive: true },
        { dimension: 'attributes.until', operator: 'DATE_AFTER', values: ['2026-05-01T08:00+08:00'] },
        { dimension: 'appVersion', operator: 'VERSION_BETWEEN', values: ['8', '9.1'] },
      ],
    }
    const exists = { dimension: 'region', operator: 'EXISTS', caseInsensitive: false }
    const id = await makeStrategy(planning, app, { constraint: { all: [constraint, exists] } })
    expect((await read(id)).constraint).toEqual({
      all: [constraint, { dimension: 'region', operator: 'EXISTS', values: [] }],
    })
  })

  test('a revision replaces the whole content, and the one before stays as it was', async () => {
    const id = await makeStrategy(planning, app, { constraint: VIP })
    const made = planning.clock.now()
    planning.clock.advance(1_000)
    await run(planning, 'reviseStrategy', { id, expectedVersion: 1, content: { name: 'Anew' } }, 'operator-two')
    expect(await read(id)).toMatchObject({ version: 2, revision: 2, name: 'Anew', constraint: null })
    const representations = [{ __typename: 'StrategyRevision', id, revision: 1 }]
    const content = { name: 'A strategy', constraint: VIP, rollout: null, caps: [] }
    expect(await planning.strategy.must('reviewer', REVISION, { representations })).toEqual([
      {
        ...{ id, revision: 1, content, hash: contentHash(content), author: 'admin' },
        ...{ writtenAt: new Date(made).toISOString(), strategy: { name: 'Anew' } },
      },
    ])
  })

  test('a strategy shows each segment that its constraint names once, and not those which they name', async () => {
    const inner = await makeSegment(planning, app, { name: 'Inner' })
    const outer = await makeSegment(planning, app, { name: 'Outer', constraint: { segment: inner } })
    const other = await makeSegment(planning, app, { name: 'Other' })
    const constraint = { any: [{ segment: other }, { not: { all: [{ segment: outer }, { segment: other }, VIP] } }] }
    const id = await makeStrategy(planning, app, { constraint })
    expect(await read(id)).toMatchObject({
      constraint,
      segments: [
        { id: other, name: 'Other' },
        { id: outer, name: 'Outer' },
      ],
    })
  })

  test.each<[Input, Input]>([
    [{ percentage: 12.34 }, { percentage: 12.34, stickiness: null, group: null }],
    [
      { percentage: 0, stickiness: 'deviceId', group: ' ' },
      { percentage: 0, stickiness: 'deviceId', group: null },
    ],
    [
      { percentage: 100, stickiness: 'attributes.household', group: ' spring ' },
      { percentage: 100, stickiness: 'attributes.household', group: 'spring' },
    ],
  ])('the rollout %j reads as %j', async (rollout, expected) => {
    expect(await read(await makeStrategy(planning, app, { rollout }))).toMatchObject({ rollout: expected })
  })

  test.each<[string, Input, string]>([
    ['more than everyone', { percentage: 100.01 }, 'percentage'],
    ['less than nobody', { percentage: -0.01 }, 'percentage'],
    ['finer steps than 0.01', { percentage: 0.005 }, 'percentage'],
    ['something that is no key', { percentage: 1, stickiness: 'platform' }, 'stickiness'],
    ['an attribute without a name', { percentage: 1, stickiness: 'attributes.' }, 'stickiness'],
  ])('a rollout to %s is refused, with its path', async (_, rollout, field) => {
    const expected = { code: 'BAD_USER_INPUT', path: `input.content.rollout.${field}` }
    expect(await refusedContent({ rollout })).toMatchObject(expected)
    const input = { id: await makeStrategy(planning, app), expectedVersion: 1, content: { name: 'S', rollout } }
    expect(await failure(planning, 'reviseStrategy', input)).toMatchObject(expected)
  })

  test.each<[string, Input, string]>([
    ['an unknown dimension', { ...VIP, dimension: 'moon' }, '.dimension'],
    ['EQUALS of two values', { all: [{ ...VIP, operator: 'EQUALS', values: ['a', 'b'] }] }, '.all[0].values'],
    ['no values', { ...VIP, values: [] }, '.values'],
    ['any of nothing', { not: { any: [] } }, '.not.any'],
    ['two kinds of node in one', { ...VIP, all: [] }, ''],
    ['an empty node', {}, ''],
    ['a segment beside a dimension', { ...VIP, segment: 'seg_1' }, ''],
    ['a segment without a name', { segment: '' }, '.segment'],
    ['a number that is none', { ...VIP, dimension: 'attributes.age', operator: 'NUMBER_GT' }, '.values[0]'],
    ['a version that is none', { dimension: 'appVersion', operator: 'VERSION_LT', values: ['new'] }, '.values[0]'],
    ['versions of what has none', { ...VIP, operator: 'VERSION_LT', values: ['1.0'] }, '.operator'],
  ])('a constraint with %s is refused, with its path', async (_, constraint, path) => {
    const failed = await refused(constraint)
    expect(failed.code).toBe('BAD_USER_INPUT')
    expect(failed.path).toMatch(new RegExp(`^input.content.constraint${path.replaceAll(/[.[\]]/g, '\\$&')}`))
  })

  test('GraphQL refuses an unknown operator', async () => {
    expect(await refused({ ...VIP, operator: 'LIKE' })).toMatchObject({ code: 'BAD_USER_INPUT' })
  })

  test('reviseStrategy checks its constraint as well', async () => {
    const id = await makeStrategy(planning, app)
    const content = { name: 'Anew', constraint: { any: [] } }
    const failed = await failure(planning, 'reviseStrategy', { id, expectedVersion: 1, content })
    expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.content.constraint.any' })
    expect(await read(id)).toMatchObject({ version: 1 })
  })

  test('an archived strategy still reads as it was, and is archived once only', async () => {
    const id = await makeStrategy(planning, app, { constraint: VIP })
    const before = await read(id)
    planning.clock.advance(1_000)
    await run(planning, 'archiveStrategy', { id, expectedVersion: 1 })
    const at = new Date(planning.clock.now()).toISOString()
    expect(await read(id)).toEqual({ ...before, version: 2, archivedAt: at, updatedAt: at })
    const again = await failure(planning, 'archiveStrategy', { id, expectedVersion: 2 })
    expect(again).toMatchObject({ code: 'INVALID_STATE', message: expect.stringContaining('archived') })
  })

  test('an archived strategy cannot be revised', async () => {
    const id = await makeStrategy(planning, app)
    await run(planning, 'archiveStrategy', { id, expectedVersion: 1 })
    const input = { id, expectedVersion: 2, content: { name: 'Anew' } }
    expect(await failure(planning, 'reviseStrategy', input)).toMatchObject({ code: 'INVALID_STATE' })
    expect(await read(id)).toMatchObject({ version: 2, revision: 1, name: 'A strategy' })
  })

  test('a strategy in review cannot be archived until its submission is recalled', async () => {
    const id = await makeStrategy(planning, app)
    const move = (state: 'IN_REVIEW' | 'DRAFT') =>
      store.transaction((tx) => strategies.transition(tx, { id, revision: 1 }, state))
    await move('IN_REVIEW')
    const refusal = await failure(planning, 'archiveStrategy', { id, expectedVersion: 1 })
    expect(refusal).toMatchObject({ code: 'INVALID_STATE', message: expect.stringContaining('recall its submission') })
    expect(await read(id)).toMatchObject({ version: 1, archivedAt: null })
    await move('DRAFT')
    expect(await run(planning, 'archiveStrategy', { id, expectedVersion: 1 })).toMatchObject({ version: 2 })
  })

  test('the dimensions come with their operators, and need a token', async () => {
    const query = `{ targetingDimensions {
      name description type isList operators { operator description takes caseInsensitive } } }`
    const dimensions: Input[] = await planning.strategy.must('viewer', query)
    expect(dimensions.map(({ name }) => name)).toEqual(describeDimensions().map(({ name }) => name))
    const tags = dimensions.find(({ name }) => name === 'tags')!
    expect(tags).toMatchObject({ type: 'TEXT', isList: true })
    expect(tags.operators).toContainEqual(expect.objectContaining({ operator: 'IN', caseInsensitive: true }))
    expect(tags.operators).toContainEqual(expect.objectContaining({ operator: 'EXISTS', caseInsensitive: false }))
    const appVersion = dimensions.find(({ name }) => name === 'appVersion')!
    expect(appVersion).toMatchObject({ type: 'VERSION', isList: false })
    const { description } = OPERATORS.VERSION_GTE
    expect(appVersion.operators).toContainEqual({
      ...{ operator: 'VERSION_GTE', description, takes: 'ONE', caseInsensitive: false },
    })
    const takes = ({ operators }: Input, name: string) =>
      operators.find(({ operator }: Input) => operator === name)?.takes
    expect(takes(appVersion, 'IN')).toBe('MANY')
    expect(takes(appVersion, 'EXISTS')).toBe('NONE')
    expect(takes(appVersion, 'VERSION_BETWEEN')).toBe('TWO')
    expect(await planning.strategy.codeOf(undefined, query)).toBe('UNAUTHENTICATED')
  })
})
