// Sending a publication to the nodes through the channel (Redis), and telling whether the nodes serve it: the state, the number of
// nodes, and a warning when something is in the way. The same is told of the settings of an app.

import { getApp, requireApp, settingsOf } from '../../common/apps/apps.ts'
import { operationsStamp } from '../../common/apps/operations.ts'
import { withDeadline } from '../../common/base/deadline.ts'
import { ChannelUnavailable, type Heartbeat, OPERATIONS, SETTINGS } from '../../common/channel/channel.ts'
import type { Services } from '../../common/command/services.ts'
import { digestOf } from '../../engine/publication/digest.ts'
import { seal } from '../../engine/publication/sign.ts'
import { compareStamps, formatStamp, parseStamp, type Stamp } from '../../engine/publication/types.ts'
import { type PublicationRow, slotHeads } from './repository.ts'

/** How long a request waits for the channel, in ms. */
const CHANNEL_MS = 1_000
/** A node whose last heartbeat is older than this, in ms, is not alive. */
const ALIVE_MS = 10_000

export type Distribution = { state: 'PENDING' | 'IN_STEP'; nodes: number | null; inStep: number | null }

/** A document that was sent: its address and its stamp. */
export type Sent = Stamp & { app: string; code: string }

/** Runs after the commit. It never fails: a failure is logged, and reconciliation sends the slot's latest publication later. */
export async function send(services: Services, publication: PublicationRow): Promise<void> {
  try {
    await withDeadline(CHANNEL_MS, write(services, publication), late)
  } catch (error) {
    const { app, code, epoch, revision } = publication
    services.log.warn(
      { err: error, app, slot: code, epoch, revision },
      'the publication is not on the nodes yet: reconciliation will send it',
    )
  }
}

/** Writes the body to the channel, unless the channel holds the same or a higher stamp. */
export async function write({ channel, keys }: Services, { app, code, epoch, revision, body }: PublicationRow) {
  if (body) await channel.write({ app, code }, { epoch, revision }, seal(keys, body))
}

/** The heartbeats of living nodes; null while the channel is out of reach. */
export async function readHeartbeats({ channel, log }: Services): Promise<Heartbeat[] | null> {
  try {
    return await withDeadline(CHANNEL_MS, channel.heartbeats(ALIVE_MS), late)
  } catch (error) {
    log.warn({ err: error }, 'cannot read the heartbeats of the nodes')
    return null
  }
}

/** What the channel holds of an app: code -> `epoch.revision`; null while it is out of reach. */
export async function readManifest({ channel, log }: Services, app: string): Promise<Map<string, string> | null> {
  try {
    return await withDeadline(CHANNEL_MS, channel.manifest(app), late)
  } catch (error) {
    log.warn({ err: error }, 'cannot read what the channel holds')
    return null
  }
}

/**
 * Counts the living nodes that serve a document or a newer one. A heartbeat names the documents that changed lately, and has a
 * digest of each app for the rest.
 *
 * @param latest the latest stamp that MongoDB has at this address. A node with a higher one is not in step.
 * @param digest the digest of a node that holds everything of the app. It is read only when a heartbeat does not name the document.
 */
export async function distributionOf(
  heartbeats: readonly Heartbeat[] | null,
  publication: Sent,
  latest: Stamp | null,
  digest: () => Promise<string | null>,
): Promise<Distribution> {
  if (!heartbeats) return { state: 'PENDING', nodes: null, inStep: null }
  const { app, code } = publication
  const served = heartbeats.filter(({ changed }) => serves(changed[`${app}/${code}`], publication, latest))
  const others = heartbeats.filter((one) => !served.includes(one) && one.digests[app] !== undefined)
  const expected = others.length > 0 ? await digest() : null
  const inStep = served.length + others.filter(({ digests }) => digests[app] === expected).length
  const nodes = heartbeats.length
  return { state: nodes > 0 && inStep === nodes ? 'IN_STEP' : 'PENDING', nodes, inStep }
}

/** What a document is of: a slot, or the settings of an app. */
export type Place = { slot: string; code: string } | { app: string; code: typeof SETTINGS }

/**
 * Why a document does not reach the nodes, and what to do; null when nothing is in the way.
 *
 * @param manifest of the channel; null while it is out of reach.
 * @param latest the latest stamp that was read of the place. It may be out of date by now.
 * @param wanted the stamp that the caller asks about: `latest` or an older one.
 */
export async function warningOf(
  services: Services,
  manifest: ReadonlyMap<string, string> | null,
  place: Place,
  latest: Stamp | null,
  wanted: Stamp | null = latest,
): Promise<string | null> {
  const what = 'slot' in place ? `the slot ${JSON.stringify(place.code)}` : `the app ${JSON.stringify(place.app)}`
  if (!manifest) {
    return (
      `Redis is out of reach: the nodes serve ${what} as it was before. Bring Redis back. The change is stored and is ` +
      'then sent automatically within seconds'
    )
  }
  const held = parseStamp(manifest.get(place.code) ?? '')
  const isAhead = (known: Stamp | null) => held !== undefined && (!known || compareStamps(held, known) > 0)
  // Something may have been published since `latest` was read. So it is read again before the channel is called ahead.
  if (isAhead(latest) && isAhead(await latestOf(services, place))) {
    return (
      `The channel holds ${formatStamp(held!)} of ${what} and is ahead of MongoDB, as after a restore: what is published ` +
      'does not reach the nodes. Run `npm run raise-epoch`'
    )
  }
  if (!wanted || (held && compareStamps(held, wanted) >= 0)) return null
  return `Redis does not hold this version of ${what} yet: it is sent again automatically within seconds`
}

async function latestOf({ store }: Services, place: Place): Promise<Stamp | null> {
  if ('slot' in place) return slotHeads.get(store, place.slot)
  const app = await getApp(store, place.app)
  return app && settingsOf(app, store.epoch)
}

/** A node above MongoDB serves something that the restored database does not know: it is not in step. */
function serves(text: string | undefined, publication: Stamp, latest: Stamp | null): boolean {
  const held = text === undefined ? undefined : parseStamp(text)
  if (!held || !latest) return false
  return compareStamps(held, publication) >= 0 && compareStamps(held, latest) <= 0
}

function late(): Error {
  return new ChannelUnavailable(`The channel did not answer within ${CHANNEL_MS} ms.`)
}

/** The digest that a node has when it holds everything of an app as MongoDB has it. */
export async function latestDigest({ store }: Services, app: string): Promise<string> {
  const heads = await slotHeads.ofApp(store, app)
  const settings = settingsOf(await requireApp(store, app), store.epoch)
  const operations = await operationsStamp(store, app)
  const lines: [code: string, stamp: Stamp][] = [
    [SETTINGS, settings],
    ...heads.map((head) => [head.code, head] as [string, Stamp]),
  ]
  if (operations) lines.push([OPERATIONS, operations])
  return digestOf(lines.map(([code, stamp]) => [code, formatStamp(stamp)]))
}
