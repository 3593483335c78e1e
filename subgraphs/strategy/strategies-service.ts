// The mutations of strategies: create, revise, archive, unarchive. content.ts and segment-references.ts check the content.

import { requireApp } from '../../common/apps/apps.ts'
import { archiveHead, unarchiveHead } from '../../common/command/archive.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { refuseArchived } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import { checkVersion, isUnchanged } from '../../common/store/revisioned.ts'
import { placesOf } from '../schedule/repository.ts'
import { parseCreateStrategy, parseReviseStrategy } from './content.ts'
import { type Strategy, strategies } from './repository.ts'
import { checkSegments } from './segment-references.ts'

/** Creates a strategy as a draft. Returns its id. */
export async function createStrategy(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseCreateStrategy(rawInput)
  const { id } = await mutate(services, caller, 'createStrategy', input, async ({ tx, actor, at, authorize, log }) => {
    const { app, content } = input
    authorize(app)
    await requireApp(tx, app)
    await checkSegments(tx, { app, constraint: content.constraint, before: null, segment: null })
    const made = await strategies.create(tx, { app, content, actor, at, more: {} })
    await log(app, { type: 'STRATEGY', id: made._id }, null, made)
    return made._id
  })
  return id
}

/** Writes a new draft revision, unless the content is the same. Returns the id of the strategy. */
export async function reviseStrategy(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseReviseStrategy(rawInput)
  const { id } = await mutate(services, caller, 'reviseStrategy', input, async ({ tx, actor, at, authorize, log }) => {
    const before = await strategies.require(tx, input.id)
    authorize(before.app)
    checkVersion('strategy', before, input.expectedVersion)
    refuseArchived('strategy', before, 'be revised')
    const { app } = before
    const { content } = input
    await checkSegments(tx, { app, constraint: content.constraint, before: before.content.constraint, segment: null })
    if (isUnchanged(before, content)) return before._id
    const after = await strategies.revise(tx, before, { content, actor, at })
    await log(app, { type: 'STRATEGY', id: after._id }, before, after)
    return after._id
  })
  return id
}

/** Archives a strategy. Returns its id. */
export function archiveStrategy(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const target = { action: 'archiveStrategy', type: 'STRATEGY', repository: strategies } as const
  const livePlaces = (tx: Tx, { _id }: Strategy) => placesOf(tx, 'STRATEGY', _id)
  return archiveHead(services, caller, { ...target, livePlaces }, rawInput)
}

/** Takes a strategy out of the archive. Returns its id. */
export function unarchiveStrategy(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const target = { action: 'unarchiveStrategy', type: 'STRATEGY', repository: strategies } as const
  return unarchiveHead(services, caller, target, rawInput)
}
