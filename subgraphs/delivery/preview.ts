// The preview of a slot: what it would show at any instant, with drafts as if they were live. It composes the slot from
// MongoDB, then compiles and decides with the same functions that nodes use. It only reads, and sends nothing.

import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { authorize } from '../../common/access/rights.ts'
import { requireApp } from '../../common/apps/apps.ts'
import { AlkaidError, badInput } from '../../common/base/errors.ts'
import { checkContext } from '../../common/command/context-input.ts'
import { parseInput, reference } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { newUsesOfArchived, useOf } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { Head } from '../../common/store/revisioned.ts'
import { compileSlot } from '../../engine/decision/compile-slot.ts'
import {
  type DecisionExplanation,
  explainRequest,
  type ScheduleExplanation,
} from '../../engine/decision/explain-decision.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'
import { type Pin, type PublishedEntry, pinText } from '../../engine/publication/types.ts'
import { fromMemory, segmentsIn, walkSegments } from '../../engine/targeting/segments.ts'
import type { Constraint, RequestContext } from '../../engine/targeting/types.ts'
import { creatives } from '../creative/repository.ts'
import { idsPinned, type Schedule, type ScheduleContent, type Slot, schedules, slots } from '../schedule/repository.ts'
import { segments, strategies } from '../strategy/repository.ts'
import { buildEntry, composeBody } from './composition.ts'
import { checkSegments } from './publish-checks.ts'
import { headOrNew } from './publish-slot.ts'

export type PreviewArguments = {
  app: string
  /** Its code or its id. */
  slot: string
  context?: RequestContext | null
  at?: Date | null
  include?: unknown
}

/** `archived`: of an included schedule, the ids of what is archived. With these it cannot be published. */
type PreviewedSchedule = ScheduleExplanation & { included: boolean; archived: string[] }
export type Preview = DecisionExplanation & { app: string; schedules: PreviewedSchedule[] }

const MAX_INCLUDED = 50
const includedIds = z.array(reference).max(MAX_INCLUDED, `must name at most ${MAX_INCLUDED} schedules`)

/** Random keys, made once in each process. So events with a preview's event tokens are refused: nothing was shown to a user. */
const KEYS = deriveSigningKeys(randomBytes(32).toString('hex'))

/** Throws FORBIDDEN without a role in the app; BAD_USER_INPUT or NOT_FOUND with the path of what cannot be included. */
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
    const drafts = await readDrafts(tx, slot, await requireIncluded(tx, slot, ids))
    const entries = drafts.flatMap(({ entry }) => entry ?? [])
    const { zone } = await requireApp(tx, app)
    return { body: await composeBody(tx, await headOrNew(tx, slot, store.epoch), entries), zone, drafts }
  })
  const instant = at?.getTime() ?? now()
  const explanation = explainRequest(compileSlot(body, KEYS), request, { now: instant, zone, random: Math.random })
  const draftOf = new Map(drafts.map((draft) => [draft.schedule, draft]))
  return {
    ...explanation,
    app,
    revision: body.revision === 0 ? null : body.revision,
    schedules: explanation.schedules.map((explained) => {
      const draft = draftOf.get(explained.schedule.id)
      return { ...explained, included: draft !== undefined, archived: draft?.archived ?? [] }
    }),
  }
}

async function requireIncluded(tx: Tx, slot: Slot, ids: readonly string[]): Promise<Schedule[]> {
  if (ids.length === 0) return []
  const found = await schedules.byIds(tx, ids)
  const included = found.map((schedule, index) => {
    const path = `include[${index}]`
    // A schedule of another app is reported as missing: the caller may have no role there.
    if (schedule?.app !== slot.app) {
      const message = `${path}: There is no schedule ${JSON.stringify(ids[index])} in this app`
      throw new AlkaidError('NOT_FOUND', message, { path })
    }
    if (schedule.slot !== slot._id) throw badInput(path, 'must be booked in this slot, but is booked in another')
    return schedule
  })
  return [...new Map(included.map((schedule) => [schedule._id, schedule])).values()]
}

/** A schedule at its newest revision, approved or not. `archived`: the ids of what is archived and not pinned yet. */
type Draft = { schedule: string; entry: PublishedEntry | undefined; archived: string[] }

/**
 * The newest revisions of schedules in this slot and of everything that they use. One read of each kind, and one of segments
 * for each level. Throws INVALID_STATE or LIMIT_EXCEEDED when segments cannot be inlined.
 */
async function readDrafts(tx: Tx, slot: Slot, heads: readonly Schedule[]): Promise<Draft[]> {
  const contents = heads.map(({ content }) => content)
  const strategyIds = contents.flatMap(({ strategy }) => strategy ?? [])
  const creativeHeads = await readHeads(tx, creatives, contents.flatMap(bookedIds))
  const strategyHeads = await readHeads(tx, strategies, strategyIds)
  const segmentHeads = await segments.withNested(tx, [...strategyHeads.values()].flatMap(segmentsOf))
  const newestContents = {
    schedules: byPin(heads),
    creatives: byPin([...creativeHeads.values()]),
    strategies: byPin([...strategyHeads.values()]),
    segments: byPin([...segmentHeads.values()]),
  }
  const segmentContents = new Map([...segmentHeads].map(([id, { content }]) => [id, content]))
  const drafts: Draft[] = []
  for (const head of heads) {
    const strategy = head.content.strategy === null ? null : strategyHeads.get(head.content.strategy)!
    const booked = bookedIds(head.content).map((id) => creativeHeads.get(id)!)
    const named = strategy ? segmentsOf(strategy) : []
    const reached = await walkSegments(named, fromMemory(segmentHeads), ({ content }) => content.constraint)
    const ownSegments = [...reached.values()]
    const entry = {
      schedule: pinOf(head),
      creatives: head.content.creatives.map(({ creative, weight }) => ({
        ...pinOf(creativeHeads.get(creative)!),
        weight,
      })),
      strategy: strategy && pinOf(strategy),
      segments: ownSegments.map(pinOf),
    }
    checkSegments({ entry, constraint: strategy?.content.constraint ?? null, segments: segmentContents }, 'newest')
    const archived = archivedIds(slot, head, [...booked, ...(strategy ? [strategy] : []), ...ownSegments])
    drafts.push({ schedule: head._id, entry: buildEntry(newestContents, entry), archived })
  }
  return drafts
}

/** An archived schedule is always among them: it cannot be published again, even if it is live. */
function archivedIds(slot: Slot, head: Schedule, used: readonly Head<unknown>[]): string[] {
  const pinnedIds = new Set(head.pinned ? [slot._id, ...idsPinned(head.pinned)] : [])
  const uses = [useOf('schedule', head), useOf('slot', slot), ...used.map((thing) => useOf('thing', thing))]
  return [...new Set(newUsesOfArchived(uses, pinnedIds).map(({ id }) => id))]
}

/** id -> the thing with its newest content. */
async function readHeads<C>(
  tx: Tx,
  repository: { byIds(tx: Tx, ids: readonly string[]): Promise<(Head<C> | null)[]> },
  ids: readonly string[],
): Promise<Map<string, Head<C>>> {
  const found = ids.length === 0 ? [] : await repository.byIds(tx, ids)
  return new Map(found.flatMap((head) => (head ? [[head._id, head]] : [])))
}

function bookedIds({ creatives }: ScheduleContent): string[] {
  return creatives.map(({ creative }) => creative)
}

function segmentsOf({ content }: { content: { constraint: Constraint | null } }): string[] {
  return segmentsIn(content.constraint)
}

function pinOf({ _id, revision }: Head<unknown>): Pin {
  return { id: _id, revision }
}

function byPin<C>(heads: readonly Head<C>[]): Map<string, C> {
  return new Map(heads.map((head) => [pinText(pinOf(head)), head.content]))
}
