// Four eyes: nobody decides on content to which they contributed since the last approved revision, or which they
// submitted. An app can relax it; no role does.

import { requireApp } from '../../common/apps/apps.ts'
import { AlkaidError } from '../../common/base/errors.ts'
import type { Mutation } from '../../common/command/mutate.ts'
import { type Review, reviews } from './repository.ts'
import { nameOf, pinOf, subjectsOf, type Thing } from './subjects.ts'

/** Throws FOUR_EYES, naming everything on which the actor may not decide. */
export async function checkFourEyes(
  { tx, actor }: Mutation,
  app: string,
  decided: readonly Review[],
  things: ReadonlyMap<string, Thing>,
): Promise<void> {
  const { fourEyes } = await requireApp(tx, app)
  if (!fourEyes) return
  const approved = await reviews.approvedBefore(tx, decided.map(pinOf))
  const own: Review[] = []
  for (const [index, review] of decided.entries()) {
    const { subject, revision, submittedBy } = review
    const authors = await subjectsOf[subject.type].authors(tx, subject.id, approved[index]?.revision ?? 0, revision)
    if (submittedBy.includes(actor) || authors.has(actor)) own.push(review)
  }
  if (own.length === 0) return
  const names = own.map(({ subject }) => nameOf(things.get(subject.id)!))
  throw new AlkaidError(
    'FOUR_EYES',
    `${JSON.stringify(actor)} wrote or submitted the ${names.join(', the ')}: somebody else has to decide`,
    { subjects: own.map(({ subject }) => subject) },
  )
}
