// The rules of reviewing in the model: what is submitted, what is recalled, and who may decide.

import type { ErrorCode } from '../../common/base/errors.ts'
import {
  type Effect,
  isOpen,
  type Model,
  namesIn,
  namesPinned,
  newest,
  newestApproved,
  reviewOf,
  revisionOf,
  type Thing,
  thingOf,
} from './model.ts'

/** Submits it with everything unapproved that it uses. Rejected things and archived drafts need an earlier approved revision instead. */
export function submit(model: Model, subject: Thing, by: string): ErrorCode | Effect {
  if (subject.archived || subject.state !== 'DRAFT') return 'INVALID_STATE'
  const along: Thing[] = []
  const next = namesIn(subject.revisions.at(-1)!.uses)
  for (const name of next) {
    const used = model.things.get(name)!
    if (along.includes(used)) continue
    along.push(used)
    const published = staysBehind(used) ? newestApproved(model, name) : newest(used)
    if (published === null) return 'INVALID_STATE'
    next.push(...namesIn(revisionOf(model, published).uses))
  }
  // A thing that could not be published cannot be submitted.
  if (subject.kind === 'SCHEDULE') {
    const inUse = namesPinned(subject)
    if (along.some(({ name, archived }) => archived && !inUse.includes(name))) return 'INVALID_STATE'
    if (model.slots.get(subject.slot!)!.archived && !subject.pin) return 'INVALID_STATE'
  }
  return () => {
    const name = `B${model.submissions.size + 1}`
    const opened = [subject, ...along.filter((thing) => thing.state === 'DRAFT' && !staysBehind(thing))]
    const waiting = along.filter(({ state }) => state === 'IN_REVIEW')
    for (const thing of opened) {
      const revision = thing.revisions.at(-1)!
      // A recalled review is opened again.
      if (revision.review) revision.review = { ...revision.review, state: 'OPEN', version: revision.review.version + 1 }
      else revision.review = { state: 'OPEN', version: 1, neededBy: [], submittedBy: [] }
      thing.state = 'IN_REVIEW'
    }
    const reviews = [...opened, ...waiting].map(newest)
    for (const text of reviews) {
      const { neededBy, submittedBy } = reviewOf(model, text)
      neededBy.push(name)
      submittedBy.push(by)
    }
    subject.version += 1
    model.submissions.set(name, { subject: subject.name, version: 1, recalled: false, reviews })
  }
}

function staysBehind({ state, archived }: Thing): boolean {
  return state === 'REJECTED' || (state === 'DRAFT' && archived)
}

/** A thing that no other submission needs becomes a draft again. */
export function recall(model: Model, name: string): ErrorCode | Effect {
  const submission = model.submissions.get(name)!
  const open = submission.reviews.filter((text) => isOpen(model, text))
  if (submission.recalled || open.length === 0) return 'INVALID_STATE'
  return () => {
    submission.recalled = true
    submission.version += 1
    for (const text of open) {
      const review = reviewOf(model, text)
      review.neededBy = review.neededBy.filter((other) => other !== name)
      if (review.neededBy.length > 0) continue
      review.state = 'RECALLED'
      review.version += 1
      thingOf(model, text).state = 'DRAFT'
    }
  }
}

export function decide(
  model: Model,
  texts: readonly string[],
  { does, by }: { does: string; by: string },
): ErrorCode | Effect {
  const open = texts.filter((text) => isOpen(model, text))
  if (open.length === 0) return 'INVALID_STATE'
  if (open.some((text) => hasHandIn(model, text, by))) return 'FOUR_EYES'
  const state = does.startsWith('approve') ? 'APPROVED' : 'REJECTED'
  return () => {
    const needing = new Set(open.flatMap((text) => reviewOf(model, text).neededBy))
    for (const name of needing) model.submissions.get(name)!.version += 1
    for (const text of open) {
      const review = reviewOf(model, text)
      review.state = state
      review.version += 1
      thingOf(model, text).state = state
    }
  }
}

/** Whether the person submitted it, or wrote a part of it since the last approved revision. */
function hasHandIn(model: Model, text: string, actor: string): boolean {
  if (reviewOf(model, text).submittedBy.includes(actor)) return true
  const { name, revisions } = thingOf(model, text)
  const approved = newestApproved(model, name)
  const since = approved === null ? 0 : Number(approved.split('@')[1])
  return revisions.slice(since).some(({ author }) => author === actor)
}
