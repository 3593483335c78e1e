// The mutations of schedules: create, revise, duplicate, archive, unarchive.

import { z } from 'zod'
import { requireApp } from '../../common/apps/apps.ts'
import { archiveHead, unarchiveHead } from '../../common/command/archive.ts'
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
import { completeContent, contentInput, MAX_NAME } from './content.ts'
import { contentMistakes, refuse, slotToBook } from './references.ts'
import { placesOfSchedule, type ScheduleContent, schedules, slots } from './repository.ts'

const createInput = z.object({ app: reference, slot: reference, content: contentInput, idempotencyKey })
const reviseInput = z.object({ id: reference, expectedVersion, content: contentInput, idempotencyKey })
const duplicateInput = z.object({
  id: reference,
  expectedVersion,
  slot: optional(reference),
  name: optionalText(MAX_NAME),
  idempotencyKey,
})

/** Books creatives in a slot, as a draft. Returns the id of the schedule. */
export async function createSchedule(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseInput(createInput, rawInput)
  const { id } = await mutate(services, caller, 'createSchedule', input, async ({ tx, actor, at, authorize, log }) => {
    const { app } = input
    authorize(app)
    const content = completeContent(await requireApp(tx, app), input.content)
    const { slot, mistakes } = await slotToBook(tx, app, input.slot, 'input.slot')
    const rules = { app, format: slot?.format ?? null, kept: new Set<string>() }
    refuse([...mistakes, ...(await contentMistakes(tx, rules, content, 'input.content'))])
    const more = { slot: slot!._id, deliveryState: 'NONE', pinned: null } as const
    const made = await schedules.create(tx, { app, content, actor, at, more })
    await log(app, { type: 'SCHEDULE', id: made._id }, null, made)
    return made._id
  })
  return id
}

/** Writes a new draft revision, unless the content is the same. Returns the id of the schedule. */
export async function reviseSchedule(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseInput(reviseInput, rawInput)
  const { id } = await mutate(services, caller, 'reviseSchedule', input, async ({ tx, actor, at, authorize, log }) => {
    const before = await schedules.require(tx, input.id)
    authorize(before.app)
    checkVersion('schedule', before, input.expectedVersion)
    refuseArchived('schedule', before, 'be revised')
    const content = completeContent(await requireApp(tx, before.app), input.content)
    const { format } = await slots.require(tx, before.slot)
    const rules = { app: before.app, format, kept: new Set(referencesOf(before.content)) }
    refuse(await contentMistakes(tx, rules, content, 'input.content'))
    if (isUnchanged(before, content)) return before._id
    const after = await schedules.revise(tx, before, { content, actor, at })
    await log(after.app, { type: 'SCHEDULE', id: after._id }, before, after)
    return after._id
  })
  return id
}

/** Copies the newest content of a schedule into a new one. The original may be archived. Returns the id of the new schedule. */
export async function duplicateSchedule(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseInput(duplicateInput, rawInput)
  const { id } = await mutate(services, caller, 'duplicateSchedule', input, async (mutation) => {
    const { tx, actor, at } = mutation
    const original = await schedules.require(tx, input.id)
    const { app } = original
    mutation.authorize(app)
    checkVersion('schedule', original, input.expectedVersion)
    const content = { ...original.content, name: input.name ?? nameOfCopy(original.content.name) }
    const { slot, mistakes } = await slotToBook(tx, app, input.slot ?? original.slot, 'input.slot')
    const rules = { app, format: slot?.format ?? null, kept: new Set<string>() }
    // The content is not in the input. So each mistake in it gets the path of the original's id.
    const inContent = await contentMistakes(tx, rules, content, 'content')
    refuse([...mistakes, ...inContent.map(({ message }) => ({ path: 'input.id', message }))])
    // The authors of the original are also authors of the copy. So they cannot approve a copy that somebody else made.
    const copiedFrom = [...(await schedules.authors(tx, original._id, 0, original.revision))]
    const more = { slot: slot!._id, deliveryState: 'NONE', pinned: null } as const
    const made = await schedules.create(tx, { app, content, actor, at, more, copiedFrom })
    const copyOf = { id: original._id, revision: original.revision }
    await mutation.log(app, { type: 'SCHEDULE', id: made._id }, null, { ...made, copyOf })
    return made._id
  })
  return id
}

/** Archives a schedule. Returns its id. */
export function archiveSchedule(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const target = { action: 'archiveSchedule', type: 'SCHEDULE', repository: schedules } as const
  return archiveHead(services, caller, { ...target, livePlaces: placesOfSchedule }, rawInput)
}

/** Takes a schedule out of the archive. Returns its id. */
export function unarchiveSchedule(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const target = { action: 'unarchiveSchedule', type: 'SCHEDULE', repository: schedules } as const
  return unarchiveHead(services, caller, target, rawInput)
}

/** `<name> (copy)`. The name is cut so that the result is not too long. */
function nameOfCopy(name: string): string {
  const suffix = ' (copy)'
  return `${cutText(name, MAX_NAME - suffix.length).trimEnd()}${suffix}`
}

function referencesOf({ creatives, strategy }: ScheduleContent): string[] {
  return [...creatives.map(({ creative }) => creative), ...(strategy === null ? [] : [strategy])]
}
