// The rules of slots and schedules: what they may be, and how they change.

import { z } from 'zod'
import { requireApp } from '../../common/apps/apps.ts'
import { badInput } from '../../common/errors.ts'
import { newId } from '../../common/ids.ts'
import {
  expectedVersion,
  idempotencyKey,
  integer,
  optional,
  parseInput,
  reference,
  text,
  withDefault,
} from '../../common/input.ts'
import { mutate } from '../../common/mutate.ts'
import type { Caller, Services } from '../../common/services.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import { missingCreatives, missingSlot, missingStrategy, refuseMissing } from './references.ts'
import { type ScheduleContent, type Slot, schedules, slots } from './repository.ts'

const share = withDefault(integer(1, 1_000_000), 1)

const slotInput = z.object({
  app: reference,
  code: z.string().regex(/^[a-z0-9._-]{1,64}$/, 'must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`'),
  name: text(200),
  capacity: withDefault(integer(1, 50), 1),
  rotationSeconds: withDefault(integer(60, 31_536_000), 86_400),
  fallback: withDefault(z.array(reference).max(50, 'must hold at most 50').superRefine(eachOnce([])), []),
  idempotencyKey,
})

const content = z
  .object({
    name: text(200),
    creatives: z
      .array(z.object({ creative: reference, weight: share }))
      .min(1, 'must hold at least 1')
      .max(50, 'must hold at most 50')
      .superRefine((booked, context) =>
        eachOnce(['creative'])(
          booked.map(({ creative }) => creative),
          context,
        ),
      ),
    strategy: optional(reference),
    startsAt: optional(z.date()),
    endsAt: optional(z.date()),
    priority: withDefault(integer(-1_000, 1_000), 0),
    weight: share,
  })
  .refine(({ startsAt, endsAt }) => !startsAt || !endsAt || startsAt < endsAt, {
    path: ['endsAt'],
    message: 'must be after startsAt',
  })

const createInput = z.object({ app: reference, slot: reference, content, idempotencyKey })
const reviseInput = z.object({ id: reference, expectedVersion, content, idempotencyKey })

/** Makes a slot. Answers its id. */
export async function createSlot(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(slotInput, given)
  const { id } = await mutate(services, caller, 'createSlot', input, async ({ tx, actor, at, authorize, log }) => {
    const { idempotencyKey: _, ...chosen } = input
    const { app, code, fallback } = chosen
    authorize(app)
    await requireApp(tx, app)
    if (await slots.byCode(tx, app, code)) {
      throw badInput('input.code', `the app ${JSON.stringify(app)} has a slot ${JSON.stringify(code)} already`)
    }
    refuseMissing(await missingCreatives(tx, app, fallback, (index) => `input.fallback[${index}]`))
    const slot: Slot = {
      _id: newId('slot', at.getTime()),
      version: 1,
      ...chosen,
      format: null,
      archivedAt: null,
      createdAt: at,
      createdBy: actor,
    }
    await slots.insert(tx, slot)
    await log(slot.app, { type: 'SLOT', id: slot._id }, null, slot)
    return slot._id
  })
  return id
}

/** Books creatives in a slot, as a draft. Answers the id of the schedule. */
export async function createSchedule(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(createInput, given)
  const { id } = await mutate(services, caller, 'createSchedule', input, async ({ tx, actor, at, authorize, log }) => {
    const { app, slot } = input
    authorize(app)
    await requireApp(tx, app)
    refuseMissing([
      ...(await missingSlot(tx, app, slot, 'input.slot')),
      ...(await missingInContent(tx, app, input.content)),
    ])
    const more = { slot, deliveryState: 'NONE' } as const
    const made = await schedules.create(tx, { app, content: input.content, actor, at, more })
    await log(app, { type: 'SCHEDULE', id: made._id }, null, made)
    return made._id
  })
  return id
}

/** Writes a new draft revision. Answers the id of the schedule. */
export async function reviseSchedule(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(reviseInput, given)
  const { id } = await mutate(services, caller, 'reviseSchedule', input, async ({ tx, actor, at, authorize, log }) => {
    const before = await schedules.require(tx, input.id)
    authorize(before.app)
    checkVersion('schedule', before, input.expectedVersion)
    refuseMissing(await missingInContent(tx, before.app, input.content))
    const after = await schedules.revise(tx, before, { content: input.content, actor, at })
    await log(after.app, { type: 'SCHEDULE', id: after._id }, before, after)
    return after._id
  })
  return id
}

async function missingInContent(tx: Tx, app: string, { creatives, strategy }: ScheduleContent) {
  const path = (index: number) => `input.content.creatives[${index}].creative`
  const ids = creatives.map(({ creative }) => creative)
  return [
    ...(await missingCreatives(tx, app, ids, path)),
    ...(await missingStrategy(tx, app, strategy, 'input.content.strategy')),
  ]
}

/** Refuses an id that comes a second time; `within` is where in the item it stands. */
function eachOnce(within: string[]) {
  return (ids: readonly string[], context: z.RefinementCtx) => {
    for (const [index, id] of ids.entries()) {
      if (ids.indexOf(id) === index) continue
      context.addIssue({ code: 'custom', path: [index, ...within], message: `${JSON.stringify(id)} is there already` })
    }
  }
}
