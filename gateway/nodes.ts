// The nodes of one service, and which of them gets the next request: the healthy one with the fewest requests under way. A node
// that fails is skipped. Probes (`GET /readyz`) find out when it is back, so no request of a client is spent on that.

import { Pool } from 'undici'
import { CHECK_MS } from '../common/service/health.ts'

/**
 * - `healthy`: takes requests.
 * - `skipped`: refused or closed a connection, or said that it is not ready. It gets requests only when no healthy node is left.
 * - `hung`: did not answer in time, and nobody else meanwhile. It gets no requests, since each one would wait for the timeout.
 */
export type NodeState = 'healthy' | 'skipped' | 'hung'

export type Node = {
  readonly pool: Pool
  /** The path of its base URL, for example `/alkaid`. Empty for most. */
  readonly prefix: string
  state: NodeState
  /** Requests under way. */
  outstanding: number
  /** Answers so far. */
  answers: number
  /** Failures since its last answer. */
  failures: number
}

/** `closed`: the connection broke off. `busy`: the node answered that it cannot take requests now. */
export type Failure = 'refused' | 'closed' | 'busy' | 'timeout'

export type Nodes = {
  /** The name of the service. */
  name: string
  /** How many there are. */
  size: number
  /**
   * The node for a request, with one request more under way: call `release` when it ends. Undefined when no node can take it.
   * @param tried nodes that already failed this request. They are asked again only when no other is left.
   */
  take(tried?: readonly Node[]): Node | undefined
  release(node: Node): void
  /** The node answered. */
  answered(node: Node): void
  /** @param answersBefore the answers of the node when the failed request began. */
  failed(node: Node, failure: Failure, answersBefore: number): void
  counts(): Record<NodeState, number>
  /** Closes all connections. Requests under way fail. */
  close(): Promise<void>
}

export type NodesOptions = {
  name: string
  /** Base URLs, without a slash at the end. */
  urls: readonly string[]
  /** Requests under way at one node, at most. */
  maxOutstanding: number
  connectMs: number
}

/** A node that failed is asked for its health after this time, and then after twice the time, up to the maximum. */
const FIRST_PROBE_MS = 500
export const MAX_PROBE_MS = 2_000
/** Longer than `/readyz` takes while MongoDB or Redis hangs behind the node. */
const PROBE_ANSWER_MS = CHECK_MS + 1_000

export function createNodes({ name, urls, maxOutstanding, connectMs }: NodesOptions): Nodes {
  const nodes = urls.map((url) => openNode(url, maxOutstanding, connectMs))
  const probes = new Map<Node, NodeJS.Timeout>()
  let isClosed = false
  let next = 0

  function take(tried?: readonly Node[]): Node | undefined {
    let best: Node | undefined
    let bestRank = Number.POSITIVE_INFINITY
    next = (next + 1) % nodes.length // equal nodes take turns
    for (let n = 0; n < nodes.length; n++) {
      const node = nodes[(next + n) % nodes.length]!
      if (node.state === 'hung' || node.outstanding >= maxOutstanding) continue
      const rank = node.outstanding + (node.state === 'skipped' ? 1e6 : 0) + (tried?.includes(node) ? 1e9 : 0)
      if (rank >= bestRank) continue
      best = node
      bestRank = rank
    }
    if (best) best.outstanding += 1
    return best
  }

  function answered(node: Node): void {
    node.answers += 1
    node.failures = 0
    if (node.state !== 'healthy') setHealthy(node)
  }

  function setHealthy(node: Node): void {
    node.state = 'healthy'
    clearTimeout(probes.get(node))
    probes.delete(node)
  }

  function failed(node: Node, failure: Failure, answersBefore: number): void {
    node.failures += 1
    const hangs = failure === 'timeout' && node.answers === answersBefore
    // One broken connection says little: the node may have closed an idle one at the moment at which it was used. Nor does one
    // request that takes too long while the node answers others.
    if (node.failures === 1 && !hangs && (failure === 'closed' || failure === 'timeout')) return
    if (hangs) node.state = 'hung'
    else if (node.state === 'healthy') node.state = 'skipped'
    if (!probes.has(node)) probeLater(node, FIRST_PROBE_MS)
  }

  function probeLater(node: Node, ms: number): void {
    if (isClosed) return
    // Several gateways must not ask at the same moment.
    const timer = setTimeout(() => void probe(node, ms), ms * (0.8 + 0.4 * Math.random()))
    probes.set(node, timer.unref())
  }

  async function probe(node: Node, waitedMs: number): Promise<void> {
    const status = await statusOf(node)
    if (!probes.has(node)) return // it has answered a request in the meantime
    if (status === 200) {
      node.failures = 0
      setHealthy(node)
      return
    }
    if (status !== undefined && node.state === 'hung') node.state = 'skipped' // it answers again, but is not ready yet
    probeLater(node, Math.min(2 * waitedMs, MAX_PROBE_MS))
  }

  return {
    name,
    size: nodes.length,
    take,
    release(node) {
      node.outstanding -= 1
    },
    answered,
    failed,
    counts() {
      const counts = { healthy: 0, skipped: 0, hung: 0 }
      for (const { state } of nodes) counts[state] += 1
      return counts
    },
    async close() {
      isClosed = true
      for (const timer of probes.values()) clearTimeout(timer)
      probes.clear()
      await Promise.all(nodes.map(({ pool }) => pool.destroy()))
    },
  }
}

function openNode(url: string, connections: number, connectTimeout: number): Node {
  const base = new URL(url)
  // undici closes an idle connection two seconds before the server does, so a request seldom meets a closing connection.
  // Timeouts: each request has its own, which includes the wait for a connection.
  const pool = new Pool(base.origin, { connections, connectTimeout, allowH2: false, headersTimeout: 0, bodyTimeout: 0 })
  const prefix = base.pathname === '/' ? '' : base.pathname
  return { pool, prefix, state: 'healthy', outstanding: 0, answers: 0, failures: 0 }
}

/** The status of `/readyz`. Undefined without an answer in time. */
async function statusOf({ pool, prefix }: Node): Promise<number | undefined> {
  try {
    const signal = AbortSignal.timeout(PROBE_ANSWER_MS)
    const { statusCode, body } = await pool.request({ method: 'GET', path: `${prefix}/readyz`, signal })
    await body.dump()
    return statusCode
  } catch {
    return undefined // no answer is the answer to this question
  }
}
