// The lists of apps, slots and schedules, page by page.

import { authorize, mayDo, type Principal, requirePrincipal } from '../../common/access/rights.ts'
import { type App, countApps, pageOfApps, refuseUnknownApp } from '../../common/apps/apps.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import { type Connection, type PageArguments, readPage, toConnection } from '../../common/graphql/connection.ts'
import { headConnection } from '../../common/graphql/revisioned.ts'
import { appFilter, scheduleFilter, slotFilter } from './filters.ts'
import type { ScheduleLoaders } from './loaders.ts'
import { noSlot, type Schedule, type Slot, schedules, slots } from './repository.ts'

type Context = { caller: Caller; loaders: ScheduleLoaders }
type Listing = PageArguments & { filter?: unknown }
type InApp = Listing & { app: string }

/** The apps that the caller may read, by code. @throws AlkaidError UNAUTHENTICATED without a token. */
export async function listApps({ store }: Services, caller: Caller, { filter, ...page }: Listing) {
  const codes = readableApps(requirePrincipal(caller.principal))
  const appliedFilter = appFilter(filter, codes)
  const { first, limit, after } = readPage(page)
  const found = await pageOfApps(store, appliedFilter, { limit, after })
  return toConnection(found, first, codeOf, () => countApps(store, appliedFilter))
}

/** The slots of an app, by code. */
export async function listSlots(
  { store }: Services,
  { principal }: Caller,
  { app, filter, ...page }: InApp,
): Promise<Connection<Slot>> {
  authorize(principal, app, 'read')
  const appliedFilter = slotFilter(filter)
  const { first, limit, after } = readPage(page)
  const found = await slots.page(store, app, appliedFilter, { limit, after })
  await refuseUnknownApp(store, app, found, after)
  return toConnection(
    found,
    first,
    ({ code }) => code,
    () => slots.count(store, app, appliedFilter),
  )
}

/** The schedules of an app, newest first. */
export async function listSchedules(
  services: Services,
  { caller, loaders }: Context,
  list: InApp,
): Promise<Connection<Schedule>> {
  authorize(caller.principal, list.app, 'read')
  const filter = await scheduleFilter(list.filter, services.now(), slotIdIn(loaders, list.app))
  return headConnection(services.store, caller, schedules, { ...list, filter })
}

/** The schedules booked in a slot, newest first. Many slots in one request cost as many reads as one slot. */
export async function listBookedIn(
  { now }: Services,
  loaders: ScheduleLoaders,
  { _id: slot, app }: Slot,
  { filter, ...page }: Listing,
): Promise<Connection<Schedule>> {
  const { bookedIn, countOfBooked } = loaders
  const query = { slot, filter: await scheduleFilter(filter, now(), slotIdIn(loaders, app)) }
  const { first, limit, after } = readPage(page)
  const found = await bookedIn.load({ ...query, page: { limit, before: after } })
  return toConnection(
    found,
    first,
    ({ _id }) => _id,
    () => countOfBooked.load(query),
  )
}

/** Returns a function from a slot's name to its id. It throws NOT_FOUND, with the path, for an unknown slot. */
function slotIdIn({ slotsNamed }: ScheduleLoaders, app: string) {
  return async (name: string, path: string): Promise<string> => {
    const slot = await slotsNamed.load({ app, name })
    if (!slot) throw noSlot(name, path)
    return slot._id
  }
}

/** The codes of the apps that the principal may read; undefined: all apps. */
function readableApps(principal: Principal): string[] | undefined {
  if (mayDo(principal, '*', 'read')) return undefined
  return Object.keys(principal.roles).filter((code) => mayDo(principal, code, 'read'))
}

const codeOf = ({ _id }: App) => _id
