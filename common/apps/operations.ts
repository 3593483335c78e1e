// The repository of the persisted operations that apps registered themselves (`registerOperations`). Each app has one list, which is
// replaced as a whole. Only this file touches the collection `appOperations`.

import type { OperationList, Stamp } from '../../engine/publication/types.ts'
import type { Db, Tx } from '../store/collection.ts'

/** One operation of a list. */
export type AppOperation = {
  /** SHA-256 (hex) of `body`. */
  id: string
  name: string
  type: 'query' | 'mutation'
  /** The text of the operation, with its fragments. */
  body: string
  /** The subgraph whose lane answers it: `distribution` or `stats`. */
  lane: string
  registeredAt: Date
  registeredBy: string
}

export type AppOperations = {
  /** The code of the app. */
  _id: string
  /** +1 per change; also the revision of the list on the nodes. */
  version: number
  operations: AppOperation[]
}

/** An app that never registered operations has an empty list of this version. It is not stored, and not in the channel. */
const FIRST_VERSION = 1

const lists = (db: Db) => db.collection<AppOperations>('appOperations')

export async function operationsOf(db: Db, app: string): Promise<AppOperations> {
  return (await lists(db).findOne({ _id: app })) ?? { _id: app, version: FIRST_VERSION, operations: [] }
}

/** Replaces the list. Of two transactions that read the same version, only one commits. */
export async function replaceOperations(
  tx: Tx,
  { _id, version }: AppOperations,
  operations: AppOperation[],
): Promise<AppOperations> {
  const after: AppOperations = { _id, version: version + 1, operations }
  if (version === FIRST_VERSION) await lists(tx).insertOne(after)
  else await lists(tx).updateOne({ _id, version }, { $set: { version: after.version, operations } })
  return after
}

/** App -> the version of its list, for all apps that have registered operations. */
export async function operationVersions(db: Db): Promise<Map<string, number>> {
  const found = await lists(db).find({}, { projection: { version: 1 } })
  return new Map(found.map(({ _id, version }) => [_id, version]))
}

/** The stamp of the list in the channel. Null: the app never registered operations, and the channel has no list. */
export async function operationsStamp(db: Db & { epoch: number }, app: string): Promise<Stamp | null> {
  const found = await lists(db).findOne({ _id: app }, { projection: { version: 1 } })
  return found && { epoch: db.epoch, revision: found.version }
}

/** The list as distribution nodes get it. */
export function operationList({ _id, version, operations }: AppOperations, epoch: number): OperationList {
  return {
    kind: 'operations',
    epoch,
    revision: version,
    app: _id,
    operations: operations.map(({ id, name, body }) => ({ id, name, body })),
  }
}

/** The list as the change log stores it: without the bodies, which the ids identify. */
export function operationsForLog({ version, operations }: AppOperations) {
  return { operationsVersion: version, operations: operations.map(({ body: _, ...operation }) => operation) }
}
