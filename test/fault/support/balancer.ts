// A balancer of connections in front of the instances of one service, as orchestrators have it: a new connection goes to an instance that
// was ready a moment ago. Open connections stay where they are.

import { until } from '../../support/until.ts'
import { startTcpProxy } from './tcp-proxy.ts'

export type Balancer = {
  url: string
  add(instanceUrl: string): void
  /** Resolves once so many instances are ready. */
  untilReady(count: number): Promise<void>
  stop(): Promise<void>
}

const CHECK_EVERY_MS = 50

export async function startBalancer(...instanceUrls: string[]): Promise<Balancer> {
  const instances = [...instanceUrls]
  let ready = new Set<string>()
  let turn = 0
  let isOver = false

  function choose(): number {
    const among = ready.size > 0 ? [...ready] : instances
    turn += 1
    return Number(new URL(among[turn % among.length]!).port)
  }

  const proxy = await startTcpProxy(choose)
  const checking = (async () => {
    while (!isOver) {
      const checked = await Promise.all(instances.map(async (url) => ((await isReady(url)) ? [url] : [])))
      ready = new Set(checked.flat())
      await new Promise((resolve) => setTimeout(resolve, CHECK_EVERY_MS))
    }
  })()

  return {
    url: `http://127.0.0.1:${proxy.port}`,
    add: (url) => void instances.push(url),
    untilReady: (count) => until(`${count} instances are ready`, () => ready.size >= count, { within: 30_000 }),
    async stop() {
      isOver = true
      await checking
      await proxy.stop()
    },
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) })).ok
  } catch {
    return false
  }
}
