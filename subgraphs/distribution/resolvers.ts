// The slot query over the node's memory. Synchronous: the lane answers it without waiting for anything.

import { authorize } from '../../common/auth.ts'
import { decide } from '../../common/decision/select.ts'
import { type DecidedCreative, type Decision, emptyDecision } from '../../common/decision/types.ts'
import { AlkaidError, notFound } from '../../common/errors.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { Caller } from '../../common/services.ts'
import { readContext } from '../../common/targeting/context.ts'
import type { RequestContext } from '../../common/targeting/types.ts'
import { checkContext, checkSlots } from './limits.ts'
import type { Table } from './table.ts'

/** What the resolver needs of the node. */
export type Node = { readonly table: Table; readonly ready: boolean; now(): number; random(): number }

type Context = SubgraphContext<unknown> & { decisions?: Decision[] }

export function distributionResolvers(node: Node): Resolvers<Context> {
  return {
    Query: {
      decisions(_root, args: { app: string; slots: string[]; context?: RequestContext | null }, context) {
        const { table } = node
        requireApp(context.caller, args.app)
        if (!node.ready) throw new AlkaidError('UNAVAILABLE', 'This node has not loaded yet')
        if (!table.settings(args.app)) throw notFound('app', args.app)
        const decisions = decideSlots(table, args, node)
        // The lane reads from here how long the answer holds.
        context.decisions = decisions
        return decisions
      },
    },
    DecidedCreative: { creative: (decided: DecidedCreative) => decided.id },
  }
}

function decideSlots(
  table: Table,
  { app, slots, context }: { app: string; slots: readonly string[]; context?: RequestContext | null },
  node: Node,
): Decision[] {
  checkSlots(slots)
  checkContext(context ?? {})
  const compiled = readContext(context ?? {})
  const now = node.now()
  return slots.map((code) => {
    const slot = table.slot(app, code)
    return slot ? decide(slot, compiled, now, node.random) : emptyDecision(code, 'UNKNOWN_SLOT')
  })
}

function requireApp(caller: Caller, app: string): void {
  if (!caller.appKey) return void authorize(caller.principal, app, 'read')
  if (caller.appKey.app !== app) {
    throw new AlkaidError('FORBIDDEN', `This app key belongs to another app than ${JSON.stringify(app)}`)
  }
}
