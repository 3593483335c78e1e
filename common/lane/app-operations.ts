// The operations that apps registered themselves, compiled for one lane. A list is compiled outside of requests, one operation at a
// time, and then replaces the earlier list at once. What both lists have is not compiled again, and what only the earlier one has is
// dropped. An operation that does not fit the schema of this process, for example one of a newer version of Alkaid, is left out and
// reported. The other operations are served.

import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ListedOperation } from '../../engine/publication/types.ts'
import { compileLaneOperation, type LaneOperation, type LaneOptions } from './lane.ts'
import { toPersistedOperation } from './persisted-operations.ts'

export type AppOperationsOptions = Pick<LaneOptions, 'schema' | 'frozenTypes' | 'log' | 'rootFields'> & {
  /** Called between two operations: the compiling goes on when the promise resolves. Default: in the next turn of the event loop. */
  pause?: (() => Promise<void> | undefined) | undefined
}

/** A list of one app. The same version has the same operations. */
export type VersionedList = { app: string; version: string; operations: readonly ListedOperation[] }

export type CompiledAppOperations = {
  /** SHA-256 (hex) -> operation. Undefined: no list of the app is compiled yet. */
  of(app: string): ReadonlyMap<string, LaneOperation> | undefined
  /** The version of the list that `of` answers. */
  versionOf(app: string): string | undefined
  /** Compiles a list in the background, unless it is the one that is compiled already. Call it in the order of the versions. */
  update(list: VersionedList): void
  /** Resolves when no list waits to be compiled. */
  settled(): Promise<void>
  /** How many operations are compiled. */
  readonly size: number
  /** The operations that cannot be served, as `shop: Home`. */
  unusable(): string[]
}

type Compiled = { version: string; operations: ReadonlyMap<string, LaneOperation>; unusable: string[] }

export function createAppOperations(options: AppOperationsOptions): CompiledAppOperations {
  const { log, rootFields, pause = nextTurn } = options
  const compiled = new Map<string, Compiled>()
  /** App -> its newest list that is not compiled yet. */
  const waiting = new Map<string, VersionedList>()
  let working: Promise<void> | undefined

  async function compileWaiting(): Promise<void> {
    for (let next = takeNext(); next; next = takeNext()) {
      const before = compiled.get(next.app)
      if (before?.version !== next.version) compiled.set(next.app, await compileList(next, before))
    }
    working = undefined
  }

  function takeNext(): VersionedList | undefined {
    const [list] = waiting.values()
    if (list) waiting.delete(list.app)
    return list
  }

  async function compileList(
    { app, version, operations }: VersionedList,
    before: Compiled | undefined,
  ): Promise<Compiled> {
    const served = new Map<string, LaneOperation>()
    const unusable: string[] = []
    for (const listed of operations) {
      const known = before?.operations.get(listed.id)
      if (known) {
        served.set(listed.id, known)
        continue
      }
      await pause() // requests are answered between two operations
      try {
        const operation = toPersistedOperation(listed)
        // The list has the operations of all lanes.
        if (!operation.rootFields.every((field) => rootFields.includes(field))) continue
        served.set(listed.id, compileLaneOperation(options, operation))
      } catch (error) {
        unusable.push(`${app}: ${listed.name}`)
        log.error({ err: error, app, operation: listed.name }, 'an operation of an app cannot be served here')
      }
    }
    return { version, operations: served, unusable }
  }

  return {
    of: (app) => compiled.get(app)?.operations,
    versionOf: (app) => compiled.get(app)?.version,
    update(list) {
      const newest = waiting.get(list.app) ?? compiled.get(list.app)
      if (newest?.version === list.version) return
      waiting.set(list.app, list)
      working ??= compileWaiting()
    },
    async settled() {
      await working
    },
    get size() {
      return [...compiled.values()].reduce((sum, { operations }) => sum + operations.size, 0)
    },
    unusable: () => [...compiled.values()].flatMap(({ unusable }) => unusable),
  }
}
