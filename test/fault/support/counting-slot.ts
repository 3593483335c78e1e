// A slot whose answer tells which publication it comes from. It has some schedules, each live or paused, and every publication changes
// exactly one of them, in the order of a Gray code. So each publication shows another set of schedules:
//
//     publication   0    1    2    3    ...
//     live          ABC  BC   C    AC   ...      (three schedules; a `pause` or a `publish` each)

import { randomUUID } from 'node:crypto'
import type { Client } from '../../../scripts/shared/client.ts'
import { GraphQLFailure } from '../../../scripts/shared/client.ts'
import type { Installation } from './installation.ts'
import type { SlotQuery } from './slot-load.ts'

export type CountingSlot = {
  query: SlotQuery
  /** How many publications can be told apart. */
  states: number
  /** The newest publication that was asked for, and the newest that was acknowledged. */
  readonly started: number
  readonly acknowledged: number
  /** Makes the next publication. Tries again until it is acknowledged, and resolves to its number. */
  publishNext(): Promise<number>
  /** The number of the publication that the body of an answer shows. Throws for a set that no publication has. */
  numberIn(body: string): number
  /** Whether this publication has every schedule paused: its answer is empty, and rightly so. */
  isEmptyIn(publication: number): boolean
}

/** An app for counting slots, and its key. */
export async function makeApp({ clients }: Installation, app: string): Promise<{ app: string; appKey: string }> {
  const { createApp } = await clients.operator(
    'mutation ($input: CreateAppInput!) { createApp(input: $input) { key } }',
    { input: { code: app, name: app, requestsPerSecond: 1_000_000 } },
  )
  return { app, appKey: createApp.key }
}

const BY_ONE = {
  publish: 'mutation ($input: PublishInput!) { publish(input: $input) { revision } }',
  pause: 'mutation ($input: PauseInput!) { pause(input: $input) { revision } }',
} as const

/** @param schedules how many it has; 8 can tell 256 publications apart. */
export async function makeCountingSlot(
  alkaid: Installation,
  { app, appKey }: { app: string; appKey: string },
  code: string,
  schedules = 8,
): Promise<CountingSlot> {
  const { operator, publisher } = alkaid.clients
  const { createSlot } = await operator('mutation ($input: CreateSlotInput!) { createSlot(input: $input) { id } }', {
    input: { app, code, name: code, capacity: 50 },
  })
  const made: { id: string; version: number }[] = []
  for (let number = 0; number < schedules; number++) {
    made.push(await makeLive(alkaid, app, createSlot.id, `${code} ${number}`, schedules - number))
  }
  const positions = new Map(made.map(({ id }, position) => [id, position]))
  const states = 2 ** schedules
  let [started, acknowledged] = [0, 0]

  async function publishNext(): Promise<number> {
    started = acknowledged + 1
    if (started >= states) throw new Error(`${code} can tell only ${states} publications apart`)
    const bit = Math.log2(grayCode(started) ^ grayCode(started - 1))
    const schedule = made[bit]!
    const mutation = (grayCode(started) >> bit) & 1 ? 'pause' : 'publish'
    const input = { schedule: schedule.id, expectedVersion: schedule.version, idempotencyKey: randomUUID() }
    await untilAcknowledged(publisher, BY_ONE[mutation], { input })
    schedule.version += 1
    acknowledged = started
    return acknowledged
  }

  return {
    query: { app, appKey, slots: [code], userId: 'ann' },
    states,
    get started() {
      return started
    },
    get acknowledged() {
      return acknowledged
    },
    publishNext,
    isEmptyIn: (publication) => grayCode(publication) === states - 1,
    numberIn(body) {
      let paused = states - 1
      for (const [, id] of body.matchAll(/"schedule":"(sch_[^"]+)"/g)) {
        const position = positions.get(id!)
        if (position !== undefined) paused &= ~(1 << position)
      }
      return fromGrayCode(paused)
    },
  }
}

/** Sends a mutation with an idempotency key until it is answered: an answer that is lost is no answer. */
export async function untilAcknowledged(
  client: Client,
  mutation: string,
  variables: Record<string, unknown>,
  withinMs = 60_000,
) {
  const deadline = Date.now() + withinMs
  for (;;) {
    try {
      return await client(mutation, variables)
    } catch (error) {
      if (!isTransient(error) || Date.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** No answer, or one that says that a part of the platform is away. */
export function isTransient(error: unknown): boolean {
  return error instanceof GraphQLFailure && [undefined, 'UNAVAILABLE', 'TIMEOUT'].includes(error.code)
}

const MAKE = {
  creative: 'mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { id } }',
  schedule: 'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { id version } }',
  submit: 'mutation ($input: SubmitForReviewInput!) { submitForReview(input: $input) { id version } }',
  approve: 'mutation ($input: DecideInput!) { approve(input: $input) { id } }',
} as const

/** A schedule with a creative of its own, approved and published. */
async function makeLive({ clients }: Installation, app: string, slot: string, name: string, priority: number) {
  const { operator, reviewer, publisher } = clients
  const content = { name, title: name }
  const { createCreative } = await operator(MAKE.creative, { input: { app, content } })
  const booking = { name, priority, creatives: [{ creative: createCreative.id }] }
  const { createSchedule } = await operator(MAKE.schedule, { input: { app, slot, content: booking } })
  const { id, version } = createSchedule as { id: string; version: number }
  const subject = { type: 'SCHEDULE', id }
  const { submitForReview } = await operator(MAKE.submit, { input: { subject, expectedVersion: version } })
  const { id: submission, version: expectedVersion } = submitForReview
  await reviewer(MAKE.approve, { input: { submission, expectedVersion } })
  await publisher(BY_ONE.publish, { input: { schedule: id, expectedVersion: version + 1 } })
  return { id, version: version + 2 }
}

function grayCode(number: number): number {
  return number ^ (number >> 1)
}

function fromGrayCode(code: number): number {
  let number = 0
  for (let rest = code; rest > 0; rest >>= 1) number ^= rest
  return number
}
