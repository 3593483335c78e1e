// How long the answer to an app holds: its `cache-control`, and whether a node may answer 304 without deciding again.
//
// A decision depends on the request, the time, the slots that the request names, and whether this node is cut off. Within the windows and
// the rotation period of an answer, the time changes nothing (`validUntil`). So the same request gets the same answer while the table has
// the same publications at the same names, and the node is in contact. Chance and caps depend on more, so such answers are not kept.

import { NO_STORE } from '../../common/lane/reply.ts'
import type { StillHolds } from '../../common/lane/revalidation.ts'
import type { Stamp } from '../../engine/publication/types.ts'
import { isPlain } from '../../engine/text.ts'
import type { DecisionsArguments, Node, SlotAnswer } from './decisions.ts'
import type { Table } from './table.ts'

/** What the resolvers of a request leave in its context. An operation may ask for `decisions` more than once. */
export type AnsweredContext = {
  caller: { appKey?: { app: string } | null | undefined }
  answers?: readonly SlotAnswer[]
  asked?: readonly DecisionsArguments[]
}

/**
 * How long a client may keep the answer: until the next window or rotation boundary, and at most the app's `maxAgeSeconds`.
 * Example: the next schedule starts in 40 s and `maxAgeSeconds` is 60: `private, max-age=40`. Answers that depend on chance
 * or carry a cap token are `no-store`: the next answer to the same request is a different one.
 */
export function cacheControl(table: Table, { caller, answers }: AnsweredContext, now: number): string {
  if (!caller.appKey || !answers) return NO_STORE
  return cacheControlUntil(table, caller.appKey.app, validUntil(answers), now)
}

/**
 * Returns a function that gives the `cache-control` of this answer at any later time, and undefined once the same request may get another
 * answer. Call it in the turn in which the answer was computed. Undefined: the answer must not be kept.
 */
export function revalidation(node: Node, { caller, answers, asked }: AnsweredContext): StillHolds | undefined {
  if (!caller.appKey || !answers || !asked) return undefined
  const { app } = caller.appKey
  const from = node.now()
  const until = validUntil(answers)
  const names: string[] = []
  const stamps: (Stamp | undefined)[] = []
  let maxStaleMs = Number.POSITIVE_INFINITY
  for (const { slots } of asked) {
    for (const name of slots) {
      const slot = node.table.slot(app, name)
      // A name that is not plain is normalised before it is looked up. It is rare, so its answer is not worth keeping.
      if (slot?.hasCaps || !isPlain(name)) return undefined
      names.push(name)
      // Each compiled slot has a stamp object of its own. It is kept in place of the slot, which can be large.
      stamps.push(slot?.stamp)
      if (slot && slot.maxStaleMs < maxStaleMs) maxStaleMs = slot.maxStaleMs
    }
  }
  return () => {
    const now = node.now()
    if (now < from) return undefined // the clock was set back, perhaps into another window
    if (maxStaleMs !== Number.POSITIVE_INFINITY && node.cutOffMs() > maxStaleMs) return undefined
    const { table } = node
    for (let at = 0; at < names.length; at += 1) {
      if (table.slot(app, names[at]!)?.stamp !== stamps[at]) return undefined
    }
    const control = cacheControlUntil(table, app, until, now)
    return control === NO_STORE ? undefined : control
  }
}

/** In ms since the Unix epoch. -Infinity: the answer depends on chance or caps. */
function validUntil(answers: readonly SlotAnswer[]): number {
  let until = Number.POSITIVE_INFINITY
  for (const answer of answers) {
    if (answer.chance || answer.capToken !== undefined) return Number.NEGATIVE_INFINITY
    if (answer.validUntil < until) until = answer.validUntil
  }
  return until
}

function cacheControlUntil(table: Table, app: string, until: number, now: number): string {
  const settings = table.settings(app)
  if (!settings) return NO_STORE
  const seconds = Math.min(settings.maxAgeSeconds, Math.floor((until - now) / 1000))
  return seconds > 0 ? `private, max-age=${seconds}` : NO_STORE
}
