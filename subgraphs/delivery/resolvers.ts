// The resolvers of publications, pins and previews.

import { authorize, requirePrincipal } from '../../common/access/rights.ts'
import { settingsOf } from '../../common/apps/apps.ts'
import type { Services } from '../../common/command/services.ts'
import { readPage } from '../../common/graphql/connection.ts'
import { explanationTypes } from '../../common/graphql/explanation.ts'
import { readable, readById } from '../../common/graphql/read.ts'
import type { Resolvers, SubgraphContext } from '../../common/graphql/subgraph.ts'
import { SETTINGS } from '../../engine/publication/address.ts'
import type { Pin, Stamp } from '../../engine/publication/types.ts'
import { reviews, type SubjectKind } from '../audit/repository.ts'
import { slots } from '../schedule/repository.ts'
import { distributionOf, type Place, type Sent, warningOf } from './distribution.ts'
import { type Explained, listNotServed, listPublications, type PublicationArguments } from './lists.ts'
import type { DeliveryLoaders } from './loaders.ts'
import { pause, restartSlot, resume, stopSlot, withdraw } from './pause.ts'
import { type PreviewArguments, preview } from './preview.ts'
import { publish } from './publish.ts'
import { publishSlot } from './publish-slot.ts'
import {
  type LeftOut,
  type PinnedIn,
  type PublicationRecord,
  publications,
  type SchedulePin,
  slotHeads,
  type Takedown,
  takedowns,
} from './repository.ts'
import { revokeApproval } from './revocation.ts'
import { rollbackSlot } from './rollback.ts'
import { takeDown } from './takedown.ts'

type Context = SubgraphContext<DeliveryLoaders>
type Reference = { id: string }
type PageOfNotServed = { first?: number | null; before?: string | null }
type OneOf = { app: string; slot: string; revision?: number | null }

export function deliveryResolvers(services: Services): Resolvers<Context> {
  /** Whether the nodes serve a document. The warning is looked up only when the field is asked for. */
  async function distribution(loaders: DeliveryLoaders, place: Place, sent: Sent, latest: Stamp | null) {
    const heartbeats = await loaders.heartbeats()
    const reached = await distributionOf(heartbeats, sent, latest, () => loaders.digests.load(sent.app))
    const manifest = async () => heartbeats && (await loaders.manifests.load(sent.app))
    return { ...reached, warning: async () => warningOf(services, await manifest(), place, latest, sent) }
  }

  return {
    Query: {
      publications: (_, list: PublicationArguments, { caller }) => listPublications(services, caller, list),
      async publication(_, { app, slot, revision }: OneOf, { caller, loaders }) {
        authorize(caller.principal, app, 'read')
        const head = await slotHeads.named(services.store, app, slots.keyIn(app, slot))
        if (!head) await slots.requireIn(services.store, app, slot, 'slot')
        if (!head || typeof revision !== 'number') return head && loaders.publications.load(head.latest)
        return publications.ofRevision(services.store, head._id, revision)
      },
      takedown: (_, { id }: Reference, { caller, loaders }) =>
        readById(caller, 'takedown', id, (known) => loaders.takedowns.load(known)),
      preview: (_, args: PreviewArguments, { caller }) => preview(services, caller, args),
    },

    Mutation: {
      publish: async (_, { input }, context) => reread(context, await publish(services, context.caller, input)),
      pause: async (_, { input }, context) => reread(context, await pause(services, context.caller, input)),
      resume: async (_, { input }, context) => reread(context, await resume(services, context.caller, input)),
      withdraw: async (_, { input }, context) => reread(context, await withdraw(services, context.caller, input)),
      publishSlot: async (_, { input }, context) => reread(context, await publishSlot(services, context.caller, input)),
      rollbackSlot: async (_, { input }, context) =>
        reread(context, await rollbackSlot(services, context.caller, input)),
      stopSlot: async (_, { input }, context) => reread(context, await stopSlot(services, context.caller, input)),
      restartSlot: async (_, { input }, context) => reread(context, await restartSlot(services, context.caller, input)),
      async revokeApproval(_, { input }, { caller, loaders }) {
        const id = await revokeApproval(services, caller, input)
        loaders.forget()
        const { recomposed } = await reviews.require(services.store, id)
        const ids = recomposed.map(({ publication }) => publication)
        return { review: { id }, publications: loaders.publications.loadMany(ids) }
      },
      async takeDown(_, { input }, { caller, loaders }) {
        const id = await takeDown(services, caller, input)
        loaders.forget()
        return readable(caller, () => loaders.takedowns.load(id))
      },
    },

    Publication: {
      __resolveReference: ({ id }: Reference, context: Context) => readPublication(context, id),
      id: (publication: PublicationRecord) => publication._id,
      app: (publication: PublicationRecord) => ({ id: publication.app }),
      slot: (publication: PublicationRecord) => ({ id: publication.slot }),
      capacity: (publication: PublicationRecord) => publication.pins.capacity,
      rotationSeconds: (publication: PublicationRecord) => publication.pins.rotationSeconds,
      maxStaleSeconds: (publication: PublicationRecord) => publication.pins.maxStaleSeconds ?? null,
      caps: (publication: PublicationRecord) => publication.pins.caps,
      stopped: (publication: PublicationRecord) => publication.pins.stopped,
      entries: (publication: PublicationRecord) => publication.pins.entries,
      fallback: (publication: PublicationRecord) => publication.pins.fallback,
      // Publications of older versions have no warnings.
      warnings: (publication: PublicationRecord) => publication.warnings ?? [],
      rollbackTo: (publication: PublicationRecord) => publication.rollback?.to ?? null,
      leftOut: (publication: PublicationRecord) => publication.rollback?.leftOut ?? [],
      async distribution(publication: PublicationRecord, _: unknown, { loaders }: Context) {
        const latest = await loaders.slotHeads.load(publication.slot)
        return distribution(loaders, publication, publication, latest)
      },
    },

    Takedown: {
      __resolveReference: ({ id }: Reference, { caller, loaders }: Context) =>
        readable(caller, () => loaders.takedowns.load(id)),
      id: ({ _id }: Takedown) => _id,
      app: ({ app }: Takedown) => ({ id: app }),
      takenDownBy: ({ by }: Takedown) => by,
      takenDownAt: ({ at }: Takedown) => at,
      creatives: ({ creatives }: Takedown) => creatives.map((id) => ({ id })),
      schedules: ({ schedules }: Takedown) => schedules.map((id) => ({ id })),
      reviews: ({ reviews }: Takedown) => reviews.map((id) => ({ id })),
      publications: (takedown: Takedown, _: unknown, { loaders }: Context) => publicationsOf(loaders, takedown),
      async droppedAt(takedown: Takedown, _: unknown, { loaders }: Context) {
        if (takedown.droppedAt) return takedown.droppedAt
        const revoked = await loaders.reviews.loadMany(takedown.reviews)
        if (revoked.some((review) => !review || review instanceof Error || review.recompose)) return null
        for (const publication of await publicationsOf(loaders, takedown)) {
          const latest = await loaders.slotHeads.load(publication.slot)
          const { state } = await distribution(loaders, publication, publication, latest)
          if (state !== 'IN_STEP') return null
        }
        const droppedAt = new Date(services.now())
        await takedowns.setDropped(services.store, takedown._id, droppedAt)
        return droppedAt
      },
    },

    LeftOut: { schedule: ({ schedule }: LeftOut) => schedule && { id: schedule } },

    App: {
      async distribution({ id }: Reference, _: unknown, { caller, loaders }: Context) {
        authorize(caller.principal, id, 'read')
        const app = await loaders.apps.load(id)
        const settings = app && settingsOf(app, services.store.epoch)
        const place = { app: id, code: SETTINGS } as const
        return settings && distribution(loaders, place, { ...settings, ...place }, settings)
      },
    },

    Slot: {
      async publication({ id }: Reference, _: unknown, { caller, loaders }: Context) {
        const head = await readable(caller, () => loaders.slotHeads.load(id))
        return head && loaders.publications.load(head.latest)
      },
      async stopped({ id }: Reference, _: unknown, { caller, loaders }: Context) {
        const head = await readable(caller, () => loaders.slotHeads.load(id))
        return head?.stopped ?? false
      },
    },

    Schedule: {
      delivery: ({ id }: Reference, _: unknown, { caller, loaders }: Context) =>
        readable(caller, () => loaders.pins.load(id)),
    },

    Delivery: {
      async unapproved({ schedule, strategy, segments, creatives }: SchedulePin, _: unknown, { loaders }: Context) {
        const pinned: Pin[] = [schedule, ...(strategy ? [strategy] : []), ...segments, ...creatives]
        const approved = await Promise.all(pinned.map((pin) => loaders.approvals.load(pin)))
        return pinned.filter((_pin, index) => !approved[index])
      },
    },

    ScheduleRevision: pinnedFieldsOf('SCHEDULE'),
    CreativeRevision: pinnedFieldsOf('CREATIVE'),
    StrategyRevision: pinnedFieldsOf('STRATEGY'),
    SegmentRevision: pinnedFieldsOf('SEGMENT'),

    ...explanationTypes,
    DecisionExplanation: {
      ...explanationTypes.DecisionExplanation,
      // A node's explanation comes as a reference. `notServed` checks the role before it reads anything.
      __resolveReference: (explained: Explained) => explained,
      notServed: (explained: Explained, page: PageOfNotServed, { caller }: Context) =>
        listNotServed(services, caller, explained, page),
    },
  }
}

/** The publications without what was taken down, one for each slot. */
async function publicationsOf(loaders: DeliveryLoaders, { reviews }: Takedown): Promise<PublicationRecord[]> {
  const revoked = await loaders.reviews.loadMany(reviews)
  const ids = revoked.flatMap((review) =>
    review && !(review instanceof Error) ? review.recomposed.map(({ publication }) => publication) : [],
  )
  const found = await loaders.publications.loadMany([...new Set(ids)])
  return found.filter((one): one is PublicationRecord => one !== null && !(one instanceof Error))
}

function reread(context: Context, id: string): Promise<PublicationRecord | null> {
  context.loaders.forget()
  return readPublication(context, id)
}

function readPublication({ caller, loaders }: Context, id: string): Promise<PublicationRecord | null> {
  return readable(caller, () => loaders.publications.load(id))
}

/** The fields that delivery adds to the exact revisions of one kind. */
function pinnedFieldsOf(kind: SubjectKind) {
  return {
    __resolveReference: (pin: Pin) => pin,
    async pinnedBy(
      { id, revision }: Pin,
      page: { first?: number | null },
      { caller, loaders }: SubgraphContext<DeliveryLoaders>,
    ) {
      requirePrincipal(caller.principal)
      const { first } = readPage(page)
      const { schedules, slots } = await loaders.pinnedBy.load({ kind, pin: { id, revision }, first })
      for (const found of [schedules, slots]) if (found) authorize(caller.principal, found.app, 'read')
      return {
        schedules: references(schedules),
        slots: references(slots),
        total: (schedules?.total ?? 0) + (slots?.total ?? 0),
      }
    },
  }
}

function references(found: PinnedIn | undefined): { id: string }[] {
  return (found?.ids ?? []).map((id) => ({ id }))
}
