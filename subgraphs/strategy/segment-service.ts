// How segments change. What their content may be is in content.ts and naming.ts.

import { requireApp } from '../../common/apps/apps.ts'
import { archiveHead } from '../../common/command/archive.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { refuseArchived } from '../../common/store/archived.ts'
import { checkVersion, isUnchanged } from '../../common/store/revisioned.ts'
import { parseCreateSegment, parseReviseSegment } from './content.ts'
import { checkNamed } from './naming.ts'
import { segments } from './repository.ts'

/** Makes a segment, as a draft. Answers its id. */
export async function createSegment(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseCreateSegment(given)
  const { id } = await mutate(services, caller, 'createSegment', input, async ({ tx, actor, at, authorize, log }) => {
    const { app, content } = input
    authorize(app)
    await requireApp(tx, app)
    await checkNamed(tx, { app, constraint: content.constraint, before: null, segment: null })
    const made = await segments.create(tx, { app, content, actor, at, more: {} })
    await log(app, { type: 'SEGMENT', id: made._id }, null, made)
    return made._id
  })
  return id
}

/** Writes a new draft revision, unless nothing changes. Answers the id of the segment. */
export async function reviseSegment(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseReviseSegment(given)
  const { id } = await mutate(services, caller, 'reviseSegment', input, async ({ tx, actor, at, authorize, log }) => {
    const before = await segments.require(tx, input.id)
    authorize(before.app)
    checkVersion('segment', before, input.expectedVersion)
    refuseArchived('segment', before, 'be revised')
    const { app } = before
    const { content } = input
    const { name, constraint } = content
    const segment = { id: before._id, name }
    const reached = await checkNamed(tx, { app, constraint, before: before.content.constraint, segment })
    if (isUnchanged(before, content)) return before._id
    // Two revisions at once, neither of which sees the other, could close a cycle together. Each would then reach what
    // the other one revises (or the first on the way that a third revises), so writing to all that is reached makes
    // them collide; the one that runs again finds the cycle. A new segment cannot close one: nothing names it yet.
    await segments.guard(tx, reached)
    const after = await segments.revise(tx, before, { content, actor, at })
    await log(app, { type: 'SEGMENT', id: after._id }, before, after)
    return after._id
  })
  return id
}

/** Archives a segment; what names it goes on doing so. Answers its id. */
export function archiveSegment(services: Services, caller: Caller, given: unknown): Promise<string> {
  return archiveHead(services, caller, { action: 'archiveSegment', type: 'SEGMENT', repository: segments }, given)
}
