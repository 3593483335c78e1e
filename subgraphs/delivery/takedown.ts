// Taking something off every node in one command: a creative, a schedule, or every creative with a link. It revokes each approval of it, in
// one transaction. After that no command can pin any of these revisions. Then each slot that had one pinned is composed once, as after
// `revokeApproval`; reconciliation finishes that after a crash.

import { z } from 'zod'
import { requireApp } from '../../common/apps/apps.ts'
import { AlkaidError, invalidState } from '../../common/base/errors.ts'
import { newId } from '../../common/base/ids.ts'
import {
  expectedVersion,
  idempotencyKey,
  idOf,
  optional,
  parseInput,
  reference,
  text,
} from '../../common/command/input.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import type { Tx } from '../../common/store/collection.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { type Review, reviews } from '../audit/repository.ts'
import { creatives } from '../creative/repository.ts'
import { schedules } from '../schedule/repository.ts'
import { schedulesThatPin, takedowns } from './repository.ts'
import { finishRevocations, markReview } from './revocation.ts'

/** Each approval is some writes in one transaction, so their number is limited. */
const MAX_APPROVALS = 200
const MAX_REVISIONS = 2_000

const prefix = text(2_000).regex(
  /^[a-z][a-z0-9+.-]*:\/*[^/]/i,
  'must begin with a scheme and some of what follows, as https://example.com',
)

const takeDownInput = z
  .object({
    creative: optional(idOf('creative')),
    schedule: optional(idOf('schedule')),
    links: optional(z.object({ app: reference, prefix })),
    reason: text(2_000),
    expectedVersion: optional(expectedVersion),
    idempotencyKey,
  })
  .refine(({ creative, schedule, links }) => [creative, schedule, links].filter((one) => one !== null).length === 1, {
    message: 'must name exactly one of creative, schedule and links',
  })

type Input = z.output<typeof takeDownInput>

/** Takes it down. Returns the id of the takedown when no slot has it any more. */
export async function takeDown(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(takeDownInput, given)
  const { id } = await mutate(services, caller, 'takeDown', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const target = await findTarget(tx, input)
    mutation.authorize(target.app)
    if (input.expectedVersion !== null) checkVersion(target.what, target.thing, input.expectedVersion)
    const approvals = await approvalsOf(tx, target)
    if (approvals.length === 0) {
      throw invalidState(`Nothing of ${target.label} is approved, so nothing of it is live. Nothing was changed`)
    }
    const takedown = newId('takedown', at.getTime())
    const touched = await schedulesTouched(tx, approvals)
    const revoked = { revokedBy: actor, revokedAt: at, revokeReason: input.reason, takedown }
    for (const review of approvals) await markReview(mutation, review, revoked)
    await takedowns.insert(tx, {
      _id: takedown,
      app: target.app,
      reason: input.reason,
      by: actor,
      at,
      reviews: approvals.map(({ _id }) => _id),
      creatives: idsOfKind(approvals, 'CREATIVE'),
      schedules: touched,
      droppedAt: null,
    })
    return takedown
  })
  const [takedown] = await takedowns.byIds(services.store, [id])
  await finishRevocations(services, takedown!.reviews, caller.requestId)
  return id
}

/** `thing`: what `expectedVersion` is about. `revisions`: the revisions to look at; undefined: all of the thing. */
type Target = {
  app: string
  what: string
  label: string
  thing: { _id: string; version: number }
  revisionsOf: { id: string } | { links: { app: string; prefix: string } }
}

async function findTarget(tx: Tx, { creative, schedule, links }: Input): Promise<Target> {
  if (links) {
    const app = await requireApp(tx, links.app)
    const label = `the creatives with a link that begins with ${JSON.stringify(links.prefix)}`
    return { app: app._id, what: 'app', label, thing: app, revisionsOf: { links } }
  }
  const [what, thing] = creative
    ? (['creative', await creatives.require(tx, creative)] as const)
    : (['schedule', await schedules.require(tx, schedule!)] as const)
  const label = `the ${what} ${JSON.stringify(thing._id)}`
  return { app: thing.app, what, label, thing, revisionsOf: { id: thing._id } }
}

/** The reviews of all approved, not revoked revisions. Throws LIMIT_EXCEEDED when there are too many. */
async function approvalsOf(tx: Tx, { revisionsOf, label }: Target): Promise<Review[]> {
  if ('id' in revisionsOf) {
    const { id } = revisionsOf
    const found = (await reviews.approvedOf(tx, [id], { limit: MAX_APPROVALS + 1 })).get(id)!
    requireAtMost(found, MAX_APPROVALS, `approved revisions of ${label}`, 'revoke some of them singly first')
    return found
  }
  const { app, prefix } = revisionsOf.links
  const pins = await creatives.withLink(tx, app, prefix, MAX_REVISIONS + 1)
  requireAtMost(pins, MAX_REVISIONS, `revisions of ${label}`, 'name a longer beginning')
  const found = await reviews.at(tx, pins)
  const approved = found.filter((review): review is Review => review?.state === 'APPROVED')
  requireAtMost(approved, MAX_APPROVALS, `approved revisions of ${label}`, 'name a longer beginning')
  return approved
}

function requireAtMost(found: readonly unknown[], most: number, what: string, remedy: string): void {
  if (found.length <= most) return
  throw new AlkaidError('LIMIT_EXCEEDED', `There are more than ${most} ${what}: ${remedy}`)
}

/** At most so many are listed of each revision. */
const MAX_SCHEDULES = 1_000

/** The ids of the live and paused schedules that have one of the revisions pinned, newest first. */
async function schedulesTouched(tx: Tx, approvals: readonly Review[]): Promise<string[]> {
  const { type } = approvals[0]!.subject
  const pins = approvals.map(({ subject: { id }, revision }) => ({ id, revision }))
  const found = await schedulesThatPin(tx, type, pins, MAX_SCHEDULES)
  return [...new Set([...found.values()].flatMap(({ ids }) => ids))].sort().reverse()
}

function idsOfKind(approvals: readonly Review[], kind: Review['subject']['type']): string[] {
  return [...new Set(approvals.filter(({ subject }) => subject.type === kind).map(({ subject }) => subject.id))]
}
