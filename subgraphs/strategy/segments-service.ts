// The mutations of segments: create, revise, archive, unarchive. content.ts and segment-references.ts check the content.

import { requireApp } from '../../common/apps/apps.ts'
import { archiveHead, unarchiveHead } from '../../common/command/archive.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { refuseArchived } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import { checkVersion, isUnchanged } from '../../common/store/revisioned.ts'
import { placesOf } from '../schedule/repository.ts'
import { parseCreateSegment, parseReviseSegment } from './content.ts'
import { type Segment, segments } from './repository.ts'
import { checkSegments } from './segment-references.ts'

/** Creates a segment as a draft. Returns its id. */
export async function createSegment(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseCreateSegment(rawInput)
  const { id } = await mutate(services, caller, 'createSegment', input, async ({ tx, actor, at, authorize, log }) => {
    const { app, content } = input
    authorize(app)
    await requireApp(tx, app)
    await checkSegments(tx, { app, constraint: content.constraint, before: null, segment: null })
    const made = await segments.create(tx, { app, content, actor, at, more: {} })
    await log(app, { type: 'SEGMENT', id: made._id }, null, made)
    return made._id
  })
  return id
}

/** Writes a new draft revision, unless the content is the same. Returns the id of the segment. */
export async function reviseSegment(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseReviseSegment(rawInput)
  const { id } = await mutate(services, caller, 'reviseSegment', input, async ({ tx, actor, at, authorize, log }) => {
    const before = await segments.require(tx, input.id)
    authorize(before.app)
    checkVersion('segment', before, input.expectedVersion)
    refuseArchived('segment', before, 'be revised')
    const { app } = before
    const { content } = input
    const { name, constraint } = content
    const segment = { id: before._id, name }
    const reached = await checkSegments(tx, { app, constraint, before: before.content.constraint, segment })
    if (isUnchanged(before, content)) return before._id
    // Two revisions at the same time could close a cycle together: A begins to use B while B begins to use A. Neither sees the
    // other. Each of them reaches the segment that the other one writes. So a write to everything reached makes the
    // transactions conflict. The one that runs again then finds the cycle. A new segment cannot close a cycle, because nothing
    // refers to it yet.
    await segments.guard(tx, reached)
    const after = await segments.revise(tx, before, { content, actor, at })
    await log(app, { type: 'SEGMENT', id: after._id }, before, after)
    return after._id
  })
  return id
}

/** Archives a segment. Strategies and segments that refer to it keep the reference. Returns its id. */
export function archiveSegment(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const target = { action: 'archiveSegment', type: 'SEGMENT', repository: segments } as const
  const livePlaces = (tx: Tx, { _id }: Segment) => placesOf(tx, 'SEGMENT', _id)
  return archiveHead(services, caller, { ...target, livePlaces }, rawInput)
}

/** Takes a segment out of the archive. Returns its id. */
export function unarchiveSegment(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const target = { action: 'unarchiveSegment', type: 'SEGMENT', repository: segments } as const
  return unarchiveHead(services, caller, target, rawInput)
}
