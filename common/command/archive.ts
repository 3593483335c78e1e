// Archives a thing with revisions, and takes it out of the archive. It is the same for every kind. An archived thing is hidden, and
// cannot be revised or submitted. common/store/archived.ts has the rules of where it may still be used, and of what is live.

import { z } from 'zod'
import type { Action } from '../access/rights.ts'
import { invalidState } from '../base/errors.ts'
import { type LivePlaces, refuseArchived, refuseLive, refuseNotArchived } from '../store/archived.ts'
import type { SubjectType } from '../store/changes.ts'
import type { Db, Tx } from '../store/collection.ts'
import { checkVersion, type Head, type Names } from '../store/revisioned.ts'
import { expectedVersion, idempotencyKey, optional, parseInput, reference } from './input.ts'
import { mutate } from './mutate.ts'
import type { Caller, Services } from './services.ts'

/** An UnarchiveInput. */
export const unarchiveInput = z.object({ id: reference, expectedVersion, idempotencyKey })
/** An ArchiveInput. */
export const archiveInput = unarchiveInput.extend({ confirmLive: optional(z.boolean()) })

/** The part of a repository that archiving needs. */
type Repository<H> = {
  names: Names
  require(db: Db, id: string): Promise<H>
  touch(tx: Tx, head: H, set: Partial<H>, at: Date): Promise<H>
}

type Target<H> = { action: Action; type: SubjectType; repository: Repository<H> }

/**
 * Archives the thing and resolves to its id. Throws INVALID_STATE when it is archived already or in review, and when it is live
 * and the input does not confirm that.
 *
 * @param livePlaces where the thing is live. It reads in the transaction, so that a `publish` at the same time collides.
 */
export async function archiveHead<H extends Head<unknown>>(
  services: Services,
  caller: Caller,
  { action, type, repository, livePlaces }: Target<H> & { livePlaces(tx: Tx, head: H): Promise<LivePlaces> },
  given: unknown,
): Promise<string> {
  const input = parseInput(archiveInput, given)
  const { what } = repository.names
  const { id } = await mutate(services, caller, action, input, async ({ tx, at, authorize, log }) => {
    const before = await repository.require(tx, input.id)
    authorize(before.app)
    checkVersion(what, before, input.expectedVersion)
    refuseArchived(what, before, 'be archived once more')
    if (before.reviewState === 'IN_REVIEW') {
      const message = `The ${what} ${JSON.stringify(before._id)} is in review: recall its submission first`
      throw invalidState(message)
    }
    if (!input.confirmLive) refuseLive(what, before._id, await livePlaces(tx, before))
    const after = await repository.touch(tx, before, { archivedAt: at } as Partial<H>, at)
    await log(after.app, { type, id: after._id }, before, after)
    return after._id
  })
  return id
}

/** Takes the thing out of the archive and resolves to its id. Throws INVALID_STATE when it is not archived. */
export async function unarchiveHead<H extends Head<unknown>>(
  services: Services,
  caller: Caller,
  { action, type, repository }: Target<H>,
  given: unknown,
): Promise<string> {
  const input = parseInput(unarchiveInput, given)
  const { what } = repository.names
  const { id } = await mutate(services, caller, action, input, async ({ tx, at, authorize, log }) => {
    const before = await repository.require(tx, input.id)
    authorize(before.app)
    checkVersion(what, before, input.expectedVersion)
    refuseNotArchived(what, before)
    const after = await repository.touch(tx, before, { archivedAt: null } as Partial<H>, at)
    await log(after.app, { type, id: after._id }, before, after)
    return after._id
  })
  return id
}
