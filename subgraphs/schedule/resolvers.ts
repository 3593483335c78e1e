// How apps, slots and schedules appear in the graph.

import type { App } from '../../common/apps/apps.ts'
import { authorize } from '../../common/auth.ts'
import { type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import { readable } from '../../common/graphql/read.ts'
import { headFields, loadAnew, revisionFields } from '../../common/graphql/revisioned.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { Pin } from '../../common/publication/types.ts'
import type { Services } from '../../common/services.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import { createApp, rotateAppKey, type ShownKey } from './apps-service.ts'
import type { ScheduleLoaders } from './loaders.ts'
import { type Schedule, type ScheduleContent, type ScheduleFilter, type Slot, schedules, slots } from './repository.ts'
import { createSchedule, createSlot, reviseSchedule } from './service.ts'

type Context = SubgraphContext<ScheduleLoaders>
type ListArguments = PageArguments & { app: string }

export function scheduleResolvers(services: Services): Resolvers<Context> {
  const { store } = services

  return {
    Query: {
      app: (_, { id }: { id: string }, context) => readApp(context, id),
      async slots(_, { app, ...page }: ListArguments, { caller }) {
        authorize(caller.principal, app, 'read')
        const { first, limit, after } = readPage(page)
        const found = await slots.page(store, app, { limit, after })
        return toConnection(
          found,
          first,
          (slot) => slot.code,
          () => slots.count(store, app),
        )
      },
      schedule: (_, { id }: { id: string }, context) => readSchedule(context, id),
      async schedules(_, { app, filter, ...page }: ListArguments & { filter?: ScheduleFilter | null }, { caller }) {
        authorize(caller.principal, app, 'read')
        const { first, limit, after } = readPage(page)
        const found = await schedules.pageOf(store, app, filter ?? {}, { limit, before: after })
        return toConnection(
          found,
          first,
          (schedule) => schedule._id,
          () => schedules.countOf(store, app, filter ?? {}),
        )
      },
    },

    Mutation: {
      createApp: async (_, { input }, context) => withKey(context, await createApp(services, context.caller, input)),
      rotateAppKey: async (_, { input }, context) =>
        withKey(context, await rotateAppKey(services, context.caller, input)),
      createSlot: async (_, { input }, { caller, loaders }) => {
        const id = await createSlot(services, caller, input)
        return readable(caller, () => loadAnew(loaders.slots, id))
      },
      createSchedule: async (_, { input }, context) =>
        readScheduleAnew(context, await createSchedule(services, context.caller, input)),
      reviseSchedule: async (_, { input }, context) =>
        readScheduleAnew(context, await reviseSchedule(services, context.caller, input)),
    },

    App: {
      __resolveReference: ({ id }: { id: string }, context: Context) => readApp(context, id),
      id: (app: App) => app._id,
    },

    Slot: {
      __resolveReference: ({ id }: { id: string }, { caller, loaders }: Context) =>
        readable(caller, () => loaders.slots.load(id)),
      id: (slot: Slot) => slot._id,
      app: (slot: Slot, _, { loaders }) => loaders.apps.load(slot.app),
      fallback: (slot: Slot) => slot.fallback.map(creativeReference),
    },

    Schedule: {
      __resolveReference: ({ id }: { id: string }, context: Context) => readSchedule(context, id),
      ...headFields<ScheduleContent>(['name', 'creatives', 'startsAt', 'endsAt', 'priority', 'weight']),
      app: (schedule: Schedule, _: unknown, { loaders }: Context) => loaders.apps.load(schedule.app),
      slot: (schedule: Schedule, _: unknown, { loaders }: Context) => loaders.slots.load(schedule.slot),
      strategy: ({ content: { strategy } }: Schedule) => strategy && { __typename: 'Strategy', id: strategy },
    },

    BookedCreative: {
      creative: (booked: ScheduleContent['creatives'][number]) => creativeReference(booked.creative),
    },

    ScheduleRevision: {
      __resolveReference: ({ id, revision }: Pin, { caller, loaders }: Context) =>
        readable(caller, () => loaders.schedules.revisions.load({ id, revision })),
      ...revisionFields,
      schedule: ({ id }: Revision<ScheduleContent>, _: unknown, { loaders }: Context) =>
        loaders.schedules.heads.load(id),
    },
  }
}

/**
 * The role is checked first: the app is named by the code that the roles are by. It must reject, not throw: what a
 * reference throws at once is taken for a failure of all the references beside it.
 */
async function readApp({ caller, loaders }: Context, code: string): Promise<App | null> {
  authorize(caller.principal, code, 'read')
  return loaders.apps.load(code)
}

function readSchedule({ caller, loaders }: Context, id: string): Promise<Schedule | null> {
  return readable(caller, () => loaders.schedules.heads.load(id))
}

function readScheduleAnew({ caller, loaders }: Context, id: string): Promise<Schedule | null> {
  return readable(caller, () => loadAnew(loaders.schedules.heads, id))
}

async function withKey(
  { caller, loaders }: Context,
  { app, key }: ShownKey,
): Promise<{ app: App | null; key: string | null }> {
  authorize(caller.principal, app, 'read')
  return { app: await loadAnew(loaders.apps, app), key }
}

function creativeReference(id: string) {
  return { __typename: 'Creative', id }
}
