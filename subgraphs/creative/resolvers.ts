// The resolvers of creative: creatives and their revisions.

import type { Services } from '../../common/command/services.ts'
import type { PageArguments } from '../../common/graphql/connection.ts'
import { readable, readById } from '../../common/graphql/read.ts'
import { headConnection, headFields, loadAnew, revisionFields } from '../../common/graphql/revisioned.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import type { Pin } from '../../engine/publication/types.ts'
import type { CreativeLoaders } from './loaders.ts'
import { type Creative, type CreativeContent, creativeFilter, creatives } from './repository.ts'
import { archiveCreative, createCreative, parseFilter, reviseCreative, unarchiveCreative } from './service.ts'

type Context = SubgraphContext<CreativeLoaders>
type ListArguments = PageArguments & { app: string; filter?: unknown }

export function creativeResolvers(services: Services): Resolvers<Context> {
  const read = ({ caller, loaders }: Context, id: string) => readable(caller, () => loaders.creatives.heads.load(id))
  const readFresh = ({ caller, loaders }: Context, id: string) =>
    readable(caller, () => loadAnew(loaders.creatives.heads, id))

  return {
    Query: {
      creative: (_, { id }: { id: string }, { caller, loaders }) =>
        readById(caller, 'creative', id, (known) => loaders.creatives.heads.load(known)),
      creatives: (_, { filter, ...list }: ListArguments, { caller }) =>
        headConnection(services.store, caller, creatives, { ...list, filter: creativeFilter(parseFilter(filter)) }),
    },
    Mutation: {
      createCreative: async (_, { input }, context) =>
        readFresh(context, await createCreative(services, context.caller, input)),
      reviseCreative: async (_, { input }, context) =>
        readFresh(context, await reviseCreative(services, context.caller, input)),
      archiveCreative: async (_, { input }, context) =>
        readFresh(context, await archiveCreative(services, context.caller, input)),
      unarchiveCreative: async (_, { input }, context) =>
        readFresh(context, await unarchiveCreative(services, context.caller, input)),
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
