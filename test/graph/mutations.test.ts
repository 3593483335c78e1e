import { beforeAll, expect, test } from '@jest/globals'
import { mutate } from '../../common/command/mutate.ts'
import type { Change } from '../../common/store/changes.ts'
import type { Store } from '../../common/store/store.ts'
import { inputFor, PLANNING_CHANGES, PLANNING_MUTATIONS, type PlanningMutation } from '../support/mutation-inputs.ts'
import {
  everythingIn,
  failure,
  type Input,
  idIn,
  makeApp,
  type Planning,
  run,
  startPlanning,
  subjectOf,
} from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

const DAY_MS = 24 * 3_600_000

describeEachStore('What holds for every mutation in which operators plan', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning)
  })

  const changesOf = (id: string) => store.collection<Change>('changes').find({ 'subject.id': id }, { sort: { _id: 1 } })

  /** The document that a change is about, as the change log is to hold it. */
  async function document(mutation: PlanningMutation, id: string): Promise<Input | null> {
    const collections = {
      APP: 'apps',
      SLOT: 'slots',
      SCHEDULE: 'schedules',
      CREATIVE: 'creatives',
      STRATEGY: 'strategies',
      SEGMENT: 'segments',
    }
    const rows = store.collection<{ _id: string } & Input>(collections[subjectOf(mutation) as keyof typeof collections])
    const found = await rows.findOne({ _id: id })
    return found && subjectOf(mutation) === 'APP' ? { ...found, keys: found.keys.length } : found
  }

  for (const mutation of PLANNING_MUTATIONS) {
    test(`${mutation} leaves exactly one entry in the change log: who, when, before and after`, async () => {
      const input = await inputFor(planning, mutation, app)
      const before = await document(mutation, input.id ?? input.app ?? '')
      const isNew = /^create|^duplicate/.test(mutation)
      const copyOf = mutation === 'duplicateSchedule' ? { copyOf: { id: input.id, revision: 1 } } : {}
      planning.clock.advance(1)
      const id = idIn(await run(planning, mutation, input))
      const entry = (await changesOf(id)).filter((change) => change.mutation === mutation)
      expect(entry).toEqual([
        {
          _id: expect.stringMatching(/^chg_/),
          app: subjectOf(mutation) === 'APP' ? id : app,
          at: new Date(planning.clock.now()),
          actor: 'admin',
          mutation,
          subject: { type: subjectOf(mutation), id },
          before: isNew ? null : before,
          after: { ...(await document(mutation, id)), ...copyOf },
          requestId: 'test',
        },
      ])
    })

    test(`repeating ${mutation} with its idempotency key changes nothing and answers the same, with its fields resolved again`, async () => {
      const input = { ...(await inputFor(planning, mutation, app)), idempotencyKey: `repeat-${mutation}` }
      const first = await run(planning, mutation, input)
      const before = await everythingIn(store)
      const again = await run(planning, mutation, input)
      expect(again).toEqual(first.app ? { ...first, key: null } : first)
      expect(await everythingIn(store)).toBe(before)
    })

    test(`two ${mutation} at once with one idempotency key do it once`, async () => {
      const input = { ...(await inputFor(planning, mutation, app)), idempotencyKey: `at-once-${mutation}` }
      const [one, other] = await Promise.all([run(planning, mutation, input), run(planning, mutation, input)])
      expect(idIn(one)).toBe(idIn(other))
      expect((await changesOf(idIn(one))).filter((change) => change.mutation === mutation)).toHaveLength(1)
      if (one.app) expect([one.key, other.key].filter((key) => key === null)).toHaveLength(1)
    })
  }

  for (const mutation of PLANNING_CHANGES) {
    test(`${mutation} with a stale version is a CONFLICT that names the current version, and changes nothing`, async () => {
      const input = await inputFor(planning, mutation, app)
      await run(planning, mutation, input)
      const before = await everythingIn(store)
      const currentVersion = input.expectedVersion + 1
      for (const expectedVersion of [input.expectedVersion, currentVersion + 1]) {
        const failed = await failure(planning, mutation, { ...input, expectedVersion })
        expect(failed).toMatchObject({ code: 'CONFLICT', currentVersion })
      }
      expect(await everythingIn(store)).toBe(before)
    })

    test(`of ten ${mutation} at once on one version, exactly one succeeds`, async () => {
      const input = await inputFor(planning, mutation, app)
      const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => run(planning, mutation, input)))
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []))
      for (const reason of reasons) expect(reason).toContain('CONFLICT')
      const subject = input.id ?? input.app
      expect((await changesOf(subject)).filter((change) => change.mutation === mutation)).toHaveLength(1)
    })

    test(`${mutation} of a thing that does not exist is NOT_FOUND`, async () => {
      const input = await inputFor(planning, mutation, app)
      const nothing = 'id' in input ? { ...input, id: 'nothing' } : { ...input, app: 'nothing' }
      expect(await failure(planning, mutation, nothing)).toMatchObject({ code: 'NOT_FOUND' })
    })
  }

  for (const mutation of [
    'createSlot',
    'createSchedule',
    'createCreative',
    'createStrategy',
    'createSegment',
  ] as const) {
    test(`${mutation} in an app that does not exist is NOT_FOUND`, async () => {
      const input = { ...(await inputFor(planning, mutation, app)), app: 'nothing' }
      expect(await failure(planning, mutation, input)).toMatchObject({ code: 'NOT_FOUND' })
    })
  }

  test('an idempotency key belongs to one actor and one mutation', async () => {
    const input = { ...(await inputFor(planning, 'createCreative', app)), idempotencyKey: 'scoped' }
    const one = await run(planning, 'createCreative', input)
    const other = await run(planning, 'createCreative', input, 'operator')
    expect(other.id).not.toBe(one.id)
    await run(planning, 'createStrategy', { app, content: { name: 'S' }, idempotencyKey: 'scoped' })
  })

  test('an idempotency key can be used again after 24 hours', async () => {
    const input = { ...(await inputFor(planning, 'createCreative', app)), idempotencyKey: 'daily' }
    const first = await run(planning, 'createCreative', input)
    planning.clock.advance(DAY_MS)
    expect((await run(planning, 'createCreative', input)).id).toBe(first.id)
    planning.clock.advance(1)
    expect((await run(planning, 'createCreative', input)).id).not.toBe(first.id)
  })

  test('a mutation that failed can be repeated with its idempotency key once its arguments are right', async () => {
    const input = { ...(await inputFor(planning, 'reviseStrategy', app)), idempotencyKey: 'second-try' }
    expect(await failure(planning, 'reviseStrategy', { ...input, expectedVersion: 9 })).toMatchObject({
      code: 'CONFLICT',
    })
    expect(await run(planning, 'reviseStrategy', input)).toMatchObject({ version: 2 })
  })

  test('for an idempotency key, a left out argument equals its default', async () => {
    const input = { ...(await inputFor(planning, 'createSlot', app)), idempotencyKey: 'defaults' }
    const { id } = await run(planning, 'createSlot', input)
    expect((await run(planning, 'createSlot', { ...input, capacity: 1, rotationSeconds: null })).id).toBe(id)
  })

  test('an idempotency key with spaces, or longer than 128 characters, is refused', async () => {
    for (const idempotencyKey of ['a b', '', 'x'.repeat(129)]) {
      const input = { ...(await inputFor(planning, 'createCreative', app)), idempotencyKey }
      const expected = { code: 'BAD_USER_INPUT', path: 'input.idempotencyKey' }
      expect(await failure(planning, 'createCreative', input)).toMatchObject(expected)
    }
  })

  test('a mutation that fails on a unique index runs once more, and only once', async () => {
    const caller = { principal: { actor: 'admin', roles: { '*': ['admin'] } }, requestId: 'test' } as const
    const insertTaken = (attempts: number) => {
      let attempt = 0
      return mutate(planning.services, caller, 'createApp', {}, async ({ tx }) => {
        attempt += 1
        if (attempt <= attempts) await tx.collection('apps').insertOne({ _id: app })
        return `attempt ${attempt}`
      })
    }
    expect(await insertTaken(1)).toEqual({ id: 'attempt 2', repeated: false })
    await expect(insertTaken(2)).rejects.toMatchObject({ code: 11000 })
  })

  test('of two mutations on one thing in one request, each answers the thing as it is after that mutation', async () => {
    const { id } = await run(planning, 'createStrategy', { app, content: { name: 'One' } })
    const query = `mutation {
      first: reviseStrategy(input: { id: "${id}", expectedVersion: 1, content: { name: "Two" } }) { version name }
      second: reviseStrategy(input: { id: "${id}", expectedVersion: 2, content: { name: "Three" } }) { version name }
    }`
    const { data } = await planning.strategy.ask('operator', query)
    expect(data).toEqual({ first: { version: 2, name: 'Two' }, second: { version: 3, name: 'Three' } })
  })
})
