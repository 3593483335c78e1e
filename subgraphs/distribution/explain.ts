// Why this node answers what it answers, for people with a role in the app.

import { authorize } from '../../common/access/rights.ts'
import { AlkaidError, notFound } from '../../common/base/errors.ts'
import { checkContext } from '../../common/command/context-input.ts'
import type { Caller } from '../../common/command/services.ts'
import { type DecisionExplanation, explainRequest } from '../../engine/decision/explain.ts'
import type { RequestContext } from '../../engine/targeting/types.ts'
import { quoteText } from '../../engine/text.ts'
import { type Node, readName } from './answer.ts'

export type AskedWhy = { app: string; slot: string; context?: RequestContext | null; at?: Date | null }

/** FORBIDDEN to app keys: what others see, and by which rules, is not for clients. */
export function explainFor(
  node: Node,
  caller: Caller,
  { app, slot: name, context, at }: AskedWhy,
): DecisionExplanation & { app: string } {
  if (caller.appKey) throw new AlkaidError('FORBIDDEN', 'Explanations are for a token with a role, not for app keys')
  readName(app, 'app')
  const slotName = readName(name, 'slot')
  authorize(caller.principal, app, 'read')
  if (!node.ready) throw new AlkaidError('UNAVAILABLE', 'This node has not loaded yet')
  const settings = node.table.settings(app)
  if (!settings) throw notFound('app', app)
  const request = checkContext(context ?? {})
  const instant = at?.getTime() ?? node.now()
  const slot = node.table.slot(app, slotName)
  if (!slot) {
    const message = `slot: There is no slot ${quoteText(slotName)} on the nodes: no slot has this code or id, or nothing was ever published in it`
    throw new AlkaidError('NOT_FOUND', message, { path: 'slot' })
  }
  return { app, ...explainRequest(slot, request, { now: instant, zone: settings.zone, random: node.random }) }
}
