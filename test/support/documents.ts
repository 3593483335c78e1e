// Documents as delivery would write them, for tests of nodes.

import type { Channel } from '../../common/channel/channel.ts'
import { addressOf } from '../../engine/publication/address.ts'
import { deriveSigningKeys, type SigningKeys, seal } from '../../engine/publication/sign.ts'
import type {
  AppList,
  AppSettings,
  ChannelDocument,
  OperationList,
  Publication,
} from '../../engine/publication/types.ts'
import { runSteps } from '../../engine/steps.ts'
import { type AdoptOutcome, compileDocument, type Table } from '../../subgraphs/distribution/table.ts'

export { addressOf }

export const testKeys = deriveSigningKeys('a secret for tests of 32 characters or more')

/** A slot with one entry for everybody, whose creative is `<code>-<revision>`. */
export function slotDocument(
  app: string,
  code: string,
  revision: number,
  change: Partial<Publication> = {},
): Publication {
  const creative = {
    id: `${code}-${revision}`,
    revision: 1,
    title: code,
    text: null,
    image: null,
    link: null,
    data: null,
  }
  return {
    kind: 'slot',
    app,
    epoch: 1,
    revision,
    slot: { id: `slo_${code}`, code, capacity: 1, rotationSeconds: 3600, caps: [] },
    stopped: false,
    fallback: [],
    entries: [
      {
        schedule: { id: `sch_${code}`, revision },
        strategy: null,
        startsAt: null,
        endsAt: null,
        priority: 0,
        weight: 1,
        segments: [],
        constraint: null,
        rollout: null,
        times: null,
        exclusive: false,
        caps: [],
        creatives: [{ ...creative, weight: 1 }],
      },
    ],
    ...change,
  }
}

export function settingsDocument(app: string, revision: number, change: Partial<AppSettings> = {}): AppSettings {
  return {
    kind: 'settings',
    app,
    epoch: 1,
    revision,
    keys: [{ hash: `hash-of-${app}-${revision}`, expiresAt: null }],
    zone: 'UTC',
    linkSchemes: [],
    corsOrigins: [],
    requestsPerSecond: 1000,
    maxAgeSeconds: 30,
    ...change,
  }
}

export function listDocument(revision: number, apps: string[]): AppList {
  return { kind: 'apps', epoch: 1, revision, apps }
}

export function operationsDocument(
  app: string,
  revision: number,
  operations: OperationList['operations'] = [],
): OperationList {
  return { kind: 'operations', epoch: 1, revision, app, operations }
}

/** Puts a document into a table. The node does the same in steps. */
export function apply(table: Table, document: ChannelDocument): AdoptOutcome {
  const order = table.orderOf(addressOf(document), document)
  return order === 'applied' ? table.adopt(runSteps(compileDocument(document, 'mac', testKeys))) : order
}

/** Writes them one after another, as delivery does. */
export async function put(channel: Channel, ...documents: ChannelDocument[]): Promise<void> {
  for (const document of documents) await putText(channel, document, sealed(document))
}

/** Writes another text in the place and with the stamp of this document. */
export async function putText(channel: Channel, document: ChannelDocument, text: string): Promise<void> {
  await channel.write(addressOf(document), document, text)
}

export function sealed(document: ChannelDocument, keys: SigningKeys = testKeys): string {
  return seal(keys, document)
}
