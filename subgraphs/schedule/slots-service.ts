// The rules of slots: what they may be, and how they change.

import { z } from 'zod'
import { readerOf } from '../../common/access/rights.ts'
import { requireApp } from '../../common/apps/apps.ts'
import { badInput } from '../../common/base/errors.ts'
import { isId, newId } from '../../common/base/ids.ts'
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
import { refuseArchived } from '../../common/store/archived.ts'
import type { Tx } from '../../common/store/collection.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { eachOnce } from './each-once.ts'
import { changesNothing, parsePatch } from './patch.ts'
import { creativeMistakes, refuse } from './references.ts'
import { type Slot, slots } from './repository.ts'

/** The fields of a slot that operators choose, and may change. */
const choices = {
  name: text(200),
  capacity: withDefault(integer(1, 50), 1),
  rotationSeconds: withDefault(integer(60, 31_536_000), 86_400),
  caps: frequencyCaps,
  fallback: withDefault(z.array(reference).max(50, 'must hold at most 50').superRefine(eachOnce([])), []),
  format: optional(slotFormat),
}

const createInput = z.object({
  app: reference,
  code: z
    .string()
    .regex(/^[a-z0-9._-]{1,64}$/, 'must be 1 to 64 of a-z, 0-9, `.`, `_` and `-`')
    .refine(
      (code) => !isId('slot', code),
      'must not begin with slt_: slots are named by code or by id, and ids begin so',
    ),
  ...choices,
  idempotencyKey,
})

const changeInput = { id: reference, expectedVersion, idempotencyKey }

/** Makes a slot. Answers its id. */
export async function createSlot(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(createInput, given)
  const { id } = await mutate(services, caller, 'createSlot', input, async ({ tx, actor, at, authorize, log }) => {
    const { idempotencyKey: _, ...chosen } = input
    const { app, code } = chosen
    authorize(app)
    await requireApp(tx, app)
    const taken = await slots.byCode(tx, app, code)
    if (taken) {
      const what = taken.archivedAt ? 'an archived slot' : 'a slot'
      throw badInput('input.code', `the app ${JSON.stringify(app)} has ${what} ${JSON.stringify(code)} already`)
    }
    const made = { _id: newId('slot', at.getTime()), version: 1, archivedAt: null, createdAt: at, createdBy: actor }
    const slot: Slot = { ...made, ...chosen, pinnedFallback: [], guard: 0 }
    await refuseFallback(tx, slot, new Set(), fallbackPath)
    await slots.insert(tx, slot)
    await log(app, { type: 'SLOT', id: slot._id }, null, slot)
    return slot._id
  })
  return id
}

/** Changes what is named; the rest stays. Where that changes nothing, nothing is written. Answers the id of the slot. */
export async function updateSlot(services: Services, caller: Caller, given: object): Promise<string> {
  const input = parsePatch(changeInput, choices, given)
  const { id } = await mutate(services, caller, 'updateSlot', input, async ({ tx, authorize, log }) => {
    const { id, expectedVersion, idempotencyKey: _, ...patch } = input
    const before = await slots.requireNamed(tx, id, 'input.id', readerOf(caller.principal))
    const { app } = before
    authorize(app)
    checkVersion('slot', before, expectedVersion)
    refuseArchived('slot', before, 'be updated')
    if (patch.fallback || patch.format) {
      // A new format that its old fallback does not fit is the format's mistake.
      const path = patch.fallback ? fallbackPath : () => 'input.format'
      await refuseFallback(tx, { ...before, ...patch }, new Set(before.fallback), path)
    }
    if (changesNothing(shown(before), shown(patch))) return before._id
    const after = await slots.touch(tx, before, patch)
    await log(app, { type: 'SLOT', id: before._id }, before, after)
    return before._id
  })
  return id
}

/** Hides a slot: nothing can be booked in it anew. Answers its id. */
export async function archiveSlot(services: Services, caller: Caller, given: unknown): Promise<string> {
  const input = parseInput(z.object(changeInput), given)
  const { id } = await mutate(services, caller, 'archiveSlot', input, async ({ tx, at, authorize, log }) => {
    const before = await slots.requireNamed(tx, input.id, 'input.id', readerOf(caller.principal))
    const { app } = before
    authorize(app)
    checkVersion('slot', before, input.expectedVersion)
    refuseArchived('slot', before, 'be archived once more')
    const after = await slots.touch(tx, before, { archivedAt: at })
    await log(app, { type: 'SLOT', id: before._id }, before, after)
    return before._id
  })
  return id
}

/** As it is shown: the schema of a format is stored as text, and means the same in any order of its keys. */
function shown<T extends { format?: SlotFormat | null }>(slot: T) {
  return { ...slot, ...(slot.format && { format: shownFormat(slot.format) }) }
}

const fallbackPath = (index: number) => `input.fallback[${index}]`

async function refuseFallback(
  tx: Tx,
  { app, format, fallback }: Slot,
  kept: ReadonlySet<string>,
  path: (index: number) => string,
): Promise<void> {
  refuse(await creativeMistakes(tx, { app, format, kept }, fallback, path))
}
