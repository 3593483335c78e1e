// The persisted operations that apps register themselves: the mutation, the check of a manifest, and the list with its use. A list is
// replaced as a whole. An operation that the app used in the last 30 days is removed only when the caller confirms it.

import { z } from 'zod'
import { authorize } from '../../common/access/rights.ts'
import { announceOperations } from '../../common/apps/announce.ts'
import { requireApp } from '../../common/apps/apps.ts'
import { createUseStore, type OperationUse, usesOf } from '../../common/apps/operation-uses.ts'
import {
  type AppOperation,
  type AppOperations,
  operationsForLog,
  operationsOf,
  replaceOperations,
} from '../../common/apps/operations.ts'
import { invalidState } from '../../common/base/errors.ts'
import { expectedVersion, idempotencyKey, parseInput, reference, withDefault } from '../../common/command/input.ts'
import { mutate } from '../../common/command/mutate.ts'
import type { Caller, Services } from '../../common/command/services.ts'
import type { QueryLimits } from '../../common/graphql/query-limits.ts'
import type { PersistedOperation, PersistedOperations } from '../../common/lane/persisted-operations.ts'
import { checkVersion } from '../../common/store/revisioned.ts'
import { type CheckedOperation, createManifestChecker, MAX_OPERATIONS } from './manifest.ts'

/** An operation as the API shows it. */
export type ShownOperation = {
  hash: string
  name: string
  type: 'QUERY' | 'MUTATION'
  body: string
  builtIn: boolean
  registeredAt: Date | null
  registeredBy: string | null
  uses: number
  lastUsedAt: Date | null
}

export type ShownOperations = { app: string; version: number; operations: ShownOperation[] }

export type CheckedManifest = {
  version: number
  added: ShownOperation[]
  unchanged: number
  removed: ShownOperation[]
}

export type OperationsService = {
  list(caller: Caller, app: string): Promise<ShownOperations>
  check(caller: Caller, input: { app: string; manifest: unknown }): Promise<CheckedManifest>
  /** Resolves to the code of the app. */
  register(caller: Caller, rawInput: unknown): Promise<string>
}

const registerInput = z.object({
  app: reference,
  expectedVersion,
  manifest: z.unknown(),
  removeUsed: withDefault(z.array(reference).max(MAX_OPERATIONS, `must hold at most ${MAX_OPERATIONS}`), []),
  idempotencyKey,
})

/** @param options.operations the built-in operations. */
export function createOperationsService(
  services: Services,
  { operations: builtIn, queryLimits }: { operations: PersistedOperations; queryLimits: QueryLimits },
): OperationsService {
  const { store, now } = services
  const checker = createManifestChecker(queryLimits)
  const useStore = createUseStore(services)

  async function list(caller: Caller, app: string): Promise<ShownOperations> {
    authorize(caller.principal, app, 'read')
    await requireApp(store, app)
    const { version, operations } = await operationsOf(store, app)
    const uses = await usesOf(store, app, now())
    const own = new Set(operations.map(({ id }) => id))
    const others = [...builtIn.values()].filter(({ id }) => !own.has(id)).map(builtInOperation)
    const shown = [...operations.toSorted(byName), ...others.toSorted(byName)]
    return { app, version, operations: shown.map((operation) => toShown(operation, uses)) }
  }

  async function check(caller: Caller, { app, manifest }: { app: string; manifest: unknown }) {
    authorize(caller.principal, app, 'read')
    const before = await requireApp(store, app).then(() => operationsOf(store, app))
    const checked = await checker.check(manifest, 'manifest')
    await useStore.collect()
    const uses = await usesOf(store, app, now())
    const { added, removed } = differences(before, checked)
    return {
      version: before.version,
      added: added.map((operation) => toShown({ ...operation, registeredAt: null, registeredBy: null }, uses)),
      unchanged: checked.length - added.length,
      removed: removed.map((operation) => toShown(operation, uses)),
    }
  }

  async function register(caller: Caller, rawInput: unknown): Promise<string> {
    const input = parseInput(registerInput, rawInput)
    authorize(caller.principal, input.app, 'registerOperations') // before the work on the manifest
    const checked = await checker.check(input.manifest, 'input.manifest')
    await useStore.collect()
    const { id, repeated } = await mutate(services, caller, 'registerOperations', input, async (mutation) => {
      const { tx, actor, at } = mutation
      const { app } = input
      mutation.authorize(app)
      await requireApp(tx, app)
      const before = await operationsOf(tx, app)
      checkVersion('list of operations of the app', before, input.expectedVersion)
      const { added, removed } = differences(before, checked)
      if (added.length === 0 && removed.length === 0) return app
      if (removed.length > 0)
        requireConfirmed(
          removed,
          await usesOf(tx, app, at.getTime()),
          input.removeUsed.map((hash) => hash.toLowerCase()),
        )
      const known = new Map(before.operations.map((operation) => [operation.id, operation]))
      const registered = { registeredAt: at, registeredBy: actor }
      const operations = checked.map((operation) => known.get(operation.id) ?? { ...operation, ...registered })
      const after = await replaceOperations(tx, before, operations)
      await mutation.log(app, { type: 'APP', id: app }, operationsForLog(before), operationsForLog(after))
      return app
    })
    if (!repeated) await announceOperations(services, id)
    return id
  }

  /** Built-in operations stay, also when the app's own list lacks them. */
  function requireConfirmed(
    removed: readonly AppOperation[],
    uses: ReadonlyMap<string, OperationUse>,
    confirmed: readonly string[],
  ): void {
    const inUse = removed
      .filter(({ id }) => uses.has(id) && !builtIn.has(id) && !confirmed.includes(id))
      .map((operation) => toShown(operation, uses))
    if (inUse.length === 0) return
    const named = inUse.slice(0, MOST_NAMED).map(describeUse)
    const more = inUse.length > MOST_NAMED ? `, and ${inUse.length - MOST_NAMED} more` : ''
    const message =
      `Apps still use operations that the manifest lacks: ${named.join(', ')}${more}. Keep them in the manifest until no app ` +
      'sends them any more, or name their hashes in `removeUsed`'
    const operations = inUse.map(({ hash, name, uses, lastUsedAt }) => ({ hash, name, uses, lastUsedAt }))
    throw invalidState(message, { operations })
  }

  function toShown(operation: Registered, uses: ReadonlyMap<string, OperationUse>): ShownOperation {
    const { id, name, type, body, registeredAt, registeredBy } = operation
    const { count = 0, lastUsedAt = null } = uses.get(id) ?? {}
    const shownType = type === 'mutation' ? 'MUTATION' : 'QUERY'
    return {
      ...{ hash: id, name, type: shownType, body, builtIn: builtIn.has(id) },
      ...{ registeredAt, registeredBy, uses: count, lastUsedAt },
    }
  }

  return { list, check, register }
}

/** How many operations in use an error message names. */
const MOST_NAMED = 5

type Registered = Pick<AppOperation, 'id' | 'name' | 'type' | 'body'> & {
  registeredAt: Date | null
  registeredBy: string | null
}

function builtInOperation({ id, name, body, definition }: PersistedOperation): Registered {
  const type = definition.operation === 'mutation' ? 'mutation' : 'query'
  return { id, name, type, body, registeredAt: null, registeredBy: null }
}

/** What a manifest adds to a list, and what it removes from it. The id is the hash of the body, so an operation never changes. */
function differences(before: AppOperations, checked: readonly CheckedOperation[]) {
  const [had, has] = [before.operations, checked].map((operations) => new Set(operations.map(({ id }) => id)))
  return {
    added: checked.filter(({ id }) => !had!.has(id)),
    removed: before.operations.filter(({ id }) => !has!.has(id)),
  }
}

function describeUse({ name, hash, uses, lastUsedAt }: ShownOperation): string {
  return `${name} (${hash.slice(0, 8)}…, used ${uses.toLocaleString('en')} times, the last on ${lastUsedAt?.toISOString()})`
}

function byName(a: { name: string; id: string }, b: { name: string; id: string }): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1
  return a.id < b.id ? -1 : 1
}
