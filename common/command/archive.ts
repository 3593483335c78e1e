// Archives a thing with revisions; it is the same for every kind. An archived thing is hidden, and cannot be revised or submitted.
// common/store/archived.ts has the rule of where it may still be used.

import { z } from 'zod'
import type { Action } from '../access/rights.ts'
import { invalidState } from '../base/errors.ts'
import { refuseArchived } from '../store/archived.ts'
import type { SubjectType } from '../store/changes.ts'
import type { Db, Tx } from '../store/collection.ts'
import { checkVersion, type Head, type Names } from '../store/revisioned.ts'
import { expectedVersion, idempotencyKey, parseInput, reference } from './input.ts'
import { mutate } from './mutate.ts'
import type { Caller, Services } from './services.ts'

const archiveInput = z.object({ id: reference, expectedVersion, idempotencyKey })

/** The part of a repository that archiving needs. */
type Repository<H> = {
  names: Names
  require(db: Db, id: string): Promise<H>
  touch(tx: Tx, head: H, set: Partial<H>, at: Date): Promise<H>
}

/** Archives the thing and resolves to its id. Throws INVALID_STATE when it is archived already or in review. */
export async function archiveHead<H extends Head<unknown>>(
  services: Services,
  caller: Caller,
  { action, type, repository }: { action: Action; type: SubjectType; repository: Repository<H> },
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
    const after = await repository.touch(tx, before, { archivedAt: at } as Partial<H>, at)
    await log(after.app, { type, id: after._id }, before, after)
    return after._id
  })
  return id
}
