// The way of a publication to the nodes; and how far it has got, or an app's settings.

import { getApp, requireApp, settingsOf } from '../../common/apps/apps.ts'
import { withDeadline } from '../../common/base/deadline.ts'
import { ChannelUnavailable, type Heartbeat, SETTINGS } from '../../common/channel/channel.ts'
import type { Services } from '../../common/command/services.ts'
import { digestOf } from '../../engine/publication/digest.ts'
import { seal } from '../../engine/publication/sign.ts'
import { compareStamps, formatStamp, parseStamp, type Stamp } from '../../engine/publication/types.ts'
import { type PublicationRow, slotHeads } from './repository.ts'

/** How long an answer waits for the channel, in milliseconds. */
const CHANNEL_MS = 1_000
/** A node whose last heartbeat is older is not alive. */
const ALIVE_MS = 10_000

export type Distribution = { state: 'PENDING' | 'IN_STEP'; nodes: number | null; inStep: number | null }

/** A document on its way: where it is served, and its stamp. */
export type Sent = Stamp & { app: string; code: string }

/** After the commit. A failure is logged and changes nothing: reconciliation sends the slot's latest publication. */
export async function send(services: Services, publication: PublicationRow): Promise<void> {
  try {
    await withDeadline(CHANNEL_MS, write(services, publication), late)
  } catch (error) {
    const { app, code, epoch, revision } = publication
    services.log.warn(
      { err: error, app, slot: code, epoch, revision },
      'not on the nodes yet: reconciliation will send it',
    )
  }
}

/** Writes its body, if it still has one, unless the channel holds the same or a higher one. */
export async function write({ channel, keys }: Services, { app, code, epoch, revision, body }: PublicationRow) {
  if (body) await channel.write({ app, code }, { epoch, revision }, seal(keys, body))
}

/** The heartbeats of living nodes; null when the channel is out of reach. */
export async function readHeartbeats({ channel, log }: Services): Promise<Heartbeat[] | null> {
  try {
    return await withDeadline(CHANNEL_MS, channel.heartbeats(ALIVE_MS), late)
  } catch (error) {
    log.warn({ err: error }, 'cannot ask which nodes are in step')
    return null
  }
}

/** What the channel holds of an app: code -> `epoch.revision`; null when it is out of reach. */
export async function readManifest({ channel, log }: Services, app: string): Promise<Map<string, string> | null> {
  try {
    return await withDeadline(CHANNEL_MS, channel.manifest(app), late)
  } catch (error) {
    log.warn({ err: error }, 'cannot ask what the channel holds')
    return null
  }
}

/**
 * How many living nodes serve a document or a newer one: the latest of its place, at the most. `digest` is that of a node which holds
 * all of the app as MongoDB has it; it is only asked for where a node has not changed lately.
 */
export async function distributionOf(
  beats: readonly Heartbeat[] | null,
  publication: Sent,
  latest: Stamp | null,
  digest: () => Promise<string | null>,
): Promise<Distribution> {
  if (!beats) return { state: 'PENDING', nodes: null, inStep: null }
  const { app, code } = publication
  const served = beats.filter(({ changed }) => serves(changed[`${app}/${code}`], publication, latest))
  const others = beats.filter((beat) => !served.includes(beat) && beat.digests[app] !== undefined)
  const expected = others.length > 0 ? await digest() : null
  const inStep = served.length + others.filter(({ digests }) => digests[app] === expected).length
  const nodes = beats.length
  return { state: nodes > 0 && inStep === nodes ? 'IN_STEP' : 'PENDING', nodes, inStep }
}

/** Whose document: that of a slot, or the settings of an app. */
export type Place = { slot: string; code: string } | { app: string; code: typeof SETTINGS }

/**
 * What keeps a document from reaching the nodes, and what helps; null when nothing does. `manifest`: of the channel, null
 * when that is out of reach. `latest`: what was read of the place, whenever that was; `wanted`: the document that is asked
 * about, that or an older one.
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
      `Redis is out of reach: what the nodes serve of ${what} stays as it was. Bring Redis back; this is stored, and is ` +
      'then sent by itself, within seconds'
    )
  }
  const held = parseStamp(manifest.get(place.code) ?? '')
  const isAhead = (known: Stamp | null) => held !== undefined && (!known || compareStamps(held, known) > 0)
  // What was published since `latest` was read must not look as if the channel were ahead.
  if (isAhead(latest) && isAhead(await latestOf(services, place))) {
    return (
      `The channel holds ${formatStamp(held!)} of ${what} and so is ahead of MongoDB, as after a restore: what is published ` +
      'does not reach the nodes. Run `npm run raise-epoch`'
    )
  }
  if (!wanted || (held && compareStamps(held, wanted) >= 0)) return null
  return `Redis does not hold this of ${what} yet: it is sent again by itself, within seconds`
}

async function latestOf({ store }: Services, place: Place): Promise<Stamp | null> {
  if ('slot' in place) return slotHeads.get(store, place.slot)
  const app = await getApp(store, place.app)
  return app && settingsOf(app, store.epoch)
}

/** A node with a higher document than MongoDB has serves what a restored database forgot: that is not in step. */
function serves(text: string | undefined, publication: Stamp, latest: Stamp | null): boolean {
  const held = text === undefined ? undefined : parseStamp(text)
  if (!held || !latest) return false
  return compareStamps(held, publication) >= 0 && compareStamps(held, latest) <= 0
}

function late(): Error {
  return new ChannelUnavailable(`The channel did not answer within ${CHANNEL_MS} ms.`)
}

/** The digest of a node that holds all of an app as MongoDB has it. */
export async function latestDigest({ store }: Services, app: string): Promise<string> {
  const heads = await slotHeads.ofApp(store, app)
  const settings = settingsOf(await requireApp(store, app), store.epoch)
  return digestOf([[SETTINGS, formatStamp(settings)], ...heads.map((head) => [head.code, formatStamp(head)] as const)])
}
