// Nested lists: each list is limited by its page, and all lists of one answer together by the number of their items.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { MAX_ITEMS } from '../../common/graphql/schema-guards.ts'
import { describeEachStore } from '../support/stores.ts'
import { startWorkflow, type Workflow } from '../support/workflow.ts'

const BOOKED = 40

describeEachStore('Lists in lists', (open) => {
  let flow: Workflow

  beforeAll(async () => {
    flow = await startWorkflow(await open())
    const creative = await flow.makeCreative()
    for (let made = 0; made < BOOKED; made++) await flow.makeSchedule({ creatives: [creative] })
  }, 60_000)
  afterAll(() => flow.stop())

  const ask = (fields: string) =>
    flow.subgraphs.schedule.ask('viewer', `{ schedules(app: "${flow.app}", first: 100) { nodes { ${fields} } } }`)
  const inSlot = (fields: string) => `slot { schedules(first: 100) { nodes { ${fields} } } }`

  test('are answered up to the limit for one answer', async () => {
    const { data, errors } = await ask(inSlot('id creatives { weight }'))
    expect(errors).toBeUndefined()
    const { nodes } = data!.schedules as { nodes: { slot: { schedules: { nodes: unknown[] } } }[] }
    expect(nodes.flatMap(({ slot }) => slot.schedules.nodes)).toHaveLength(BOOKED ** 2)
  })

  test('are refused beyond the limit, each at its own path, with few errors for any number of lists', async () => {
    expect(BOOKED ** 3).toBeGreaterThan(MAX_ITEMS)
    const { data, errors } = await ask(inSlot(inSlot('id')))
    expect(errors).toHaveLength(100)
    for (const { extensions } of errors!) expect(extensions).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(JSON.stringify(data).match(/"id"/g)!.length).toBeLessThanOrEqual(MAX_ITEMS)
  })

  test('are counted separately in each request', async () => {
    for (let times = 0; times < 2; times++) expect((await ask(inSlot(inSlot('id')))).data).not.toBeNull()
    expect((await ask(inSlot('id'))).errors).toBeUndefined()
  })
})
