// The mutations of slots: create, update, archive, unarchive.

import { z } from 'zod'
import { readerOf } from '../../common/access/rights.ts'
import { requireApp } from '../../common/apps/apps.ts'
import { badInput } from '../../common/base/errors.ts'
import { isId, newId } from '../../common/base/ids.ts'
import { archiveInput, unarchiveInput } from '../../common/command/archive.ts'
import { frequencyCaps } from '../../common/command/frequency-caps-input.ts'
import {
  expectedVersion,
  idempotencyKey,
  integer,
  optional,
  parseInput,
  reference,
  text,
  withDefault,
} from '../../common/command/input.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import type { SlotFormat } from '../../common/formats/format.ts'
import { shownFormat, slotFormat } from '../../common/formats/format-input.ts'
import { refuseArchived, refuseLive, refuseNotArchived } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { changesNothing, parsePatch, refuseRepeats } from './inputs.ts'
import { creativeMistakes, refuse } from './references.ts'
import { placesInSlot, type Slot, slots } from './repository.ts'

/** The fields of a slot that operators choose and may change. */
const choices = {
  name: text(200),
  capacity: withDefault(integer(1, 50), 1),
  rotationSeconds: withDefault(integer(60, 31_536_000), 86_400),
  maxStaleSeconds: optional(integer(30, 31_536_000)),
  caps: frequencyCaps,
  fallback: withDefault(z.array(reference).max(50, 'must hold at most 50').superRefine(refuseRepeats([])), []),
  format: optional(slotFormat),
}

const createInput = z.object({
  app: reference,
  code: z
    .string()
    .regex(/^[a-z0-9._-]{1,64}$/, 'must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`')
    .refine(
      (code) => !isId('slot', code),
      'must not begin with slt_: ids of slots begin with it, and a slot can be named by code or by id',
    ),
  ...choices,
  idempotencyKey,
})

const changeInput = { id: reference, expectedVersion, idempotencyKey }

/** Creates a slot. Returns its id. */
export async function createSlot(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseInput(createInput, rawInput)
  const { id } = await mutate(services, caller, 'createSlot', input, async ({ tx, actor, at, authorize, log }) => {
    const { idempotencyKey: _, ...fields } = input
    const { app, code } = fields
    authorize(app)
    await requireApp(tx, app)
    const taken = await slots.byCode(tx, app, code)
    if (taken) {
      const what = taken.archivedAt ? 'an archived slot' : 'a slot'
      throw badInput('input.code', `the app ${JSON.stringify(app)} already has ${what} ${JSON.stringify(code)}`)
    }
    const made = { _id: newId('slot', at.getTime()), version: 1, archivedAt: null, createdAt: at, createdBy: actor }
    const slot: Slot = { ...made, ...fields, pinnedFallback: [], guard: 0 }
    await checkFallback(tx, slot, new Set(), fallbackPath)
    await slots.insert(tx, slot)
    await log(app, { type: 'SLOT', id: slot._id }, null, slot)
    return slot._id
  })
  return id
}

/** Changes the fields that the input names. Writes nothing when nothing changes. Returns the id of the slot. */
export async function updateSlot(services: Services, caller: Caller, rawInput: object): Promise<string> {
  const input = parsePatch(changeInput, choices, rawInput)
  const { id } = await mutate(services, caller, 'updateSlot', input, async ({ tx, authorize, log }) => {
    const { id, expectedVersion, idempotencyKey: _, ...patch } = input
    const before = await slots.requireNamed(tx, id, 'input.id', readerOf(caller.principal))
    const { app } = before
    authorize(app)
    checkVersion('slot', before, expectedVersion)
    refuseArchived('slot', before, 'be updated')
    if (patch.fallback || patch.format) {
      // When a new format does not fit the old fallback, the mistake is at the format.
      const path = patch.fallback ? fallbackPath : () => 'input.format'
      await checkFallback(tx, { ...before, ...patch }, new Set(before.fallback), path)
    }
    if (changesNothing(shown(before), shown(patch))) return before._id
    const after = await slots.touch(tx, before, patch)
    await log(app, { type: 'SLOT', id: before._id }, before, after)
    return before._id
  })
  return id
}

/** Archives a slot: it is hidden, and nothing new can be booked in it. Returns its id. */
export async function archiveSlot(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseInput(archiveInput, rawInput)
  const { id } = await mutate(services, caller, 'archiveSlot', input, async ({ tx, at, authorize, log }) => {
    const before = await slots.requireNamed(tx, input.id, 'input.id', readerOf(caller.principal))
    const { app } = before
    authorize(app)
    checkVersion('slot', before, input.expectedVersion)
    refuseArchived('slot', before, 'be archived once more')
    if (!input.confirmLive) refuseLive('slot', before._id, await placesInSlot(tx, before))
    const after = await slots.touch(tx, before, { archivedAt: at })
    await log(app, { type: 'SLOT', id: before._id }, before, after)
    return before._id
  })
  return id
}

/** Takes a slot out of the archive. Returns its id. */
export async function unarchiveSlot(services: Services, caller: Caller, rawInput: unknown): Promise<string> {
  const input = parseInput(unarchiveInput, rawInput)
  const { id } = await mutate(services, caller, 'unarchiveSlot', input, async ({ tx, authorize, log }) => {
    const before = await slots.requireNamed(tx, input.id, 'input.id', readerOf(caller.principal))
    const { app } = before
    authorize(app)
    checkVersion('slot', before, input.expectedVersion)
    refuseNotArchived('slot', before)
    const after = await slots.touch(tx, before, { archivedAt: null })
    await log(app, { type: 'SLOT', id: before._id }, before, after)
    return before._id
  })
  return id
}

/** The slot as the API shows it. The JSON Schema of a format is stored as text; parsed, the order of its keys does not matter. */
function shown<T extends { format?: SlotFormat | null }>(slot: T) {
  return { ...slot, ...(slot.format && { format: shownFormat(slot.format) }) }
}

const fallbackPath = (index: number) => `input.fallback[${index}]`

async function checkFallback(
  tx: Tx,
  { app, format, fallback }: Slot,
  kept: ReadonlySet<string>,
  path: (index: number) => string,
): Promise<void> {
  refuse(await creativeMistakes(tx, { app, format, kept }, fallback, path))
}
