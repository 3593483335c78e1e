// How creatives and their revisions appear in the graph.

import { authorize } from '../../common/auth.ts'
import { type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import { readable } from '../../common/graphql/read.ts'
import { headFields, loadAnew, revisionFields } from '../../common/graphql/revisioned.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { Pin } from '../../common/publication/types.ts'
import type { Services } from '../../common/services.ts'
import { headFilter, type Revision } from '../../common/store/revisioned.ts'
import type { CreativeLoaders } from './loaders.ts'
import { type Creative, type CreativeContent, creatives } from './repository.ts'
import { createCreative, reviseCreative } from './service.ts'

type Context = SubgraphContext<CreativeLoaders>

export function creativeResolvers(services: Services): Resolvers<Context> {
  const read = ({ caller, loaders }: Context, id: string) => readable(caller, () => loaders.creatives.heads.load(id))
  const readAnew = ({ caller, loaders }: Context, id: string) =>
    readable(caller, () => loadAnew(loaders.creatives.heads, id))

  return {
    Query: {
      creative: (_, { id }: { id: string }, context) => read(context, id),
      async creatives(_, { app, ...page }: PageArguments & { app: string }, { caller }) {
        authorize(caller.principal, app, 'read')
        const { first, limit, after } = readPage(page)
        const narrowed = headFilter({})
        const found = await creatives.page(services.store, app, narrowed, { limit, before: after })
        return toConnection(
          found,
          first,
          (creative) => creative._id,
          () => creatives.count(services.store, app, narrowed),
        )
      },
    },
    Mutation: {
      createCreative: async (_, { input }, context) =>
        readAnew(context, await createCreative(services, context.caller, input)),
      reviseCreative: async (_, { input }, context) =>
        readAnew(context, await reviseCreative(services, context.caller, input)),
    },
    Creative: {
      __resolveReference: ({ id }: { id: string }, context: Context) => read(context, id),
      ...headFields<CreativeContent>(['name', 'title', 'text', 'image', 'link', 'data']),
      app: (creative: Creative) => ({ __typename: 'App', id: creative.app }),
    },
    CreativeRevision: {
      __resolveReference: ({ id, revision }: Pin, { caller, loaders }: Context) =>
        readable(caller, () => loaders.creatives.revisions.load({ id, revision })),
      ...revisionFields,
      creative: ({ id }: Revision<CreativeContent>, _: unknown, { loaders }) => loaders.creatives.heads.load(id),
    },
  }
}
