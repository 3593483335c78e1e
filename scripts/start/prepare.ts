// Prepares a development platform once it runs: a token for each role, and the demo app.

import type { Role } from '../../common/access/rights.ts'
import type { Settings } from '../../common/service/settings.ts'
import type { Demo } from '../../gateway/demo-requests.ts'
import type { Running } from '../../platform/app.ts'
import { tokensOfRoles } from '../shared/tokens.ts'
import { loadDemo } from './load-demo.ts'

export type Prepared = { tokens?: Record<Role, string>; demo?: Demo }

/** Never rejects: the platform also works without the demo. In production it does nothing. */
export async function prepare(
  running: Running,
  { production, dataDir }: Settings,
  wantsDemo: boolean,
  signal: AbortSignal,
): Promise<Prepared> {
  if (production || !('secret' in running.tokens.key)) return {}
  const tokens = await tokensOfRoles(running.tokens)
  if (!wantsDemo) return { tokens }
  try {
    const { gatewayUrl, distributionUrl } = running
    const urls = { gateway: `${gatewayUrl}/graphql`, distribution: `${distributionUrl}/graphql` }
    const demo = await loadDemo({ urls, tokens, dataDir, signal, progress: console.log })
    return { tokens, demo }
  } catch (error) {
    if (!signal.aborted) console.error(`The demo app is not complete: ${(error as Error).message}`)
    return { tokens }
  }
}
