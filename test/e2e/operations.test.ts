// Every operation of the graph and of apps, on the platform in one process.

import { testEveryOperation } from '../support/every-operation.ts'
import { startTestPlatform } from '../support/platform.ts'

testEveryOperation(async () => {
  const { platform, tokens, clients, stop } = await startTestPlatform()
  return { gatewayUrl: platform.gatewayUrl, distributionUrl: platform.distributionUrl, tokens, clients, stop }
})
