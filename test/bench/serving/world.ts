// What the benches of the serving lane ask for: three slots with 20 candidates each. Every schedule matches every user, by four
// comparisons, and all are in one tier. So each user gets one of the 20, by the weighted order. All texts have the same length:
// then every answer has the same length too, about 1.9 KB, and the load generator can check it.

import { readFileSync } from 'node:fs'
import { sha256 } from '../../../common/base/content-hash.ts'
import type { Channel } from '../../../common/channel/channel.ts'
import { addressOf } from '../../../engine/publication/address.ts'
import { deriveSigningKeys, seal } from '../../../engine/publication/sign.ts'
import type {
  AppList,
  AppSettings,
  ChannelDocument,
  Publication,
  PublishedEntry,
} from '../../../engine/publication/types.ts'
import type { RequestContext } from '../../../engine/targeting/types.ts'

export const APP = 'bench'
export const APP_KEY = 'ak_a-key-for-benches-of-the-serving-lane'
export const SLOTS = ['home.banner', 'home.popup', 'feed.card'] as const
export const CANDIDATES = 20
export const USERS = 100
export const SECRETS = {
  JWT_SECRET: 'a secret for benches: tokens, 32 characters',
  SIGNING_SECRET: 'a secret for benches: signatures, 32 characters',
  SERVICE_SECRET: 'a-secret-for-benches-of-the-services-32-characters',
}

export const signingKeys = deriveSigningKeys(SECRETS.SIGNING_SECRET)
/** So that no answer changes while a bench runs. */
const ROTATION_SECONDS = 366 * 86_400

type Manifest = { operations: { id: string; name: string; body: string }[] }
const manifest = JSON.parse(
  readFileSync(new URL('../../../schema/persisted-queries.json', import.meta.url), 'utf8'),
) as Manifest

/** A persisted operation: its text, and its SHA-256. */
export function operationNamed(wanted: string): { id: string; body: string } {
  const found = manifest.operations.find(({ name }) => name === wanted)
  if (!found) throw new Error(`expected an operation ${wanted} in schema/persisted-queries.json`)
  return found
}

/** The operation that asks for decisions. */
export const operation = operationNamed('Decisions')

export type Variables = { app: string; slots: readonly string[]; context: RequestContext }

/** What each user asks. */
export const users: readonly Variables[] = Array.from({ length: USERS }, (_, at) => ({
  app: APP,
  slots: SLOTS,
  context: {
    userId: `user-${String(at).padStart(6, '0')}`,
    tags: ['member', 'spring-sale'],
    appVersion: '8.1.0',
    platform: at % 2 === 0 ? 'android' : 'ios',
    region: 'CN-31',
    language: 'zh-Hans',
  },
}))

/** Everything that a node loads for this app, in the order in which delivery writes it. */
export function documents(): ChannelDocument[] {
  return [list([APP]), settings(APP, APP_KEY), ...SLOTS.map((code) => publication({ app: APP, code, revision: 1 }))]
}

/** Signs and writes them, as delivery does. */
export async function writeDocuments(channel: Channel, all: readonly ChannelDocument[]): Promise<void> {
  for (const document of all) {
    await channel.write(addressOf(document), document, seal(signingKeys, document))
  }
}

export function list(apps: string[], revision = 1): AppList {
  return { kind: 'apps', epoch: 1, revision, apps }
}

/** With limits and everything else switched on. The rate limit is so high that the bench does not reach it. */
export function settings(app: string, key: string): AppSettings {
  return {
    ...{ kind: 'settings', app, epoch: 1, revision: 1, zone: 'Asia/Shanghai', linkSchemes: ['bench'] },
    keys: [{ hash: sha256(key), expiresAt: null }],
    corsOrigins: ['https://app.example.com'],
    requestsPerSecond: 1_000_000,
    maxAgeSeconds: 30,
  }
}

export type PublicationOptions = {
  app: string
  code: string
  revision: number
  schedules?: number
  /** Further characters in the text of each creative. */
  padding?: number
}

export function publication(options: PublicationOptions): Publication {
  const { app, code, revision, schedules = CANDIDATES, padding = 0 } = options
  return {
    ...{ kind: 'slot', app, epoch: 1, revision, stopped: false, fallback: [] },
    slot: { id: id('slo', code, 0), code, capacity: 1, rotationSeconds: ROTATION_SECONDS, caps: [] },
    entries: Array.from({ length: schedules }, (_, at) => entry(code, at, padding)),
  }
}

function entry(code: string, at: number, padding: number): PublishedEntry {
  const number = String(at).padStart(3, '0')
  return {
    schedule: { id: id('sch', code, at), revision: 1 },
    strategy: { id: id('str', code, at), revision: 1 },
    startsAt: Date.UTC(2026, 0, 1),
    endsAt: null,
    priority: 0,
    weight: [1, 1, 2, 5][at % 4]!,
    segments: [],
    constraint: {
      all: [
        { dimension: 'platform', operator: 'IN', values: ['ios', 'android'] },
        { dimension: 'appVersion', operator: 'VERSION_GTE', values: [`${1 + (at % 8)}.0.0`] },
        { dimension: 'region', operator: 'IN', values: ['CN', 'HK'] },
        { dimension: 'tags', operator: 'IN', values: ['member', `tag-${number}`] },
      ],
    },
    rollout: null,
    times: null,
    exclusive: false,
    caps: [],
    creatives: [
      {
        id: id('cre', code, at),
        revision: 1,
        title: `Sale ${number}`,
        text: `Half off.${'x'.repeat(padding)}`,
        image: { url: `https://img.example/${number}.webp`, width: 1200, height: 600, alt: 'Sale' },
        link: `bench://${number}`,
        data: { theme: 'light' },
        weight: 1,
      },
    ],
  }
}

/** As long as real ones. */
function id(kind: string, code: string, at: number): string {
  const slot = sha256(code).slice(0, 4)
  return `${kind}_0196a3f0-${slot}-7000-8000-${String(at).padStart(12, '0')}`
}
