// The things that are reviewed: schedules, creatives, strategies and segments. A new kind is a line in each table.

import { notFound } from '../../common/base/errors.ts'
import type { Tx } from '../../common/store/collection.ts'
import type { Head, Revision, revisionedRepository } from '../../common/store/revisioned.ts'
import type { Pin } from '../../engine/publication/types.ts'
import { creatives } from '../creative/repository.ts'
import { schedules } from '../schedule/repository.ts'
import { segments, strategies } from '../strategy/repository.ts'
import type { Review, SubjectKind } from './repository.ts'

/** What the content of every kind has. */
export type SubjectContent = { name: string }
export type SubjectHead = Head<SubjectContent>
export type SubjectRevision = Revision<SubjectContent>
export type SubjectRepository = ReturnType<typeof revisionedRepository<SubjectContent>>

/** A thing that is reviewed, as it is in this transaction. */
export type Subject = { type: SubjectKind; head: SubjectHead }

// Reviews read a subject's name and move its review state. They never write its content, so the casts are safe.
export const subjectRepositories: Record<SubjectKind, SubjectRepository> = {
  SCHEDULE: schedules as unknown as SubjectRepository,
  CREATIVE: creatives as unknown as SubjectRepository,
  STRATEGY: strategies as unknown as SubjectRepository,
  SEGMENT: segments as unknown as SubjectRepository,
}

/** The GraphQL type of one exact revision. */
export const REVISION_TYPES: Record<SubjectKind, string> = {
  SCHEDULE: 'ScheduleRevision',
  CREATIVE: 'CreativeRevision',
  STRATEGY: 'StrategyRevision',
  SEGMENT: 'SegmentRevision',
}

/** The subjects with these ids, in the order of the ids. Throws NOT_FOUND for the first one that does not exist. */
export async function readSubjects(tx: Tx, type: SubjectKind, ids: readonly string[]): Promise<Subject[]> {
  if (ids.length === 0) return []
  const heads = await subjectRepositories[type].byIds(tx, ids)
  return heads.map((head, index) => {
    if (!head) throw notFound(type.toLowerCase(), ids[index]!)
    return { type, head }
  })
}

/** id -> the subject of each review. One read for each kind of subject. */
export async function subjectsOfReviews(tx: Tx, reviews: readonly Review[]): Promise<Map<string, Subject>> {
  const subjects: Subject[] = []
  for (const [type, ofKind] of groupByKind(reviews)) {
    const ids = [...new Set(ofKind.map(({ subject }) => subject.id))]
    subjects.push(...(await readSubjects(tx, type, ids)))
  }
  return new Map(subjects.map((subject) => [subject.head._id, subject]))
}

export function groupByKind(reviews: readonly Review[]): Map<SubjectKind, Review[]> {
  return Map.groupBy(reviews, ({ subject }) => subject.type)
}

/** The exact revision that a review is of. */
export function pinOf({ subject, revision }: Review): Pin {
  return { id: subject.id, revision }
}

/** How messages name a subject: `creative "Summer" (cre_...)`. */
export function nameOf({ type, head }: Subject): string {
  return `${type.toLowerCase()} ${JSON.stringify(head.content.name)} (${head._id})`
}
