// The resolvers of distribution. They are synchronous: the lane answers an app without waiting for anything.

import { explanationTypes } from '../../common/graphql/explanation.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import {
  answerDecisions,
  type DecisionsArguments,
  type ExplainArguments,
  explainDecision,
  type Node,
} from './decisions.ts'
import type { AnsweredContext } from './keeping.ts'

type Context = SubgraphContext<unknown> & Pick<AnsweredContext, 'answers' | 'asked'>

export function distributionResolvers(node: Node): Resolvers<Context> {
  return {
    Query: {
      decisions(_root, args: DecisionsArguments, context) {
        const answers = answerDecisions(node, context.caller, args)
        context.answers = context.answers ? [...context.answers, ...answers] : answers
        context.asked = context.asked ? [...context.asked, args] : [args]
        return answers
      },
      explainDecision: (_root, args: ExplainArguments, { caller }) => explainDecision(node, caller, args),
    },
    ...explanationTypes,
  }
}
