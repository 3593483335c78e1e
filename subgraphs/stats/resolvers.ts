// The resolvers of stats: reports, recording events, and the numbers of a schedule.

import { GraphQLSafeInt } from 'graphql-scalars'
import { authorize, requirePrincipal } from '../../common/access/rights.ts'
import type { Services } from '../../common/command/services.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { EventRecorder, RecordEventsInput } from './event-recorder.ts'
import type { StatsLoaders } from './loaders.ts'
import { type Interval, type Question, readPeriod, report } from './report.ts'

type PeriodArguments = { from: Date; to: Date; interval?: Interval | null }

export function statsResolvers(
  services: Services,
  recordEvents: EventRecorder,
): Resolvers<SubgraphContext<StatsLoaders>> {
  const { store } = services
  return {
    SafeInt: GraphQLSafeInt,
    Query: {
      report(_root, args: Question & PeriodArguments, { caller }) {
        authorize(caller.principal, args.app, 'read')
        return report(store, args, readPeriod(args.from, args.to, args.interval!))
      },
    },
    Mutation: {
      recordEvents: (_root, args: { input: RecordEventsInput }, { caller }) => recordEvents(caller, args.input),
    },
    Schedule: {
      stats({ id }: { id: string }, { from, to, interval }: PeriodArguments, { caller, loaders }) {
        requirePrincipal(caller.principal)
        const period = readPeriod(from, to, interval ?? 'TOTAL')
        return loaders.scheduleReports.load({ schedule: id, period })
      },
    },
  }
}
