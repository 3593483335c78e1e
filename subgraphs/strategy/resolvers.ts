// The resolvers of strategy: strategies, segments, their revisions, and the dimensions that constraints can compare.

import { requirePrincipal } from '../../common/access/rights.ts'
import type { Services } from '../../common/command/services.ts'
import type { PageArguments } from '../../common/graphql/connection.ts'
import { readable, readById } from '../../common/graphql/read.ts'
import { headConnection, headFields, loadAnew, revisionFields } from '../../common/graphql/revisioned.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import { headFilter } from '../../common/store/filters.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import type { Pin } from '../../engine/publication/types.ts'
import { type DimensionDescription, describeDimensions } from '../../engine/targeting/dimensions.ts'
import { OPERATORS } from '../../engine/targeting/operators.ts'
import { segmentsIn } from '../../engine/targeting/segments.ts'
import { parseFilter } from './content.ts'
import type { StrategyLoaders } from './loaders.ts'
import {
  type Segment,
  type SegmentContent,
  type Strategy,
  type StrategyContent,
  segments,
  strategies,
} from './repository.ts'
import { archiveSegment, createSegment, reviseSegment, unarchiveSegment } from './segments-service.ts'
import { archiveStrategy, createStrategy, reviseStrategy, unarchiveStrategy } from './strategies-service.ts'

type Context = SubgraphContext<StrategyLoaders>
type ListArguments = PageArguments & { app: string; filter?: unknown }

export function strategyResolvers(services: Services): Resolvers<Context> {
  const { store } = services

  return {
    Query: {
      strategy: (_, { id }: { id: string }, { caller, loaders }) =>
        readById(caller, 'strategy', id, (known) => loaders.strategies.heads.load(known)),
      strategies: (_, { filter, ...list }: ListArguments, { caller }) =>
        headConnection(store, caller, strategies, { ...list, filter: headFilter(parseFilter(filter)) }),
      segment: (_, { id }: { id: string }, { caller, loaders }) =>
        readById(caller, 'segment', id, (known) => loaders.segments.heads.load(known)),
      segments: (_, { filter, ...list }: ListArguments, { caller }) =>
        headConnection(store, caller, segments, { ...list, filter: headFilter(parseFilter(filter)) }),
      targetingDimensions(_, __, { caller }) {
        requirePrincipal(caller.principal)
        return describeDimensions()
      },
    },

    Mutation: {
      createStrategy: async (_, { input }, context) =>
        readFreshStrategy(context, await createStrategy(services, context.caller, input)),
      reviseStrategy: async (_, { input }, context) =>
        readFreshStrategy(context, await reviseStrategy(services, context.caller, input)),
      archiveStrategy: async (_, { input }, context) =>
        readFreshStrategy(context, await archiveStrategy(services, context.caller, input)),
      unarchiveStrategy: async (_, { input }, context) =>
        readFreshStrategy(context, await unarchiveStrategy(services, context.caller, input)),
      createSegment: async (_, { input }, context) =>
        readFreshSegment(context, await createSegment(services, context.caller, input)),
      reviseSegment: async (_, { input }, context) =>
        readFreshSegment(context, await reviseSegment(services, context.caller, input)),
      archiveSegment: async (_, { input }, context) =>
        readFreshSegment(context, await archiveSegment(services, context.caller, input)),
      unarchiveSegment: async (_, { input }, context) =>
        readFreshSegment(context, await unarchiveSegment(services, context.caller, input)),
    },

    Strategy: {
      __resolveReference: ({ id }: { id: string }, context: Context) => readStrategy(context, id),
      ...headFields<StrategyContent>(['name', 'constraint', 'rollout', 'caps']),
      ...sharedFields,
    },

    Segment: {
      __resolveReference: ({ id }: { id: string }, context: Context) => readSegment(context, id),
      ...headFields<SegmentContent>(['name', 'constraint']),
      ...sharedFields,
    },

    StrategyRevision: {
      __resolveReference: ({ id, revision }: Pin, { caller, loaders }: Context) =>
        readable(caller, () => loaders.strategies.revisions.load({ id, revision })),
      ...revisionFields,
      strategy: ({ id }: Revision<StrategyContent>, _: unknown, { loaders }) => loaders.strategies.heads.load(id),
    },

    SegmentRevision: {
      __resolveReference: ({ id, revision }: Pin, { caller, loaders }: Context) =>
        readable(caller, () => loaders.segments.revisions.load({ id, revision })),
      ...revisionFields,
      segment: ({ id }: Revision<SegmentContent>, _: unknown, { loaders }) => loaders.segments.heads.load(id),
    },

    TargetingDimension: {
      operators: ({ operators, caseMatters }: DimensionDescription) =>
        operators.map((operator) => {
          const { description, takes, comparesLetters } = OPERATORS[operator]
          return { operator, description, takes: TAKES[takes], caseInsensitive: caseMatters && comparesLetters }
        }),
    },
  }
}

/** How many values an operator takes -> the enum OperatorTakes. */
const TAKES = { none: 'NONE', 'exactly one': 'ONE', 'exactly two': 'TWO', 'one or more': 'MANY' } as const

/** The fields that strategies and segments share: the app, and the segments that the constraint refers to directly. */
const sharedFields = {
  app: ({ app }: Strategy | Segment) => ({ __typename: 'App', id: app }),
  async segments({ content }: Strategy | Segment, _: unknown, { loaders }: Context): Promise<Segment[]> {
    const named = await Promise.all(segmentsIn(content.constraint).map((id) => loaders.segments.heads.load(id)))
    return named.filter((segment) => segment !== null)
  },
}

function readStrategy({ caller, loaders }: Context, id: string): Promise<Strategy | null> {
  return readable(caller, () => loaders.strategies.heads.load(id))
}

function readFreshStrategy({ caller, loaders }: Context, id: string): Promise<Strategy | null> {
  return readable(caller, () => loadAnew(loaders.strategies.heads, id))
}

function readSegment({ caller, loaders }: Context, id: string): Promise<Segment | null> {
  return readable(caller, () => loaders.segments.heads.load(id))
}

function readFreshSegment({ caller, loaders }: Context, id: string): Promise<Segment | null> {
  return readable(caller, () => loadAnew(loaders.segments.heads, id))
}
