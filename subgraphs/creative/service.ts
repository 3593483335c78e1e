// The mutations of creatives: create, revise, archive, unarchive.

import { z } from 'zod'
import { requireApp } from '../../common/apps/apps.ts'
import { badInput } from '../../common/base/errors.ts'
import { archiveHead, unarchiveHead } from '../../common/command/archive.ts'
import { expectedVersion, idempotencyKey, parseInput, reference } from '../../common/command/input.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { headFilterInput } from '../../common/graphql/revisioned.ts'
import { refuseArchived } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { HeadFilter } from '../../common/store/filters.ts'
import { checkVersion, isUnchanged } from '../../common/store/revisioned.ts'
import { placesOf } from '../schedule/repository.ts'
import { contentInput, linkMistake } from './content.ts'
import { type Creative, creatives } from './repository.ts'

const createInput = z.object({ app: reference, content: contentInput, idempotencyKey })
const reviseInput = z.object({ id: reference, expectedVersion, content: contentInput, idempotencyKey })

/** Creates a creative as a draft. Returns its id. */
export async function createCreative(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseInput(createInput, rawInput)
  const { id } = await mutate(services, caller, 'createCreative', input, async ({ tx, actor, at, authorize, log }) => {
    authorize(input.app)
    await checkLink(tx, input.app, input.content.link)
    const made = await creatives.create(tx, { app: input.app, content: input.content, actor, at, more: {} })
    await log(made.app, { type: 'CREATIVE', id: made._id }, null, made)
    return made._id
  })
  return id
}

/** Writes a new draft revision, unless the content is the same. Returns the id of the creative. */
export async function reviseCreative(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseInput(reviseInput, rawInput)
  const { id } = await mutate(services, caller, 'reviseCreative', input, async ({ tx, actor, at, authorize, log }) => {
    const before = await creatives.require(tx, input.id)
    authorize(before.app)
    checkVersion('creative', before, input.expectedVersion)
    refuseArchived('creative', before, 'be revised')
    await checkLink(tx, before.app, input.content.link)
    if (isUnchanged(before, input.content)) return before._id
    const after = await creatives.revise(tx, before, { content: input.content, actor, at })
    await log(after.app, { type: 'CREATIVE', id: after._id }, before, after)
    return after._id
  })
  return id
}

/** Archives a creative. Returns its id. */
export function archiveCreative(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const target = { action: 'archiveCreative', type: 'CREATIVE', repository: creatives } as const
  const livePlaces = (tx: Tx, { _id }: Creative) => placesOf(tx, 'CREATIVE', _id)
  return archiveHead(services, caller, { ...target, livePlaces }, rawInput)
}

/** Takes a creative out of the archive. Returns its id. */
export function unarchiveCreative(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const target = { action: 'unarchiveCreative', type: 'CREATIVE', repository: creatives } as const
  return unarchiveHead(services, caller, target, rawInput)
}

/** Parses a CreativeFilter. */
export function parseFilter(rawInput: unknown): HeadFilter {
  return parseInput(headFilterInput, rawInput ?? {}, 'filter')
}

async function checkLink(tx: Tx, code: string, link: string | null): Promise<void> {
  const app = await requireApp(tx, code)
  const mistake = link === null ? undefined : linkMistake(link, app.linkSchemes)
  if (mistake) throw badInput('input.content.link', mistake)
}
