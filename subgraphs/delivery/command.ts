// The frame of the mutations that compose a slot: the common one, and after the commit the way to the nodes.

import type { Action } from '../../common/access/rights.ts'
import { type Mutation, mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { send } from './distribute.ts'
import type { PublicationRow } from './repository.ts'

/**
 * Runs `body` as `mutate` does and sends the publication that it composed; nothing is sent when this call repeats an
 * earlier one. Answers the id of the publication.
 */
export async function mutateSlot(
  services: Services,
  caller: Caller,
  action: Action,
  input: { idempotencyKey?: string | null },
  body: (mutation: Mutation) => Promise<PublicationRow>,
): Promise<string> {
  let made: PublicationRow | undefined
  const { id, repeated } = await mutate(services, caller, action, input, async (mutation) => {
    made = await body(mutation)
    return made._id
  })
  if (!repeated) await send(services, made!)
  return id
}
