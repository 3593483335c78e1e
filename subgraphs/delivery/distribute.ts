// The way of a publication to the nodes, and how far it has got.

import { requireApp, settingsOf } from '../../common/apps/apps.ts'
import { type Heartbeat, SETTINGS } from '../../common/channel/channel.ts'
import { ChannelUnavailable } from '../../common/channel/errors.ts'
import { digestOf } from '../../common/publication/digest.ts'
import { seal } from '../../common/publication/sign.ts'
import { compareStamps, formatStamp, parseStamp, type Stamp } from '../../common/publication/types.ts'
import type { Services } from '../../common/services.ts'
import { within } from '../../common/within.ts'
import { type PublicationRow, slotHeads } from './repository.ts'

/** How long an answer waits for the channel, in milliseconds. */
const CHANNEL_MS = 1_000
/** A node whose last heartbeat is older is not alive. */
const ALIVE_MS = 10_000

export type Distribution = { state: 'PENDING' | 'IN_STEP'; nodes: number | null; inStep: number | null }

/** Which publication: where it is served, and its stamp. */
export type Sent = Stamp & { app: string; code: string }

/** After the commit. A failure is logged and changes nothing: reconciliation sends the slot's latest publication. */
export async function send(services: Services, publication: PublicationRow): Promise<void> {
  try {
    await within(CHANNEL_MS, write(services, publication), late)
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
    return await within(CHANNEL_MS, channel.heartbeats(ALIVE_MS), late)
  } catch (error) {
    log.warn({ err: error }, 'cannot ask which nodes are in step')
    return null
  }
}

/** What the channel holds of an app: code -> `epoch.revision`; null when it is out of reach. */
export async function readManifest({ channel, log }: Services, app: string): Promise<Map<string, string> | null> {
  try {
    return await within(CHANNEL_MS, channel.manifest(app), late)
  } catch (error) {
    log.warn({ err: error }, 'cannot ask what the channel holds')
    return null
  }
}

/**
 * How many living nodes serve it or a newer one: `latest` of its slot, at the most. `digest` is that of a node which holds
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

/**
 * Which command helps when the channel has a higher document of the slot than MongoDB, so that what is published does
 * not take its place; null when that is not so. `latest` is what was read of its slot, whenever that was.
 */
export async function warningOf(
  { store }: Services,
  manifest: ReadonlyMap<string, string> | null,
  { slot, code }: { slot: string; code: string },
  latest: Stamp | null,
): Promise<string | null> {
  const held = parseStamp(manifest?.get(code) ?? '')
  const isAhead = (known: Stamp | null) => held !== undefined && (!known || compareStamps(held, known) > 0)
  // What was published since `latest` was read must not look as if the channel were ahead.
  if (!isAhead(latest) || !isAhead(await slotHeads.get(store, slot))) return null
  return (
    `The channel holds ${formatStamp(held!)} of the slot ${JSON.stringify(code)} and so is ahead of MongoDB, as after a ` +
    'restore: what is published does not reach the nodes. Run `npm run raise-epoch`'
  )
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
