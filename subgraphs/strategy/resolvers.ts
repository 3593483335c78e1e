// How strategies and their revisions appear in the graph.

import { authorize } from '../../common/auth.ts'
import { type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import { readable } from '../../common/graphql/read.ts'
import { headFields, loadAnew, revisionFields } from '../../common/graphql/revisioned.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { Pin } from '../../common/publication/types.ts'
import type { Services } from '../../common/services.ts'
import { headFilter, type Revision } from '../../common/store/revisioned.ts'
import type { StrategyLoaders } from './loaders.ts'
import { type Strategy, type StrategyContent, strategies } from './repository.ts'
import { createStrategy, reviseStrategy } from './service.ts'

type Context = SubgraphContext<StrategyLoaders>

export function strategyResolvers(services: Services): Resolvers<Context> {
  const read = ({ caller, loaders }: Context, id: string) => readable(caller, () => loaders.strategies.heads.load(id))
  const readAnew = ({ caller, loaders }: Context, id: string) =>
    readable(caller, () => loadAnew(loaders.strategies.heads, id))

  return {
    Query: {
      strategy: (_, { id }: { id: string }, context) => read(context, id),
      async strategies(_, { app, ...page }: PageArguments & { app: string }, { caller }) {
        authorize(caller.principal, app, 'read')
        const { first, limit, after } = readPage(page)
        const narrowed = headFilter({})
        const found = await strategies.page(services.store, app, narrowed, { limit, before: after })
        return toConnection(
          found,
          first,
          (strategy) => strategy._id,
          () => strategies.count(services.store, app, narrowed),
        )
      },
    },
    Mutation: {
      createStrategy: async (_, { input }, context) =>
        readAnew(context, await createStrategy(services, context.caller, input)),
      reviseStrategy: async (_, { input }, context) =>
        readAnew(context, await reviseStrategy(services, context.caller, input)),
    },
    Strategy: {
      __resolveReference: ({ id }: { id: string }, context: Context) => read(context, id),
      ...headFields<StrategyContent>(['name', 'constraint']),
      app: (strategy: Strategy) => ({ __typename: 'App', id: strategy.app }),
    },
    StrategyRevision: {
      __resolveReference: ({ id, revision }: Pin, { caller, loaders }: Context) =>
        readable(caller, () => loaders.strategies.revisions.load({ id, revision })),
      ...revisionFields,
      strategy: ({ id }: Revision<StrategyContent>, _: unknown, { loaders }) => loaders.strategies.heads.load(id),
    },
  }
}
