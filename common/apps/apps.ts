// The repository of apps: their settings, the hashes of their keys, and the list of apps. Only this file touches the collection
// `apps`.

import { randomBytes } from 'node:crypto'
import type { AppList, AppSettings } from '../../engine/publication/types.ts'
import { sha256 } from '../base/content-hash.ts'
import { AlkaidError, notFound } from '../base/errors.ts'
import type { Db, Tx } from '../store/collection.ts'
import { findByIds } from '../store/collection.ts'
import { checkVersion } from '../store/revisioned.ts'

export type AppKeyHash = { hash: string; expiresAt: Date | null }

export type App = {
  /** Its code. */
  _id: string
  /** +1 per change; also the revision of its settings on the nodes. */
  version: number
  name: string
  zone: string
  linkSchemes: string[]
  corsOrigins: string[]
  fourEyes: boolean
  maxAgeSeconds: number
  requestsPerSecond: number
  keys: AppKeyHash[]
  createdAt: Date
  createdBy: string
}

/** What a lane needs to know of an app. */
export type LaneApp = { app: string; requestsPerSecond: number; corsOrigins: readonly string[] }

/** The settings that operators choose. */
export type AppChoices = Omit<App, '_id' | 'version' | 'keys' | 'createdAt' | 'createdBy'>
export type NewApp = Omit<App, 'version' | 'keys'>

type ListHead = { _id: string; revision: number }

const apps = (db: Db) => db.collection<App>('apps')
const LIST = 'appList'
/** Every node holds all keys of all apps. */
const MAX_KEYS = 10

export const getApp = (db: Db, code: string) => apps(db).findOne({ _id: code })
/** What a lane needs to know of each app. */
export const appAccess = (db: Db): Promise<Pick<App, '_id' | 'keys' | 'requestsPerSecond' | 'corsOrigins'>[]> =>
  apps(db).find({}, { projection: { keys: 1, requestsPerSecond: 1, corsOrigins: 1 } })
export const allApps = (db: Db) => apps(db).find({}, { sort: { _id: 1 } })

/** Apps in the order of the codes. Null where there is none. */
export const appsByCode = (db: Db, codes: readonly string[]): Promise<(App | null)[]> => findByIds(apps(db), codes)

/** Apps that pass the filter, sorted by code. `after`: the last code of the page before. */
export function pageOfApps(db: Db, filter: object, page: { limit: number; after?: string | undefined }) {
  const rest = page.after === undefined ? [] : [{ _id: { $gt: page.after } }]
  return apps(db).find({ $and: [filter, ...rest] }, { sort: { _id: 1 }, limit: page.limit })
}

export const countApps = (db: Db, filter: object): Promise<number> => apps(db).count(filter)

export async function requireApp(db: Db, code: string): Promise<App> {
  const app = await getApp(db, code)
  if (!app) throw notFound('app', code)
  return app
}

/** Throws NOT_FOUND when a list is empty because there is no such app. The app is read only when the list is empty. */
export async function refuseUnknownApp(db: Db, code: string, found: readonly unknown[], after: unknown): Promise<void> {
  if (found.length > 0 || after !== undefined) return
  if (!(await getApp(db, code))) throw notFound('app', code, 'app')
}

/** Inserts the app and raises the revision of the list of apps. Throws MongoDB's E11000 when the code is taken. */
export async function insertApp(tx: Tx, app: NewApp, keyHash: string): Promise<App> {
  const document: App = { ...app, version: 1, keys: [{ hash: keyHash, expiresAt: null }] }
  await apps(tx).insertOne(document)
  await tx.collection<ListHead>('meta').updateOne({ _id: LIST }, { $inc: { revision: 1 } }, { upsert: true })
  return document
}

/** Adds a new key. The older keys end at `graceEnds`, or earlier when their end is set already. */
export async function addAppKey(
  tx: Tx,
  code: string,
  expectedVersion: number,
  key: { hash: string; now: Date; graceEnds: Date },
): Promise<{ before: App; after: App }> {
  const before = await requireApp(tx, code)
  checkVersion('app', before, expectedVersion)
  const older = before.keys
    .map(({ hash, expiresAt }) => ({ hash, expiresAt: earlier(expiresAt, key.graceEnds) }))
    .filter(({ expiresAt }) => expiresAt > key.now)
  if (older.length >= MAX_KEYS) {
    throw new AlkaidError(
      'LIMIT_EXCEEDED',
      `${older.length} keys of the app are in their grace period: rotate with graceHours 0 to end them`,
    )
  }
  const after: App = { ...before, version: before.version + 1, keys: [{ hash: key.hash, expiresAt: null }, ...older] }
  await apps(tx).updateOne(
    { _id: code, version: before.version },
    { $set: { version: after.version, keys: after.keys } },
  )
  return { before, after }
}

/** Changes settings of the app. Settings that are not named stay as they are. */
export async function changeApp(tx: Tx, before: App, settings: Partial<AppChoices>): Promise<App> {
  const { _id, version } = before
  const after: App = { ...before, ...settings, version: version + 1 }
  await apps(tx).updateOne({ _id, version }, { $set: { ...settings, version: after.version } })
  return after
}

/** A new app key of 256 bits, and its hash. Only the hash is stored. */
export function newAppKey(): { key: string; hash: string } {
  const key = `ak_${randomBytes(32).toString('base64url')}`
  return { key, hash: sha256(key) }
}

/** The settings as distribution nodes get them. */
export function settingsOf(app: App, epoch: number): AppSettings {
  return {
    kind: 'settings',
    epoch,
    revision: app.version,
    app: app._id,
    keys: app.keys.map(({ hash, expiresAt }) => ({ hash, expiresAt: expiresAt?.getTime() ?? null })),
    zone: app.zone,
    linkSchemes: app.linkSchemes,
    corsOrigins: app.corsOrigins,
    requestsPerSecond: app.requestsPerSecond,
    maxAgeSeconds: app.maxAgeSeconds,
  }
}

/** The list of apps as distribution nodes get it. The transaction makes sure that revision and codes belong together. */
export async function appList(tx: Tx, epoch: number): Promise<AppList> {
  const head = await tx.collection<ListHead>('meta').findOne({ _id: LIST })
  const found = await apps(tx).find({}, { sort: { _id: 1 }, projection: { _id: 1 } })
  return { kind: 'apps', epoch, revision: head?.revision ?? 0, apps: found.map((app) => app._id) }
}

/** The app as the change log stores it: with the number of its keys in place of their hashes. */
export function appForLog({ keys, ...app }: App) {
  return { ...app, keys: keys.length }
}

function earlier(a: Date | null, b: Date): Date {
  return a && a < b ? a : b
}
