// The rules of schedules: what they may be, and how they change.

import { z } from 'zod'
import { requireApp } from '../../common/apps/apps.ts'
import { archiveHead } from '../../common/command/archive.ts'
import {
  expectedVersion,
  idempotencyKey,
  optional,
  optionalText,
  parseInput,
  reference,
} from '../../common/command/input.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { refuseArchived } from '../../common/store/archived.ts'
import { checkVersion, isUnchanged } from '../../common/store/revisioned.ts'
import { cutText } from '../../engine/text.ts'
import { contentIn, contentInput, MAX_NAME } from './content.ts'
import { contentMistakes, refuse, slotToBook } from './references.ts'
import { type ScheduleContent, schedules, slots } from './repository.ts'

const createInput = z.object({ app: reference, slot: reference, content: contentInput, idempotencyKey })
const reviseInput = z.object({ id: reference, expectedVersion, content: contentInput, idempotencyKey })
const duplicateInput = z.object({
  id: reference,
  expectedVersion,
  slot: optional(reference),
  name: optionalText(MAX_NAME),
  idempotencyKey,
})

/** Books creatives in a slot, as a draft. Answers the id of the schedule. */
export async function createSchedule(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(createInput, given)
  const { id } = await mutate(services, caller, 'createSchedule', input, async ({ tx, actor, at, authorize, log }) => {
    const { app } = input
    authorize(app)
    const content = contentIn(await requireApp(tx, app), input.content)
    const { slot, mistakes } = await slotToBook(tx, app, input.slot, 'input.slot')
    const named = { app, format: slot?.format ?? null, kept: new Set<string>() }
    refuse([...mistakes, ...(await contentMistakes(tx, named, content, 'input.content'))])
    const more = { slot: slot!._id, deliveryState: 'NONE', pinned: null } as const
    const made = await schedules.create(tx, { app, content, actor, at, more })
    await log(app, { type: 'SCHEDULE', id: made._id }, null, made)
    return made._id
  })
  return id
}

/** Writes a new draft revision, unless nothing changes. Answers the id of the schedule. */
export async function reviseSchedule(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(reviseInput, given)
  const { id } = await mutate(services, caller, 'reviseSchedule', input, async ({ tx, actor, at, authorize, log }) => {
    const before = await schedules.require(tx, input.id)
    authorize(before.app)
    checkVersion('schedule', before, input.expectedVersion)
    refuseArchived('schedule', before, 'be revised')
    const content = contentIn(await requireApp(tx, before.app), input.content)
    const { format } = await slots.require(tx, before.slot)
    const named = { app: before.app, format, kept: new Set(namedIn(before.content)) }
    refuse(await contentMistakes(tx, named, content, 'input.content'))
    if (isUnchanged(before, content)) return before._id
    const after = await schedules.revise(tx, before, { content, actor, at })
    await log(after.app, { type: 'SCHEDULE', id: after._id }, before, after)
    return after._id
  })
  return id
}

/** Books the newest content of a schedule, an archived one too, once more. Answers the id of the new schedule. */
export async function duplicateSchedule(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(duplicateInput, given)
  const { id } = await mutate(services, caller, 'duplicateSchedule', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const original = await schedules.require(tx, input.id)
    const { app } = original
    mutation.authorize(app)
    checkVersion('schedule', original, input.expectedVersion)
    const content = { ...original.content, name: input.name ?? nameOfCopy(original.content.name) }
    const { slot, mistakes } = await slotToBook(tx, app, input.slot ?? original.slot, 'input.slot')
    const named = { app, format: slot?.format ?? null, kept: new Set<string>() }
    // The content is the original's: whatever is wrong with it, the input only names the original.
    const inContent = await contentMistakes(tx, named, content, 'content')
    refuse([...mistakes, ...inContent.map(({ message }) => ({ path: 'input.id', message }))])
    // A copy is the work of whoever wrote the original: copying it for them must not let them approve it.
    const copiedFrom = [...(await schedules.authors(tx, original._id, 0, original.revision))]
    const more = { slot: slot!._id, deliveryState: 'NONE', pinned: null } as const
    const made = await schedules.create(tx, { app, content, actor, at, more, copiedFrom })
    const copyOf = { id: original._id, revision: original.revision }
    await mutation.log(app, { type: 'SCHEDULE', id: made._id }, null, { ...made, copyOf })
    return made._id
  })
  return id
}

/** Hides a schedule. Answers its id. */
export function archiveSchedule(services: Services, caller: Caller, given: unknown): Promise<string> {
  return archiveHead(services, caller, { action: 'archiveSchedule', type: 'SCHEDULE', repository: schedules }, given)
}

/** `<name> (copy)`, the name cut so that both fit. */
function nameOfCopy(name: string): string {
  const suffix = ' (copy)'
  return `${cutText(name, MAX_NAME - suffix.length).trimEnd()}${suffix}`
}

function namedIn({ creatives, strategy }: ScheduleContent): string[] {
  return [...creatives.map(({ creative }) => creative), ...(strategy === null ? [] : [strategy])]
}
