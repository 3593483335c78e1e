// The frame of every mutation that composes a slot: publish, publishSlot, rollbackSlot, pause, resume, withdraw, stopSlot, restartSlot.
// It adds one step to the common frame: after the commit the new publication is sent to the nodes.

import { z } from 'zod'
import { type Action, readerOf } from '../../common/access/rights.ts'
import { expectedVersion, idempotencyKey, integer, reference } from '../../common/command/input.ts'
import { type Mutation, mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { type Schedule, type Slot, schedules, slots } from '../schedule/repository.ts'
import { send } from './distribution.ts'
import type { PublicationRow } from './repository.ts'

/** A revision that the caller names. 2,147,483,647 is the largest Int of GraphQL. */
export const revisionNumber = integer(1, 2_147_483_647)

/** The input of every such mutation on a schedule. */
export const scheduleInput = z.object({ schedule: reference, expectedVersion, idempotencyKey })

/** The input of every such mutation on a slot. */
export const slotInput = z.object({ slot: reference, expectedVersion, idempotencyKey })

/**
 * Runs `body` in a transaction, then sends the publication that it made. A repeated call (same idempotency key) sends
 * nothing. Returns the id of the publication.
 */
export async function mutateAndSend(
  services: Services,
  caller: Caller,
  action: Action,
  input: { idempotencyKey?: string | null },
  body: (mutation: Mutation) => Promise<PublicationRow>,
): Promise<string> {
  let publication: PublicationRow | undefined
  const { id, repeated } = await mutate(services, caller, action, input, async (mutation) => {
    publication = await body(mutation)
    return publication._id
  })
  if (!repeated) await send(services, publication!)
  return id
}

/** The schedule of the input. Checks that it exists, that the caller may do this in its app, and its version. */
export async function requireSchedule(mutation: Mutation, input: z.output<typeof scheduleInput>): Promise<Schedule> {
  const schedule = await schedules.require(mutation.tx, input.schedule)
  mutation.authorize(schedule.app)
  checkVersion('schedule', schedule, input.expectedVersion)
  return schedule
}

/** The slot of the input. Checks that it exists, that the caller may do this in its app, and its version. */
export async function requireSlot(
  mutation: Mutation,
  { principal }: Caller,
  input: z.output<typeof slotInput>,
): Promise<Slot> {
  const slot = await slots.requireNamed(mutation.tx, input.slot, 'input.slot', readerOf(principal))
  mutation.authorize(slot.app)
  checkVersion('slot', slot, input.expectedVersion)
  return slot
}
