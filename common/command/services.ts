// What every subgraph is given to work with, and who calls. Made once by the composition root.

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
  /** Undefined: nobody counts. */
  metrics?: Metrics | undefined
}

/** Who sent this request, and under which id the logs have it. */
export type Caller = {
  principal: Principal | null
  requestId: string
  /** Set when an app's key was shown, in place of a token. */
  appKey?: { app: string } | undefined
}
