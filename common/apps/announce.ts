// Writes the settings and the operations of an app, and the list of apps, to the channel, after the commit of the mutation that changed them. When that
// fails, delivery's reconciliation writes them later.

import { seal } from '../../engine/publication/sign.ts'
import { withDeadline } from '../base/deadline.ts'
import { ChannelUnavailable, OPERATIONS, SETTINGS } from '../channel/channel.ts'
import type { Services } from '../command/services.ts'
import { appList, getApp, settingsOf } from './apps.ts'
import { operationList, operationsOf } from './operations.ts'

/** Writes the app's settings to the channel. Rejects when the channel is out of reach. */
async function announceSettings(services: Services, code: string): Promise<void> {
  const app = await getApp(services.store, code)
  if (!app) return
  const settings = settingsOf(app, services.store.epoch)
  await services.channel.write({ app: code, code: SETTINGS }, settings, seal(services.keys, settings))
}

/** Writes the list of apps to the channel. Rejects when the channel is out of reach. */
async function announceList(services: Services): Promise<void> {
  const list = await services.store.transaction((tx) => appList(tx, services.store.epoch))
  await services.channel.write('apps', list, seal(services.keys, list))
}

/** How long the answer of a mutation waits for the channel. */
const ANNOUNCE_MS = 1_000

/** Writes settings first, so that a node that hears of a new app finds them. A failure is logged, and reconciliation repairs it. */
export const announceApp = (services: Services, code: string) => announce(services, code, announceBoth(services, code))

/** Writes the operations that the app registered. A failure is logged, and reconciliation repairs it. */
export const announceOperations = (services: Services, code: string) =>
  announce(services, code, writeOperations(services, code))

async function announce(services: Services, code: string, written: Promise<void>): Promise<void> {
  try {
    await withDeadline(ANNOUNCE_MS, written, () => new ChannelUnavailable('The channel did not answer in time.'))
  } catch (error) {
    services.log.warn(
      { err: error, app: code },
      'the nodes do not know of this change yet: reconciliation will tell them',
    )
  }
}

async function writeOperations({ store, channel, keys }: Services, app: string): Promise<void> {
  const list = operationList(await operationsOf(store, app), store.epoch)
  await channel.write({ app, code: OPERATIONS }, list, seal(keys, list))
}

async function announceBoth(services: Services, code: string): Promise<void> {
  await announceSettings(services, code)
  await announceList(services)
}
