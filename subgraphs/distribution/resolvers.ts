// The slot query over the node's memory. Synchronous: the lane answers it without waiting for anything.

import { authorize } from '../../common/auth.ts'
import type { DecidedCreative } from '../../common/decision/types.ts'
import { AlkaidError, notFound } from '../../common/errors.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { Caller } from '../../common/services.ts'
import { type Answer, type Asked, answerSlots, type Node } from './answer.ts'

type Context = SubgraphContext<unknown> & { answers?: Answer[] }

export function distributionResolvers(node: Node): Resolvers<Context> {
  return {
    Query: {
      decisions(_root, args: Asked, context) {
        requireApp(context.caller, args.app)
        if (!node.ready) throw new AlkaidError('UNAVAILABLE', 'This node has not loaded yet')
        if (!node.table.settings(args.app)) throw notFound('app', args.app)
        const answers = answerSlots(node, args)
        // The lane reads from here how long they hold.
        context.answers = answers
        return answers
      },
    },
    DecidedCreative: { creative: (decided: DecidedCreative) => decided.id },
  }
}

function requireApp(caller: Caller, app: string): void {
  if (!caller.appKey) return void authorize(caller.principal, app, 'read')
  if (caller.appKey.app !== app) {
    throw new AlkaidError('FORBIDDEN', `This app key belongs to another app than ${JSON.stringify(app)}`)
  }
}
