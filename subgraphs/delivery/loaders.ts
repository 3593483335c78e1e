// The DataLoaders of delivery. They are made for one request, and read in batches what it asks for.

import type DataLoader from 'dataloader'
import { type App, appsByCode } from '../../common/apps/apps.ts'
import type { Heartbeat } from '../../common/channel/channel.ts'
import type { Services } from '../../common/command/services.ts'
import { loaderById, loaderByKey } from '../../common/graphql/loader.ts'
import { type Pin, pinText } from '../../engine/publication/types.ts'
import { type Review, reviews } from '../audit/repository.ts'
import { latestDigest, readHeartbeats, readManifest } from './distribution.ts'
import { type PinnedBy, type PinnedByKey, pinnedByKeyText, readPinnedBy } from './lists.ts'
import {
  type PublicationRecord,
  pins,
  publications,
  type SchedulePin,
  type SlotHead,
  slotHeads,
  type Takedown,
  takedowns,
} from './repository.ts'

export type DeliveryLoaders = {
  /** By code. */
  apps: DataLoader<string, App | null>
  /** By the id of the schedule. */
  pins: DataLoader<string, SchedulePin | null>
  /** By the id of the slot. */
  slotHeads: DataLoader<string, SlotHead | null>
  publications: DataLoader<string, PublicationRecord | null>
  takedowns: DataLoader<string, Takedown | null>
  /** By id. */
  reviews: DataLoader<string, Review | null>
  /** Whether an exact revision is approved now. */
  approvals: DataLoader<Pin, boolean, string>
  pinnedBy: DataLoader<PinnedByKey, PinnedBy, string>
  /** By the code of an app: the digest that a node has when it holds everything of the app. */
  digests: DataLoader<string, string | null>
  /** By the code of an app: what the channel holds of it; null while Redis is out of reach. */
  manifests: DataLoader<string, ReadonlyMap<string, string> | null>
  /** The heartbeats of the living nodes, read once; null while Redis is out of reach. */
  heartbeats(): Promise<Heartbeat[] | null>
  /** Drops what was read. A mutation calls it, because the same request may have read older values. */
  forget(): void
}

export function deliveryLoaders(services: Services): DeliveryLoaders {
  const { store } = services
  let heartbeats: Promise<Heartbeat[] | null> | undefined
  const loaders = {
    apps: loaderById((codes) => appsByCode(store, codes)),
    pins: loaderById((ids) => pins.byIds(store, ids)),
    slotHeads: loaderById((ids) => slotHeads.byIds(store, ids)),
    publications: loaderById((ids) => publications.records(store, ids)),
    takedowns: loaderById((ids) => takedowns.byIds(store, ids)),
    reviews: loaderById((ids) => reviews.byIds(store, ids)),
    approvals: loaderByKey<Pin, boolean>(
      async (pins) => (await reviews.at(store, pins)).map((review) => review?.state === 'APPROVED'),
      pinText,
    ),
    pinnedBy: loaderByKey<PinnedByKey, PinnedBy>((keys) => readPinnedBy(store, keys), pinnedByKeyText),
    digests: loaderById((apps) => Promise.all(apps.map((app) => latestDigest(services, app)))),
    manifests: loaderById((apps) => Promise.all(apps.map((app) => readManifest(services, app)))),
  }
  return {
    ...loaders,
    heartbeats: () => (heartbeats ??= readHeartbeats(services)),
    forget() {
      heartbeats = undefined
      for (const loader of Object.values(loaders)) loader.clearAll()
    },
  }
}
