import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Store } from '../../common/store/store.ts'
import { readsDuring } from '../support/reads.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Thing, type Workflow } from '../support/workflow.ts'

describeEachStore('Lists of publications, and what pages of schedules and slots read', (open) => {
  let flow: Workflow
  let store: Store
  const slots: { id: string; code: string }[] = []
  const schedules: Thing[] = []

  beforeAll(async () => {
    store = await open()
    flow = await startWorkflow(store)
    const creative = await flow.approved(await flow.makeCreative())
    for (let count = 0; count < 100; count++) {
      slots.push(await flow.makeSlot({ capacity: 3, rotationSeconds: 60 }))
      schedules.push(await flow.approved(await flow.makeSchedule({ slot: slots[count]!.id, creatives: [creative] })))
      await flow.publish(schedules[count]!)
    }
  }, 120_000)
  afterAll(() => flow.stop())

  const LIST = `query ($app: ID!, $slot: String, $period: PeriodInput, $first: Int, $after: String) {
    publications(app: $app, slot: $slot, period: $period, first: $first, after: $after) {
      nodes { id revision slot { id } capacity rotationSeconds caps { count every unit } stopped publishedAt entries { schedule { id } } }
      edges { cursor } pageInfo { hasNextPage endCursor } total } }`
  const ONE = `query ($app: ID!, $slot: String!, $revision: Int) {
    publication(app: $app, slot: $slot, revision: $revision) { revision stopped } }`

  const list = (more: object = {}) => flow.subgraphs.delivery.must('viewer', LIST, { app: flow.app, ...more })
  const one = (more: object) => flow.subgraphs.delivery.must('viewer', ONE, { app: flow.app, ...more })

  /** A slot of its own with this many publications, a second apart; when each was made. */
  async function makePublished(count: number) {
    const slot = await flow.makeSlot()
    const schedule = await flow.approved(await flow.makeSchedule({ slot: slot.id }))
    const times: Date[] = []
    for (let made = 0; made < count; made++) {
      flow.clock.advance(1_000)
      await flow.publish(schedule)
      times.push(new Date(flow.clock.now()))
    }
    return { slot, schedule, times }
  }

  test('the publications of a slot come newest first, page by page, and are counted', async () => {
    const { slot, schedule } = await makePublished(5)
    const first = await list({ slot: slot.code, first: 2 })
    expect(first).toMatchObject({ total: 5, pageInfo: { hasNextPage: true } })
    const second = await list({ slot: slot.code, first: 3, after: first.pageInfo.endCursor })
    expect(second).toMatchObject({ total: 5, pageInfo: { hasNextPage: false } })
    const nodes = [...first.nodes, ...second.nodes]
    expect(nodes.map(({ revision }) => revision)).toEqual([5, 4, 3, 2, 1])
    expect(nodes.map((node) => node.slot.id)).toEqual(Array(5).fill(slot.id))
    expect(nodes.map(({ entries }) => entries[0].schedule.id)).toEqual(Array(5).fill(schedule.id))
  })

  test('without a slot they are those of the whole app; an unknown slot or app is an error', async () => {
    const { slot } = await makePublished(2)
    const { nodes, total } = await list({ first: 100 })
    expect(nodes).toHaveLength(100)
    expect(total).toBeGreaterThanOrEqual(102)
    expect(nodes.slice(0, 2).map((node: { slot: object }) => node.slot)).toEqual([{ id: slot.id }, { id: slot.id }])
    expect(nodes[2]).toMatchObject({ revision: expect.any(Number) })
    for (const [path, none] of Object.entries({ slot: { slot: 'none' }, app: { app: 'none' } })) {
      const { errors } = await flow.subgraphs.delivery.ask('viewer', LIST, { app: flow.app, ...none })
      expect(errors?.[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', path })
    }
  })

  test('a period is from its first moment until just before its last', async () => {
    const { slot, times } = await makePublished(4)
    const revisions = async (from?: Date, to?: Date) => {
      const { nodes, total } = await list({ slot: slot.code, period: { from, to } })
      expect(total).toBe(nodes.length)
      return nodes.map(({ revision }: { revision: number }) => revision)
    }
    expect(await revisions(times[1], times[3])).toEqual([3, 2])
    expect(await revisions(times[2])).toEqual([4, 3])
    expect(await revisions(undefined, times[1])).toEqual([1])
    const wrong = { app: flow.app, period: { from: times[3], to: times[1] } }
    const { errors } = await flow.subgraphs.delivery.ask('viewer', LIST, wrong)
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'period.to' })
  })

  test('one publication is the latest, or that of a revision; null where there is none', async () => {
    const { slot } = await makePublished(3)
    await flow.run('stopSlot', 'publisher', await flow.onSlot(slot.id))
    expect(await one({ slot: slot.code })).toEqual({ revision: 4, stopped: true })
    expect(await one({ slot: slot.code, revision: 2 })).toEqual({ revision: 2, stopped: false })
    expect(await one({ slot: slot.code, revision: 9 })).toBeNull()
    expect(await one({ slot: (await flow.makeSlot()).code })).toBeNull()
    await expect(one({ slot: 'none', revision: 1 })).rejects.toThrow('NOT_FOUND: slot: There is no slot "none"')
  })

  test('an older publication says what the settings of the slot were then', async () => {
    const { slot } = await makePublished(1)
    const { expectedVersion } = await flow.onSlot(slot.id)
    const caps = [{ count: 2, every: 1, unit: 'HOUR' }]
    const patch = { capacity: 7, rotationSeconds: 120, caps }
    await flow.run('updateSlot', 'operator', { id: slot.id, expectedVersion, ...patch })
    await flow.run('publishSlot', 'publisher', await flow.onSlot(slot.id))
    expect((await list({ slot: slot.code })).nodes).toMatchObject([
      patch,
      { capacity: 1, rotationSeconds: 86_400, caps: [] },
    ])
  })

  test('reading takes a role in the app', async () => {
    expect(await flow.subgraphs.delivery.codeOf(undefined, LIST, { app: flow.app })).toBe('UNAUTHENTICATED')
    expect(await flow.subgraphs.delivery.codeOf('stranger', LIST, { app: flow.app })).toBe('FORBIDDEN')
    const variables = { app: flow.app, slot: slots[0]!.code, revision: 1 }
    expect(await flow.subgraphs.delivery.codeOf('stranger', ONE, variables)).toBe('FORBIDDEN')
  })

  test('a page of a hundred publications is one read, and a count when the total is asked for', async () => {
    const { answer, reads } = await readsDuring(store, () => list({ first: 100 }))
    expect(answer.nodes).toHaveLength(100)
    expect(reads).toEqual({ publications: { reads: 1, counts: 1 } })
    const untold = LIST.replace('total', '')
    const { reads: fewer } = await readsDuring(store, () =>
      flow.subgraphs.delivery.must('viewer', untold, { app: flow.app }),
    )
    expect(fewer).toEqual({ publications: { reads: 1, counts: 0 } })
  })

  const entities = (of: object[], fields: string) => {
    const text = `query ($of: [_Any!]!) { _entities(representations: $of) { ${fields} } }`
    return readsDuring(store, () => flow.subgraphs.delivery.must('viewer', text, { of }))
  }

  test('a hundred schedules with their delivery read the pins once', async () => {
    const of = schedules.map(({ id }) => ({ __typename: 'Schedule', id }))
    const fields = '... on Schedule { delivery { state schedule { id } segments { id } creatives { id } publishedAt } }'
    const { answer, reads } = await entities(of, fields)
    expect(answer).toHaveLength(100)
    expect(answer[99]).toMatchObject({ delivery: { state: 'LIVE', schedule: { id: schedules[99]!.id } } })
    expect(reads).toEqual({ pins: { reads: 1, counts: 0 } })
  })

  test('a hundred slots with what they serve read the heads and the publications once each', async () => {
    const of = slots.map(({ id }) => ({ __typename: 'Slot', id }))
    const fields = '... on Slot { stopped publication { revision capacity rotationSeconds stopped } }'
    const { answer, reads } = await entities(of, fields)
    expect(answer).toHaveLength(100)
    const publication = { revision: 1, capacity: 3, rotationSeconds: 60, stopped: false }
    expect(answer[99]).toEqual({ stopped: false, publication })
    expect(reads).toEqual({ slotHeads: { reads: 1, counts: 0 }, publications: { reads: 1, counts: 0 } })
  })
})
