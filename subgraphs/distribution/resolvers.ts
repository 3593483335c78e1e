// The slot query over the node's memory. Synchronous: the lane answers it without waiting for anything.

import { authorize } from '../../common/access/rights.ts'
import { AlkaidError, notFound } from '../../common/base/errors.ts'
import type { Caller } from '../../common/command/services.ts'
import { explanationTypes } from '../../common/graphql/explanation.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import { type Answer, type Asked, answerSlots, type Node, readName } from './answer.ts'
import { type AskedWhy, explainFor } from './explain.ts'

type Context = SubgraphContext<unknown> & { answers?: Answer[] }

export function distributionResolvers(node: Node): Resolvers<Context> {
  return {
    Query: {
      decisions(_root, args: Asked, context) {
        readName(args.app, 'app')
        requireApp(context.caller, args.app)
        if (!node.ready) throw new AlkaidError('UNAVAILABLE', 'This node has not loaded yet')
        const settings = node.table.settings(args.app)
        if (!settings) throw notFound('app', args.app)
        const answers = answerSlots(node, settings.zone, args)
        // The lane reads from here how long they hold.
        context.answers = answers
        return answers
      },
      explainDecision: (_root, args: AskedWhy, { caller }) => explainFor(node, caller, args),
    },
    ...explanationTypes,
  }
}

function requireApp(caller: Caller, app: string): void {
  if (!caller.appKey) return void authorize(caller.principal, app, 'read')
  if (caller.appKey.app !== app) {
    throw new AlkaidError('FORBIDDEN', `This app key belongs to another app than ${JSON.stringify(app)}`)
  }
}
