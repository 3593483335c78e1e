// What a node answers to the queries `decisions` (what a user sees) and `explainDecision` (why). Both read only the node's
// memory and wait for nothing. `decisions` is the hot path: it runs for every request of every app.

import { authorize } from '../../common/access/rights.ts'
import { AlkaidError, badInput, notFound } from '../../common/base/errors.ts'
import { checkContext } from '../../common/command/context-input.ts'
import type { Caller } from '../../common/command/services.ts'
import { type CapTokenOutcome, readCapToken, writeCapToken } from '../../engine/decision/cap-token.ts'
import { type CapCounters, type CapPeriods, capPeriodsOf } from '../../engine/decision/caps.ts'
import type { CompiledSlot } from '../../engine/decision/compile-slot.ts'
import { decide, decideCutOff } from '../../engine/decision/decide.ts'
import { type DecisionExplanation, explainRequest } from '../../engine/decision/explain-decision.ts'
import { type Decision, emptyDecision } from '../../engine/decision/types.ts'
import type { AppSettings } from '../../engine/publication/types.ts'
import { readContext } from '../../engine/targeting/context.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { cutText, isPlain, quoteText, readText } from '../../engine/text.ts'
import type { Table } from './table.ts'

/** What the answers need of the node. */
export type Node = {
  readonly table: Table
  readonly ready: boolean
  /** For how long the node has not compared its table with the channel, in ms. */
  cutOffMs(): number
  /** Milliseconds since the Unix epoch. */
  now(): number
  random(): number
  readonly capTokens: CapTokenCounts
}

/** How many cap tokens had each outcome. `keyless`: the request named neither a user nor a device. */
export type CapTokenCounts = Record<CapTokenOutcome | 'keyless', number>

export const noCapTokens = (): CapTokenCounts => ({ missing: 0, read: 0, malformed: 0, foreign: 0, keyless: 0 })

export type DecisionsArguments = { app: string; slots: readonly string[]; context?: RequestContext | null }

/** The answer for one slot. It has a cap token only when something in the slot has a frequency cap. */
export type SlotAnswer = Decision & { capToken?: string }

export type ExplainArguments = { app: string; slot: string; context?: RequestContext | null; at?: Date | null }

const MAX_SLOTS = 50

/**
 * Returns a decision for each slot, in the order of the names. The cap token is read once for all slots, and written once
 * after all are decided.
 *
 * @throws AlkaidError FORBIDDEN, UNAVAILABLE (not loaded yet), NOT_FOUND (the app), BAD_USER_INPUT.
 */
export function answerDecisions(node: Node, caller: Caller, { app, slots, context }: DecisionsArguments): SlotAnswer[] {
  checkName(app, 'app')
  requireReader(caller, app)
  const { zone } = requireSettings(node, app)
  const names = checkSlotNames(slots)
  const compiled = readContext(checkContext(context ?? {}))
  const now = node.now()
  const { table } = node
  const found = names.map((name) => table.slot(app, name))
  refuseRepeats(names, found)
  let hasCaps = false
  for (const slot of found) if (slot?.hasCaps) hasCaps = true
  const counters = hasCaps
    ? readCounters(node.capTokens, context?.capToken, compiled.key, now, capPeriodsOf(zone))
    : null
  const answers: SlotAnswer[] = found.map((slot, index) => {
    if (!slot) return emptyDecision(names[index]!, 'UNKNOWN_SLOT')
    return isCutOff(node, slot) ? decideCutOff(slot, now) : decide(slot, compiled, now, node.random, counters)
  })
  if (counters) {
    const token = writeCapToken(counters, now)
    for (const [index, slot] of found.entries()) if (slot?.hasCaps) answers[index]!.capToken = token
  }
  return answers
}

/**
 * Explains the decision for one slot, to people with a role in the app.
 *
 * @throws AlkaidError as `answerDecisions`; FORBIDDEN to app keys, because rules and other users' content are not for clients.
 */
export function explainDecision(
  node: Node,
  caller: Caller,
  { app, slot: name, context, at }: ExplainArguments,
): DecisionExplanation & { app: string } {
  if (caller.appKey) {
    throw new AlkaidError('FORBIDDEN', 'An app key cannot ask for explanations: use a token with a role in the app')
  }
  checkName(app, 'app')
  const slotName = checkName(name, 'slot')
  authorize(caller.principal, app, 'read')
  const { zone } = requireSettings(node, app)
  const request = checkContext(context ?? {})
  const instant = at?.getTime() ?? node.now()
  const slot = node.table.slot(app, slotName)
  if (!slot) {
    const message = `slot: There is no slot ${quoteText(slotName)} on this node: no slot has this code or id, or nothing was ever published in it`
    throw new AlkaidError('NOT_FOUND', message, { path: 'slot' })
  }
  // At another instant the node may be in contact again.
  const cutOff = !at && isCutOff(node, slot)
  return { app, ...explainRequest(slot, request, { now: instant, zone, random: node.random, isCutOff: cutOff }) }
}

function isCutOff(node: Node, { maxStaleMs }: CompiledSlot): boolean {
  return maxStaleMs !== Number.POSITIVE_INFINITY && node.cutOffMs() > maxStaleMs
}

function requireReader(caller: Caller, app: string): void {
  if (!caller.appKey) return void authorize(caller.principal, app, 'read')
  if (caller.appKey.app !== app) {
    throw new AlkaidError('FORBIDDEN', `This app key belongs to another app than ${JSON.stringify(app)}`)
  }
}

function requireSettings(node: Node, app: string): AppSettings {
  if (!node.ready) throw new AlkaidError('UNAVAILABLE', 'This node has not loaded yet: try again in a few seconds')
  const settings = node.table.settings(app)
  if (!settings) throw notFound('app', app)
  return settings
}

/** Checks a name by the rule for text. Codes and ids are plain already, and come back as the same string. */
function checkName(name: string, path: string): string {
  if (isPlain(name)) return name
  const read = readText(name, 'line')
  if (read.mistake !== undefined) throw badInput(path, read.mistake)
  return read.text
}

function checkSlotNames(slots: readonly string[]): readonly string[] {
  if (slots.length < 1 || slots.length > MAX_SLOTS) throw badInput('slots', `must name 1 to ${MAX_SLOTS} slots`)
  return slots.every(isPlain) ? slots : slots.map((name, index) => checkName(name, `slots[${index}]`))
}

/** Each slot may be named once, by its code or its id. This bounds the cost of one answer. */
function refuseRepeats(names: readonly string[], found: readonly (CompiledSlot | undefined)[]): void {
  for (let at = 1; at < names.length; at += 1) {
    const slot = found[at]
    for (let before = 0; before < at; before += 1) {
      if (slot ? found[before] !== slot : names[before] !== names[at]) continue
      throw badInput('slots', `names ${quoteText(cutText(names[at]!, 100))} more than once`)
    }
  }
}

/** Returns null for a request that names neither a user nor a device: nothing can be counted, and no cap applies. */
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
