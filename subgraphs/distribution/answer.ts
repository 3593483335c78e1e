// What one request is answered: a decision for each of its slots, and the cap token, which is read once for all of them and
// written when all are decided.

import { badInput } from '../../common/base/errors.ts'
import { checkContext } from '../../common/command/context-input.ts'
import { type CapTokenOutcome, readCapToken, writeCapToken } from '../../engine/decision/cap-token.ts'
import { type CapCounters, type CapPeriods, capPeriodsOf } from '../../engine/decision/caps.ts'
import type { CompiledSlot } from '../../engine/decision/compile.ts'
import { decide } from '../../engine/decision/select.ts'
import { type Decision, emptyDecision } from '../../engine/decision/types.ts'
import { readContext } from '../../engine/targeting/context.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { cutText, isPlain, quoteText, readText } from '../../engine/text.ts'
import type { Table } from './table.ts'

/** What answers need of the node. */
export type Node = {
  readonly table: Table
  readonly ready: boolean
  /** In ms since the Unix epoch. */
  now(): number
  random(): number
  readonly capTokens: CapTokenCounts
}

/** How cap tokens were that were looked for. `keyless`: the request said nobody whom one could belong to. */
export type CapTokenCounts = Record<CapTokenOutcome | 'keyless', number>

export type Asked = { app: string; slots: readonly string[]; context?: RequestContext | null }

/** There is no token when no cap had a part in the decision. */
export type Answer = Decision & { capToken?: string }

const MAX_SLOTS = 50

export const noCapTokens = (): CapTokenCounts => ({ missing: 0, read: 0, malformed: 0, foreign: 0, keyless: 0 })

/**
 * BAD_USER_INPUT when more is asked than a node answers at once.
 *
 * @param zone of the app.
 */
export function answerSlots(node: Node, zone: string, { app, slots, context }: Asked): Answer[] {
  const names = readSlotNames(slots)
  const compiled = readContext(checkContext(context ?? {}))
  const now = node.now()
  const asked = names.map((name) => ({ name, slot: node.table.slot(app, name) }))
  refuseRepeats(asked)
  const hasCaps = asked.some(({ slot }) => slot?.hasCaps)
  const counters = hasCaps
    ? readCounters(node.capTokens, context?.capToken, compiled.key, now, capPeriodsOf(zone))
    : null
  const answers: Answer[] = asked.map(({ name, slot }) =>
    slot ? decide(slot, compiled, now, node.random, counters) : emptyDecision(name, 'UNKNOWN_SLOT'),
  )
  if (counters) {
    const token = writeCapToken(counters, now)
    for (const [index, { slot }] of asked.entries()) if (slot?.hasCaps) answers[index]!.capToken = token
  }
  return answers
}

/** Null without a key: nothing can be counted, and nothing is capped. */
function readCounters(
  counts: CapTokenCounts,
  token: string | null | undefined,
  key: string | null,
  now: number,
  periods: CapPeriods,
): CapCounters | null {
  if (key === null) {
    counts.keyless += 1
    return null
  }
  const { counters, outcome } = readCapToken(token, key, now, periods)
  counts[outcome] += 1
  return counters
}

/** A name in a request, by the rule for text. Codes and ids are plain, and come back as they are. */
export function readName(given: string, path: string): string {
  if (isPlain(given)) return given
  const read = readText(given, 'line')
  if (read.mistake !== undefined) throw badInput(path, read.mistake)
  return read.text
}

function readSlotNames(slots: readonly string[]): string[] {
  if (slots.length < 1 || slots.length > MAX_SLOTS) throw badInput('slots', `must name 1 to ${MAX_SLOTS} slots`)
  return slots.map((name, index) => readName(name, `slots[${index}]`))
}

/** Each slot once, in whichever way it is named: what one answer may cost is bounded by what its slots hold. */
function refuseRepeats(asked: readonly { name: string; slot: CompiledSlot | undefined }[]): void {
  for (let at = 1; at < asked.length; at += 1) {
    const { name, slot } = asked[at]!
    for (let before = 0; before < at; before += 1) {
      if (slot ? asked[before]!.slot !== slot : asked[before]!.name !== name) continue
      throw badInput('slots', `names ${quoteText(cutText(name, 100))} more than once`)
    }
  }
}
