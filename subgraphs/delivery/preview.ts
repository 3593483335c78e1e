// What a slot would show: the published state of MongoDB, at any instant, with drafts as if they were live. It is
// composed, compiled and decided by what publishes and serves; it only reads.

import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { authorize } from '../../common/access/rights.ts'
import { requireApp } from '../../common/apps/apps.ts'
import { AlkaidError, badInput } from '../../common/base/errors.ts'
import { checkContext } from '../../common/command/context-input.ts'
import { parseInput, reference } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import type { Tx } from '../../common/store/rows.ts'
import { compileSlot } from '../../engine/decision/compile.ts'
import { type DecisionExplanation, explainRequest, type ScheduleExplanation } from '../../engine/decision/explain.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { type Schedule, type Slot, schedules, slots } from '../schedule/repository.ts'
import { composeBody } from './compose.ts'
import { newestEntries } from './newest.ts'
import { headOrNew } from './slot.ts'

export type PreviewArguments = {
  app: string
  /** Its code or its id. */
  slot: string
  context?: RequestContext | null
  at?: Date | null
  include?: unknown
}

/** `archived`: the ids of what could not be published of a schedule that was put in. */
type Previewed = ScheduleExplanation & { included: boolean; archived: string[] }
export type Preview = DecisionExplanation & { app: string; schedules: Previewed[] }

const MOST_INCLUDED = 50
const includedIds = z.array(reference).max(MOST_INCLUDED, `must name at most ${MOST_INCLUDED} schedules`)

/** Keys that nobody else has: an event of something that was never shown must not count. */
const KEYS = deriveSigningKeys(randomBytes(32).toString('hex'))

/** FORBIDDEN without a role in the app; BAD_USER_INPUT and NOT_FOUND with the path of what cannot be included. */
export async function preview(
  { store, now }: Services,
  caller: Caller,
  { app, slot: name, context, at, include }: PreviewArguments,
): Promise<Preview> {
  authorize(caller.principal, app, 'read')
  const request = checkContext(context ?? {})
  const ids = parseInput(includedIds, include ?? [], 'include')
  const { body, zone, drafts } = await store.transaction(async (tx) => {
    const slot = await slots.requireIn(tx, app, name, 'slot')
    const drafts = await newestEntries(tx, slot, await requireIncluded(tx, slot, ids))
    const entries = drafts.flatMap(({ entry }) => entry ?? [])
    const { zone } = await requireApp(tx, app)
    return { body: await composeBody(tx, await headOrNew(tx, slot, store.epoch), entries), zone, drafts }
  })
  const instant = at?.getTime() ?? now()
  const explanation = explainRequest(compileSlot(body, KEYS), request, { now: instant, zone, random: Math.random })
  const included = new Map(drafts.map((draft) => [draft.schedule, draft]))
  return {
    ...explanation,
    app,
    revision: body.revision === 0 ? null : body.revision,
    schedules: explanation.schedules.map((one) => {
      const draft = included.get(one.schedule.id)
      return { ...one, included: draft !== undefined, archived: draft?.archived ?? [] }
    }),
  }
}

async function requireIncluded(tx: Tx, slot: Slot, ids: readonly string[]): Promise<Schedule[]> {
  if (ids.length === 0) return []
  const found = await schedules.byIds(tx, ids)
  const checked = found.map((schedule, index) => {
    const path = `include[${index}]`
    // Nobody is told what there is in an app in which they may have no role.
    if (schedule?.app !== slot.app) {
      const message = `${path}: There is no schedule ${JSON.stringify(ids[index])} in this app`
      throw new AlkaidError('NOT_FOUND', message, { path })
    }
    if (schedule.slot !== slot._id) throw badInput(path, 'must be booked in this slot, but is booked in another')
    return schedule
  })
  return [...new Map(checked.map((schedule) => [schedule._id, schedule])).values()]
}
