// What a node does with the operations that apps registered: it compiles each list that its table gets, and counts how often apps use
// their operations. The counts go to delivery through the channel.

import { createUseCounter } from '../../common/apps/use-counter.ts'
import { startUseReporting } from '../../common/apps/use-reporting.ts'
import { AlkaidError } from '../../common/base/errors.ts'
import type { Channel } from '../../common/channel/channel.ts'
import { type AppOperationsOptions, createAppOperations } from '../../common/lane/app-operations.ts'
import type { LaneOperation } from '../../common/lane/lane.ts'
import type { Finding } from '../../common/service/health.ts'
import { formatStamp, type OperationList } from '../../engine/publication/types.ts'
import type { Sync } from './sync.ts'

export type NodeOperations = {
  /** For the lane. @throws AlkaidError UNAVAILABLE while the first list of the app is not compiled yet. */
  of(app: string): ReadonlyMap<string, LaneOperation> | undefined
  /** Compiles a list in the background. */
  update(list: OperationList): void
  /** Compiles everything that the table has. A node that starts waits for it, so that it serves the operations of all apps at once. */
  compileAll(): Promise<void>
  onUse(app: string, operation: string): void
  check(): Finding
  /** How many operations of apps this node serves. */
  readonly size: number
  /** How many do not fit the schema of this node. */
  readonly unusable: number
  stop(): Promise<void>
}

export type NodeOperationsOptions = AppOperationsOptions & {
  sync: Sync
  channel: Channel
  node: string
  now: () => number
  /** Time between two reports of uses, in ms. */
  reportEveryMs?: number | undefined
}

export function startNodeOperations(options: NodeOperationsOptions): NodeOperations {
  const { sync, channel, node, now, log } = options
  const compiled = createAppOperations({ ...options, pause: sync.slices.pause })
  const counter = createUseCounter(node, now, () => {
    log.warn({}, 'apps use more operations than this node counts: some look less used than they are')
  })
  const { reportEveryMs: everyMs } = options
  const send = channel.reportUses.bind(channel)
  const reporting = startUseReporting({ counter, send, log, ...(everyMs !== undefined && { everyMs }) })

  const update = (list: OperationList) =>
    compiled.update({ app: list.app, version: formatStamp(list), operations: list.operations })

  return {
    update,
    async compileAll() {
      for (const app of sync.table.loadedApps()) {
        const list = sync.table.operations(app)
        if (list) update(list)
      }
      await compiled.settled()
    },
    of(app) {
      const operations = compiled.of(app)
      if (!operations && sync.table.operations(app)) {
        throw new AlkaidError('UNAVAILABLE', 'This node is preparing the operations of the app: try again in a second')
      }
      return operations
    },
    onUse: counter.count,
    check() {
      const unusable = compiled.unusable()
      const named = `${unusable.slice(0, 5).join(', ')}${unusable.length > 5 ? ', ...' : ''}`
      const warning =
        unusable.length > 0
          ? `${unusable.length} operations of apps do not fit the schema of this node, and are not served: ${named}. Start the same version of Alkaid everywhere`
          : undefined
      return { operations: compiled.size, unusable: unusable.length, warning }
    },
    get size() {
      return compiled.size
    },
    get unusable() {
      return compiled.unusable().length
    },
    stop: () => reporting.stop(),
  }
}
