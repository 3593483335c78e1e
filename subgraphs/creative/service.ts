// The rules of creatives: what their content may be, how it changes, and what lists of them can be narrowed by.

import { z } from 'zod'
import { requireApp } from '../../common/apps/apps.ts'
import { badInput } from '../../common/base/errors.ts'
import { archiveHead } from '../../common/command/archive.ts'
import {
  expectedVersion,
  idempotencyKey,
  integer,
  optional,
  optionalText,
  parseInput,
  reference,
  text,
} from '../../common/command/input.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { headFilterInput } from '../../common/graphql/revisioned.ts'
import { refuseArchived } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { HeadFilter } from '../../common/store/filters.ts'
import { checkVersion, isUnchanged } from '../../common/store/revisioned.ts'
import { dataMistake } from './free-data.ts'
import { httpsMistake, linkMistake } from './links.ts'
import { creatives } from './repository.ts'

const imageUrl = text(2_000).superRefine((url, context) => report(context, httpsMistake(url)))
const data = z.unknown().superRefine((given, context) => report(context, dataMistake(given)))

const content = z.object({
  name: text(200),
  title: text(500),
  text: optionalText(5_000),
  image: optional(
    z.object({
      url: imageUrl,
      width: optional(integer(1, 20_000)),
      height: optional(integer(1, 20_000)),
      alt: optionalText(500),
    }),
  ),
  link: optionalText(2_000),
  data: optional(data),
})

const createInput = z.object({ app: reference, content, idempotencyKey })
const reviseInput = z.object({ id: reference, expectedVersion, content, idempotencyKey })

/** Makes a creative, as a draft. Answers its id. */
export async function createCreative(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(createInput, given)
  const { id } = await mutate(services, caller, 'createCreative', input, async ({ tx, actor, at, authorize, log }) => {
    authorize(input.app)
    await checkLink(tx, input.app, input.content.link)
    const made = await creatives.create(tx, { app: input.app, content: input.content, actor, at, more: {} })
    await log(made.app, { type: 'CREATIVE', id: made._id }, null, made)
    return made._id
  })
  return id
}

/** Writes a new draft revision, unless nothing changes. Answers the id of the creative. */
export async function reviseCreative(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(reviseInput, given)
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

/** Archives a creative. Answers its id. */
export function archiveCreative(services: Services, caller: Caller, given: unknown): Promise<string> {
  return archiveHead(services, caller, { action: 'archiveCreative', type: 'CREATIVE', repository: creatives }, given)
}

/** What a list of creatives is narrowed by. */
export function parseFilter(given: unknown): HeadFilter {
  return parseInput(headFilterInput, given ?? {}, 'filter')
}

async function checkLink(tx: Tx, code: string, link: string | null): Promise<void> {
  const app = await requireApp(tx, code)
  const mistake = link === null ? undefined : linkMistake(link, app.linkSchemes)
  if (mistake) throw badInput('input.content.link', mistake)
}

function report(context: z.RefinementCtx, mistake: string | undefined): void {
  if (mistake) context.addIssue({ code: 'custom', message: mistake })
}
