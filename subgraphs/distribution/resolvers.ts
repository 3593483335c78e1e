// The resolvers of distribution. They are synchronous: the lane answers an app without waiting for anything.

import { explanationTypes } from '../../common/graphql/explanation.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import {
  answerDecisions,
  type DecisionsArguments,
  type ExplainArguments,
  explainDecision,
  type Node,
  type SlotAnswer,
} from './decisions.ts'

type Context = SubgraphContext<unknown> & { answers?: SlotAnswer[] }

export function distributionResolvers(node: Node): Resolvers<Context> {
  return {
    Query: {
      decisions(_root, args: DecisionsArguments, context) {
        const answers = answerDecisions(node, context.caller, args)
        // The lane computes `cache-control` from all answers: an operation may ask for `decisions` more than once.
        context.answers = context.answers ? [...context.answers, ...answers] : answers
        return answers
      },
      explainDecision: (_root, args: ExplainArguments, { caller }) => explainDecision(node, caller, args),
    },
    ...explanationTypes,
  }
}
