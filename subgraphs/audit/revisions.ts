// The revisions of a thing, as people who look back ask for them: all of them, one of them, and the differences between two. The app of a
// revision says who may see it.

import { authorize, requirePrincipal } from '../../common/access/rights.ts'
import { badInput } from '../../common/base/errors.ts'
import { idOf, parseInput } from '../../common/command/input.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { readPage } from '../../common/graphql/connection.ts'
import { readable } from '../../common/graphql/read.ts'
import type { SubjectType } from '../../common/store/changes.ts'
import type { Pin } from '../../engine/publication/types.ts'
import { type Difference, differences } from './diff.ts'
import { ID_KINDS } from './history.ts'
import type { AuditLoaders } from './loaders.ts'
import type { SubjectKind } from './repository.ts'
import { REVISION_TYPES, type SubjectRevision, subjectRepositories } from './subjects.ts'

type Asked = { subject: { type: SubjectType; id: string } }
export type RevisionsArguments = Asked & { first?: number | null; before?: number | null }
export type RevisionArguments = Asked & { revision: number }
export type DifferenceArguments = Asked & { from: number; to: number }

/** A reference to an exact revision, which the graph resolves. */
type RevisionReference = Pin & { __typename: string }

/** The revisions of a thing, newest first. Empty when the thing does not exist. Throws FORBIDDEN without a role in its app. */
export async function readRevisions(
  { store }: Services,
  caller: Caller,
  loaders: AuditLoaders,
  { subject, first: given, before }: RevisionsArguments,
): Promise<RevisionReference[]> {
  requirePrincipal(caller.principal)
  const { type, id } = requireReviewed(subject)
  const { first } = readPage({ first: given ?? null })
  const page = { limit: first, before: before ?? undefined }
  const numbers = await subjectRepositories[type].revisionNumbers(store, id, page)
  const found = await Promise.all(numbers.map((revision) => loaders.subjects[type].revisions.load({ id, revision })))
  for (const one of found) if (one) authorize(caller.principal, one.app, 'read')
  return numbers.map((revision) => ({ __typename: REVISION_TYPES[type], id, revision }))
}

/** One revision; null when there is none. */
export async function readRevision(
  caller: Caller,
  loaders: AuditLoaders,
  { subject, revision }: RevisionArguments,
): Promise<RevisionReference | null> {
  requirePrincipal(caller.principal)
  const { type, id } = requireReviewed(subject)
  const found = await load(caller, loaders, type, { id, revision })
  return found && { __typename: REVISION_TYPES[type], id, revision }
}

/** What changed from one revision to another; null when one of them does not exist. */
export async function readDifference(
  caller: Caller,
  loaders: AuditLoaders,
  { subject, from, to }: DifferenceArguments,
): Promise<Difference[] | null> {
  requirePrincipal(caller.principal)
  const { type, id } = requireReviewed(subject)
  const [before, after] = await Promise.all([from, to].map((revision) => load(caller, loaders, type, { id, revision })))
  return before && after ? differences(type, before.content, after.content) : null
}

function load(
  caller: Caller,
  { subjects }: AuditLoaders,
  type: SubjectKind,
  pin: Pin,
): Promise<SubjectRevision | null> {
  return readable(caller, () => subjects[type].revisions.load(pin))
}

/** Throws BAD_USER_INPUT for an app or a slot, which have no revisions, and for the id of another kind of thing. */
function requireReviewed({ type, id }: Asked['subject']): { type: SubjectKind; id: string } {
  if (type === 'APP' || type === 'SLOT') {
    throw badInput('subject.type', `must be SCHEDULE, CREATIVE, STRATEGY or SEGMENT: ${type} has no revisions`)
  }
  return { type, id: parseInput(idOf(ID_KINDS[type]), id, 'subject.id') }
}
