import { beforeAll, expect, test } from '@jest/globals'
import { contentHash } from '../../common/base/content-hash.ts'
import type { Store } from '../../common/store/store.ts'
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

const SEGMENT = `query ($id: ID!) { segment(id: $id) {
  id version revision app { id } name constraint segments { id }
  reviewState archivedAt createdAt createdBy updatedAt } }`
const REVISION = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on SegmentRevision { id revision content hash author writtenAt segment { name } } } }`

const CONSTRAINT = 'input.content.constraint'

describeEachStore('Segments', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })

  const read = (id: string) => planning.strategy.must('viewer', SEGMENT, { id })
  const make = (constraint: Input = VIP, name = 'A segment') => makeSegment(planning, app, { name, constraint })
  const revision = (id: string, expectedVersion: number, constraint: Input) => ({
    ...{ id, expectedVersion, content: { name: 'A segment', constraint } },
  })
  const archive = (id: string, expectedVersion = 1) => run(planning, 'archiveSegment', { id, expectedVersion })

  test('a segment is made as a draft, and reads as it was written', async () => {
    const inner = await make()
    const constraint = { all: [{ segment: inner }, { not: { segment: inner } }] }
    const id = await make(constraint)
    expect(id).toMatch(/^seg_[0-9a-f-]{36}$/)
    const at = new Date(planning.clock.now()).toISOString()
    expect(await read(id)).toEqual({
      ...{ id, version: 1, revision: 1, app: { id: app }, name: 'A segment', constraint, segments: [{ id: inner }] },
      ...{ reviewState: 'DRAFT', archivedAt: null, createdAt: at, createdBy: 'admin', updatedAt: at },
    })
  })

  test('a revision replaces the whole content, and the one before stays as it was', async () => {
    const id = await make()
    const made = planning.clock.now()
    planning.clock.advance(1_000)
    const anew = { name: 'Anew', constraint: { not: VIP } }
    await run(planning, 'reviseSegment', { id, expectedVersion: 1, content: anew }, 'operator-two')
    expect(await read(id)).toMatchObject({ version: 2, revision: 2, ...anew })
    const representations = [{ __typename: 'SegmentRevision', id, revision: 1 }]
    const content = { name: 'A segment', constraint: VIP }
    expect(await planning.strategy.must('reviewer', REVISION, { representations })).toEqual([
      {
        ...{ id, revision: 1, content, hash: contentHash(content), author: 'admin' },
        ...{ writtenAt: new Date(made).toISOString(), segment: { name: 'Anew' } },
      },
    ])
  })

  test('a segment must have a constraint, a right one', async () => {
    for (const constraint of [null, undefined]) {
      const content = { name: 'A segment', constraint }
      expect(await failure(planning, 'createSegment', { app, content })).toMatchObject({ code: 'BAD_USER_INPUT' })
    }
    const wrong = { any: [VIP, { not: { ...VIP, values: [] } }] }
    const expected = { code: 'BAD_USER_INPUT', path: `${CONSTRAINT}.any[1].not.values` }
    const content = { name: 'A segment', constraint: wrong }
    expect(await failure(planning, 'createSegment', { app, content })).toMatchObject(expected)
    expect(await failure(planning, 'reviseSegment', revision(await make(), 1, wrong))).toMatchObject(expected)
  })

  /** The four mutations that may name segments, each with an input that has this constraint. */
  const naming = async (constraint: Input) =>
    [
      ['createStrategy', { app, content: { name: 'S', constraint } }],
      ['reviseStrategy', revision(await makeStrategy(planning, app), 1, constraint)],
      ['createSegment', { app, content: { name: 'S', constraint } }],
      ['reviseSegment', revision(await make(), 1, constraint)],
    ] as const

  test('a segment that does not exist, or is in another app, is refused, with the path of every such leaf', async () => {
    const elsewhere = await makeSegment(planning, await makeApp(planning))
    const there = { segment: await make() }
    const constraint = { all: [there, { segment: elsewhere }, { not: { any: [there, { segment: 'nothing' }] } }] }
    for (const [mutation, input] of await naming(constraint)) {
      const query = `mutation ($input: ${mutation[0]!.toUpperCase()}${mutation.slice(1)}Input!) {
        ${mutation}(input: $input) { id } }`
      const { errors } = await planning.strategy.ask('operator', query, { input })
      const wrong = [`${CONSTRAINT}.all[1].segment`, `${CONSTRAINT}.all[2].not.any[1].segment`]
      expect(errors![0]!.extensions).toMatchObject({
        ...{ code: 'BAD_USER_INPUT', path: wrong[0], errors: wrong.map((path) => ({ path })) },
      })
    }
  })

  test('an archived segment cannot be used in anything new', async () => {
    const id = await make()
    await archive(id)
    for (const [mutation, input] of await naming({ not: { segment: id } })) {
      const expected = { code: 'BAD_USER_INPUT', path: `${CONSTRAINT}.not.segment` }
      expect(await failure(planning, mutation, input)).toMatchObject(expected)
    }
  })

  test('a strategy or segment that used a segment before it was archived may keep it, in any number of revisions', async () => {
    const id = await make()
    const [strategy, segment] = [
      await makeStrategy(planning, app, { constraint: { segment: id } }),
      await make({ segment: id }),
    ]
    await archive(id)
    for (const version of [1, 2]) {
      const constraint = { any: [{ not: { segment: id } }, ...Array(version).fill({ segment: id })] }
      await run(planning, 'reviseStrategy', revision(strategy, version, constraint))
      await run(planning, 'reviseSegment', revision(segment, version, constraint))
    }
    await run(planning, 'reviseStrategy', { id: strategy, expectedVersion: 3, content: { name: 'Without' } })
    expect(await failure(planning, 'reviseStrategy', revision(strategy, 4, { segment: id }))).toMatchObject({
      path: `${CONSTRAINT}.segment`,
    })
  })

  test('a segment with an archived one inside cannot be used anew, but may be kept', async () => {
    const inner = await make()
    const outer = await make({ segment: inner })
    const before = await makeStrategy(planning, app, { constraint: { segment: outer } })
    await archive(inner)
    for (const [mutation, input] of await naming({ not: { segment: outer } })) {
      const failed = await failure(planning, mutation, input)
      expect(failed).toMatchObject({ code: 'BAD_USER_INPUT', path: `${CONSTRAINT}.not.segment` })
      expect(failed.message).toContain(`uses an archived segment: the segment "${inner}" is archived`)
    }
    await run(
      planning,
      'reviseStrategy',
      revision(before, 1, { any: [{ segment: outer }, { not: { segment: outer } }] }),
    )
  })

  test('an archived segment still reads, cannot be revised, and is archived once only', async () => {
    const id = await make()
    planning.clock.advance(1_000)
    const at = new Date(planning.clock.now()).toISOString()
    await archive(id)
    expect(await read(id)).toMatchObject({ version: 2, revision: 1, archivedAt: at, updatedAt: at, name: 'A segment' })
    expect(await failure(planning, 'reviseSegment', revision(id, 2, VIP))).toMatchObject({ code: 'INVALID_STATE' })
    expect(await failure(planning, 'archiveSegment', { id, expectedVersion: 2 })).toMatchObject({
      code: 'INVALID_STATE',
    })
    expect(await read(id)).toMatchObject({ version: 2 })
  })

  test('a segment in review cannot be archived', async () => {
    const id = await make()
    await store.transaction((tx) => segments.transition(tx, { id, revision: 1 }, 'IN_REVIEW'))
    expect(await failure(planning, 'archiveSegment', { id, expectedVersion: 1 })).toMatchObject({
      ...{ code: 'INVALID_STATE', message: expect.stringContaining('recall its submission') },
    })
  })
})
