// What every subgraph works with, made once by the composition root; and the caller of one request.

import type { SigningKeys } from '../../engine/publication/sign.ts'
import type { Principal } from '../access/rights.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Channel } from '../channel/channel.ts'
import type { Store } from '../store/store.ts'

export type Services = {
  store: Store
  channel: Channel
  keys: SigningKeys
  /** Milliseconds since the Unix epoch. */
  now: () => number
  log: Logger
  /** Undefined: nothing is counted. */
  metrics?: Metrics | undefined
}

/** Who sent this request, and its id in the logs. */
export type Caller = {
  principal: Principal | null
  requestId: string
  /** Set when the request has the key of an app in place of a token. */
  appKey?: { app: string } | undefined
}
