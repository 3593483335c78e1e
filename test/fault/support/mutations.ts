// Mutations of each subgraph that writes, each with an input on which it succeeds, for tests that break them off and send them again.
// `countRows` shows what one of them did: how many documents each collection got.

import { randomUUID } from 'node:crypto'
import type { Store } from '../../../common/store/store.ts'
import type { Client } from '../../../scripts/shared/client.ts'
import type { Installation } from './installation.ts'

export type Prepared = { mutation: string; input: Record<string, unknown>; client: Client }

export type MutationName = keyof Awaited<ReturnType<typeof prepareMutations>>

/** mutation -> the service that runs it. */
export const SERVICE_OF = {
  createSchedule: 'schedule',
  reviseCreative: 'creative',
  createStrategy: 'strategy',
  submitForReview: 'audit',
  approve: 'audit',
  publish: 'delivery',
  pause: 'delivery',
  revokeApproval: 'delivery',
} as const satisfies Record<MutationName, string>

export const MUTATION_NAMES = Object.keys(SERVICE_OF) as MutationName[]

const text = (name: string, input: string, fields: string) =>
  `mutation ($input: ${input}!) { ${name}(input: $input) { ${fields} } }`
const CREATE_CREATIVE = text('createCreative', 'CreateCreativeInput', 'id version')
const CREATE_SCHEDULE = text('createSchedule', 'CreateScheduleInput', 'id version')
const SUBMIT = text(
  'submitForReview',
  'SubmitForReviewInput',
  'id version reviews { id version subject { __typename } }',
)
const APPROVE = text('approve', 'DecideInput', 'id reviews { id version subject { __typename } }')
const PUBLISH = text('publish', 'PublishInput', 'revision')

/** Makes an app with a slot. Each function makes what its mutation needs, and resolves to the mutation without sending it. */
export async function prepareMutations({ clients }: Installation, app: string) {
  const { operator, reviewer, publisher } = clients
  await operator('mutation ($input: CreateAppInput!) { createApp(input: $input) { key } }', {
    input: { code: app, name: app },
  })
  const { createSlot: slot } = await operator(
    'mutation ($input: CreateSlotInput!) { createSlot(input: $input) { id } }',
    { input: { app, code: 'home.banner', name: 'Banner', capacity: 50 } },
  )
  const content = () => ({ name: 'A creative', title: randomUUID() })

  async function makeCreative(): Promise<{ id: string; version: number }> {
    return (await operator(CREATE_CREATIVE, { input: { app, content: content() } })).createCreative
  }
  async function makeSchedule(): Promise<{ id: string; version: number }> {
    const creatives = [{ creative: (await makeCreative()).id }]
    const input = { app, slot: slot.id, content: { name: 'A schedule', creatives } }
    return (await operator(CREATE_SCHEDULE, { input })).createSchedule
  }
  async function submit({ id, version: expectedVersion }: { id: string; version: number }) {
    const input = { subject: { type: 'SCHEDULE', id }, expectedVersion }
    return (await operator(SUBMIT, { input })).submitForReview as { id: string; version: number }
  }
  /** Its reviews are those of the schedule and its creative. */
  async function makeApproved() {
    const schedule = await makeSchedule()
    const { id: submission, version: expectedVersion } = await submit(schedule)
    const { approve } = await reviewer(APPROVE, { input: { submission, expectedVersion } })
    const reviews = approve.reviews as { id: string; version: number; subject: { __typename: string } }[]
    return { id: schedule.id, version: schedule.version + 1, reviews }
  }
  async function makeLive() {
    const schedule = await makeApproved()
    await publisher(PUBLISH, { input: { schedule: schedule.id, expectedVersion: schedule.version } })
    return { ...schedule, version: schedule.version + 1 }
  }

  return {
    async createSchedule(): Promise<Prepared> {
      const creatives = [{ creative: (await makeCreative()).id }]
      const input = { app, slot: slot.id, content: { name: 'A schedule', creatives } }
      return { mutation: CREATE_SCHEDULE, input, client: operator }
    },
    async reviseCreative(): Promise<Prepared> {
      const { id, version: expectedVersion } = await makeCreative()
      const mutation = text('reviseCreative', 'ReviseCreativeInput', 'id revision')
      return { mutation, input: { id, expectedVersion, content: content() }, client: operator }
    },
    async createStrategy(): Promise<Prepared> {
      const input = { app, content: { name: randomUUID() } }
      return { mutation: text('createStrategy', 'CreateStrategyInput', 'id'), input, client: operator }
    },
    async submitForReview(): Promise<Prepared> {
      const { id, version: expectedVersion } = await makeSchedule()
      return { mutation: SUBMIT, input: { subject: { type: 'SCHEDULE', id }, expectedVersion }, client: operator }
    },
    async approve(): Promise<Prepared> {
      const { id: submission, version: expectedVersion } = await submit(await makeSchedule())
      return { mutation: APPROVE, input: { submission, expectedVersion }, client: reviewer }
    },
    async publish(): Promise<Prepared> {
      const { id: schedule, version: expectedVersion } = await makeApproved()
      return { mutation: PUBLISH, input: { schedule, expectedVersion }, client: publisher }
    },
    async pause(): Promise<Prepared> {
      const { id: schedule, version: expectedVersion } = await makeLive()
      return {
        mutation: text('pause', 'PauseInput', 'revision'),
        input: { schedule, expectedVersion },
        client: publisher,
      }
    },
    async revokeApproval(): Promise<Prepared> {
      const { reviews } = await makeLive()
      const { id: review, version: expectedVersion } = reviews.find(
        ({ subject }) => subject.__typename === 'ScheduleRevision',
      )!
      const mutation = text('revokeApproval', 'RevokeApprovalInput', 'review { id }')
      return { mutation, input: { review, expectedVersion, reason: 'A mistake' }, client: publisher }
    },
  }
}

export type RowCounts = Record<string, number>

const COUNTED = [
  'schedules',
  'scheduleRevisions',
  'creatives',
  'creativeRevisions',
  'strategies',
  'strategyRevisions',
  'submissions',
  'reviews',
  'pins',
  'publications',
  'changes',
  'idempotencyKeys',
] as const

export async function countRows(store: Store): Promise<RowCounts> {
  const counts = COUNTED.map(async (name) => [
    name,
    await store.client.db(store.database).collection(name).countDocuments(),
  ])
  return Object.fromEntries(await Promise.all(counts))
}

/** How many documents each collection got; those that got none are left out. */
export function addedRows(before: RowCounts, after: RowCounts): RowCounts {
  const added = Object.entries(after).map(([name, count]) => [name, count - before[name]!] as const)
  return Object.fromEntries(added.filter(([, count]) => count !== 0))
}
