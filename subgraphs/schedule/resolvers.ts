// The resolvers of schedule: apps, slots, schedules and their revisions.

import { GraphQLSafeInt } from 'graphql-scalars'
import { authorize, readerOf, requirePrincipal } from '../../common/access/rights.ts'
import type { App } from '../../common/apps/apps.ts'
import { isId } from '../../common/base/ids.ts'
import type { Services } from '../../common/command/services.ts'
import { shownFormat } from '../../common/formats/format-input.ts'
import { readable, readById } from '../../common/graphql/read.ts'
import { headFields, loadAnew, revisionFields } from '../../common/graphql/revisioned.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import type { Revision } from '../../common/store/revisioned.ts'
import type { Pin } from '../../engine/publication/types.ts'
import { type AppKeyResult, createApp, rotateAppKey, updateApp } from './apps-service.ts'
import { listApps, listBookedIn, listSchedules, listSlots } from './lists.ts'
import type { ScheduleLoaders } from './loaders.ts'
import type { OperationsService, ShownOperations } from './operations-service.ts'
import { type Schedule, type ScheduleContent, type Slot, slots } from './repository.ts'
import {
  archiveSchedule,
  createSchedule,
  duplicateSchedule,
  reviseSchedule,
  unarchiveSchedule,
} from './schedules-service.ts'
import { archiveSlot, createSlot, unarchiveSlot, updateSlot } from './slots-service.ts'
import { toDayPart } from './times.ts'
import { windowState } from './window.ts'

type Context = SubgraphContext<ScheduleLoaders>

export function scheduleResolvers(services: Services, operations: OperationsService): Resolvers<Context> {
  return {
    SafeInt: GraphQLSafeInt,

    Query: {
      apps: (_, list, { caller }) => listApps(services, caller, list),
      app: (_, { id }: { id: string }, context) => readApp(context, id),
      slot: (_, { id }: { id: string }, context) => readNamedSlot(services, context, id),
      slots: (_, list, { caller }) => listSlots(services, caller, list),
      schedule: (_, { id }: { id: string }, { caller, loaders }) =>
        readById(caller, 'schedule', id, (known) => loaders.schedules.heads.load(known)),
      schedules: (_, list, context) => listSchedules(services, context, list),
      operations: (_, { app }: { app: string }, { caller }) => operations.list(caller, app),
      checkOperations: (_, args: { app: string; manifest: unknown }, { caller }) => operations.check(caller, args),
    },

    Mutation: {
      createApp: async (_, { input }, context) => withKey(context, await createApp(services, context.caller, input)),
      updateApp: async (_, { input }, context) =>
        readAppFresh(context, await updateApp(services, context.caller, input)),
      rotateAppKey: async (_, { input }, context) =>
        withKey(context, await rotateAppKey(services, context.caller, input)),
      registerOperations: async (_, { input }, { caller }) =>
        operations.list(caller, await operations.register(caller, input)),
      createSlot: async (_, { input }, context) =>
        readSlotFresh(context, await createSlot(services, context.caller, input)),
      updateSlot: async (_, { input }, context) =>
        readSlotFresh(context, await updateSlot(services, context.caller, input)),
      archiveSlot: async (_, { input }, context) =>
        readSlotFresh(context, await archiveSlot(services, context.caller, input)),
      unarchiveSlot: async (_, { input }, context) =>
        readSlotFresh(context, await unarchiveSlot(services, context.caller, input)),
      createSchedule: async (_, { input }, context) =>
        readScheduleFresh(context, await createSchedule(services, context.caller, input)),
      reviseSchedule: async (_, { input }, context) =>
        readScheduleFresh(context, await reviseSchedule(services, context.caller, input)),
      duplicateSchedule: async (_, { input }, context) =>
        readScheduleFresh(context, await duplicateSchedule(services, context.caller, input)),
      archiveSchedule: async (_, { input }, context) =>
        readScheduleFresh(context, await archiveSchedule(services, context.caller, input)),
      unarchiveSchedule: async (_, { input }, context) =>
        readScheduleFresh(context, await unarchiveSchedule(services, context.caller, input)),
    },

    App: {
      __resolveReference: ({ id }: { id: string }, context: Context) => readApp(context, id),
      id: (app: App) => app._id,
    },

    AppOperations: {
      app: ({ app }: ShownOperations, _: unknown, context: Context) => readApp(context, app),
    },

    Slot: {
      __resolveReference: ({ id }: { id: string }, context: Context) => readSlot(context, id),
      id: (slot: Slot) => slot._id,
      app: (slot: Slot, _, { loaders }) => loaders.apps.load(slot.app),
      fallback: (slot: Slot) => slot.fallback.map(creativeReference),
      format: ({ format }: Slot) => format && shownFormat(format),
      schedules: (slot: Slot, list, { loaders }) => listBookedIn(services, loaders, slot, list),
    },

    Schedule: {
      __resolveReference: ({ id }: { id: string }, context: Context) => readSchedule(context, id),
      ...headFields<ScheduleContent>([
        ...(['name', 'creatives', 'startsAt', 'endsAt', 'priority', 'weight'] as const),
        ...(['zone', 'excludedDates', 'recurrence', 'exclusive'] as const),
      ]),
      dayParts: ({ content }: Schedule) => content.dayParts.map(toDayPart),
      app: (schedule: Schedule, _: unknown, { loaders }: Context) => loaders.apps.load(schedule.app),
      slot: (schedule: Schedule, _: unknown, { loaders }: Context) => loaders.slots.load(schedule.slot),
      windowState: ({ content }: Schedule) => windowState(content, services.now()),
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
 * The role is checked before the read, because roles are by the code of the app. The function is async so that it rejects and
 * does not throw: when a reference resolver throws at once, all references beside it fail as well.
 */
async function readApp({ caller, loaders }: Context, code: string): Promise<App | null> {
  authorize(caller.principal, code, 'read')
  return loaders.apps.load(code)
}

function readSlot({ caller, loaders }: Context, id: string): Promise<Slot | null> {
  return readable(caller, () => loaders.slots.load(id))
}

/** Finds a slot by its id, its code or `<app>/<code>`. @throws AlkaidError NOT_FOUND when there is none. */
async function readNamedSlot({ store }: Services, { caller, loaders }: Context, name: string): Promise<Slot | null> {
  requirePrincipal(caller.principal)
  const known = isId('slot', name) ? await loaders.slots.load(name) : null
  const slot = known ?? (await slots.requireNamed(store, name, 'id', readerOf(caller.principal)))
  authorize(caller.principal, slot.app, 'read')
  loaders.slots.prime(slot._id, slot)
  return slot
}

function readSlotFresh({ caller, loaders }: Context, id: string): Promise<Slot | null> {
  return readable(caller, () => loadAnew(loaders.slots, id))
}

function readSchedule({ caller, loaders }: Context, id: string): Promise<Schedule | null> {
  return readable(caller, () => loaders.schedules.heads.load(id))
}

function readScheduleFresh({ caller, loaders }: Context, id: string): Promise<Schedule | null> {
  return readable(caller, () => loadAnew(loaders.schedules.heads, id))
}

async function readAppFresh({ caller, loaders }: Context, code: string): Promise<App | null> {
  authorize(caller.principal, code, 'read')
  return loadAnew(loaders.apps, code)
}

async function withKey(context: Context, { app, key }: AppKeyResult): Promise<{ app: App | null; key: string | null }> {
  return { app: await readAppFresh(context, app), key }
}

function creativeReference(id: string) {
  return { __typename: 'Creative', id }
}
