// The things that are reviewed, whichever kind they are of. A new kind is a line in each table.

import { notFound } from '../../common/base/errors.ts'
import type { Head, Revision, revisionedRepository } from '../../common/store/revisioned.ts'
import type { Tx } from '../../common/store/rows.ts'
import type { Pin } from '../../engine/publication/types.ts'
import { creatives } from '../creative/repository.ts'
import { schedules } from '../schedule/repository.ts'
import { segments, strategies } from '../strategy/repository.ts'
import type { Review, SubjectKind } from './repository.ts'

/** What the content of every kind has. */
export type SubjectContent = { name: string }
export type SubjectHead = Head<SubjectContent>
export type SubjectRevision = Revision<SubjectContent>
export type Subjects = ReturnType<typeof revisionedRepository<SubjectContent>>

/** What is submitted or decided: a thing as it is in this transaction. */
export type Thing = { type: SubjectKind; head: SubjectHead }

// Each repository writes its own content; reviews only ever move states, so they need no more of it than a name.
export const subjectsOf: Record<SubjectKind, Subjects> = {
  SCHEDULE: schedules as unknown as Subjects,
  CREATIVE: creatives as unknown as Subjects,
  STRATEGY: strategies as unknown as Subjects,
  SEGMENT: segments as unknown as Subjects,
}

/** How its exact revision is called in the graph. */
export const REVISION_TYPES: Record<SubjectKind, string> = {
  SCHEDULE: 'ScheduleRevision',
  CREATIVE: 'CreativeRevision',
  STRATEGY: 'StrategyRevision',
  SEGMENT: 'SegmentRevision',
}

/** The things with these ids, in their order. */
export async function readThings(tx: Tx, type: SubjectKind, ids: readonly string[]): Promise<Thing[]> {
  if (ids.length === 0) return []
  const heads = await subjectsOf[type].byIds(tx, ids)
  return heads.map((head, index) => {
    if (!head) throw notFound(type.toLowerCase(), ids[index]!)
    return { type, head }
  })
}

/** The things that reviews are of, by id; one read for each kind among them. */
export async function readSubjects(tx: Tx, reviews: readonly Review[]): Promise<Map<string, Thing>> {
  const things: Thing[] = []
  for (const [type, ofKind] of byKind(reviews)) {
    things.push(...(await readThings(tx, type, [...new Set(ofKind.map(({ subject }) => subject.id))])))
  }
  return new Map(things.map((thing) => [thing.head._id, thing]))
}

/** The reviews by the kind of their subject. */
export function byKind(reviews: readonly Review[]): Map<SubjectKind, Review[]> {
  return Map.groupBy(reviews, ({ subject }) => subject.type)
}

export function pinOf({ subject, revision }: Review): Pin {
  return { id: subject.id, revision }
}

/** As people should read it: `creative "Summer" (cre_...)`. */
export function nameOf({ type, head }: Thing): string {
  return `${type.toLowerCase()} ${JSON.stringify(head.content.name)} (${head._id})`
}
