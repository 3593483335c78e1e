// Creates the content of the demo app through GraphQL. Arguments and idempotency keys are the same in every run. So a run finds
// everything that an earlier run created, and creates only the rest.

import { type DemoConstraint, demoApp, demoSegments, demoSlots, demoStrategies } from '../demo/app.ts'
import { demoCreatives } from '../demo/creatives.ts'
import { demoSchedules } from '../demo/schedules.ts'
import { approve, bookSchedule, type Keys, once, type Staff, submit } from './demo-schedule.ts'

const app = demoApp.code

/**
 * @param since day 0 of the demo's schedules, in ms since the Unix epoch
 * @param progress called after each schedule
 */
export async function makeDemoContent(
  staff: Staff,
  since: number,
  progress: (done: number, total: number) => void,
): Promise<void> {
  const { operator, publisher } = staff
  const keys: Keys = { creatives: new Map(), segments: new Map(), strategies: new Map(), slots: new Map() }
  // Creatives do not depend on each other, so they are created at once. The store then writes several in one commit.
  await Promise.all(
    demoCreatives.map(async ({ key, content }) => {
      const { createCreative } = await operator(CREATE_CREATIVE, { input: { app, content, ...once('creative', key) } })
      keys.creatives.set(key, createCreative.id)
    }),
  )
  for (const { key, ...content } of demoSegments) {
    const { createSegment } = await operator(CREATE_SEGMENT, { input: { app, content, ...once('segment', key) } })
    keys.segments.set(key, createSegment.id)
  }
  for (const { key, constraint, ...content } of demoStrategies) {
    const whole = { ...content, constraint: constraint && withIds(constraint, keys.segments) }
    const input = { app, content: whole, ...once('strategy', key) }
    const { createStrategy } = await operator(CREATE_STRATEGY, { input })
    keys.strategies.set(key, createStrategy.id)
  }
  for (const key of new Set(demoSlots.flatMap(({ fallback }) => fallback))) {
    const id = keys.creatives.get(key)!
    await approve(staff, id, (await submit(staff, 'CREATIVE', id, 1)).submission)
  }
  await Promise.all(
    demoSlots.map(async ({ key, archived, fallback, ...slot }) => {
      const input = { app, ...slot, fallback: fallback.map((name) => keys.creatives.get(name)), ...once('slot', key) }
      const { id } = (await operator(CREATE_SLOT, { input })).createSlot
      keys.slots.set(key, id)
      if (archived) await operator(ARCHIVE_SLOT, { input: { id, expectedVersion: 1, ...once('archive', key) } })
      else await publisher(PUBLISH_SLOT, { input: { slot: id, expectedVersion: 1, ...once('publish', key) } })
    }),
  )
  for (const [index, schedule] of demoSchedules.entries()) {
    await bookSchedule(staff, keys, schedule, since)
    progress(index + 1, demoSchedules.length)
  }
}

/** Replaces the keys of segments in a constraint by their ids. */
function withIds(constraint: DemoConstraint, ids: ReadonlyMap<string, string>): DemoConstraint {
  const parts = Object.entries(constraint).map(([name, part]) => {
    if (name === 'segment') return [name, ids.get(part as string)]
    if (name === 'not') return [name, withIds(part as DemoConstraint, ids)]
    if (name !== 'all' && name !== 'any') return [name, part]
    return [name, (part as DemoConstraint[]).map((one) => withIds(one, ids))]
  })
  return Object.fromEntries(parts)
}

const CREATE_CREATIVE = 'mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { id } }'
const CREATE_SEGMENT = 'mutation ($input: CreateSegmentInput!) { createSegment(input: $input) { id } }'
const CREATE_STRATEGY = 'mutation ($input: CreateStrategyInput!) { createStrategy(input: $input) { id } }'
const CREATE_SLOT = 'mutation ($input: CreateSlotInput!) { createSlot(input: $input) { id } }'
const ARCHIVE_SLOT = 'mutation ($input: ArchiveInput!) { archiveSlot(input: $input) { id } }'
const PUBLISH_SLOT = 'mutation ($input: PublishSlotInput!) { publishSlot(input: $input) { id } }'
