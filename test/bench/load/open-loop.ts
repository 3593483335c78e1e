// Requests at a constant rate, as many users send them: nobody waits for the answers of others. The latency of a request counts
// from the instant at which it should have been sent. So the time that it waits for a free connection counts as well,
// and a server that stops for a second spoils a second of requests and not only one. (The mistake of measuring from the
// sending instead is called coordinated omission.)

import { type Connection, type Expected, openConnection } from './connection.ts'
import { ringOf } from './requests.ts'

export type OpenLoopOptions = {
  port: number
  requests: readonly string[]
  expected: Expected
  /** As many requests as can be under way at once. */
  connections: number
  perSecond: number
  /** What is sent in the first `warmUpMs` is not counted. */
  warmUpMs: number
  measureMs: number
  /** How long it waits for the last answers. Default: 5 s. */
  graceMs?: number
}

export type OpenLoopResult = {
  /** In ms, ascending, of the requests after the warm-up. A request without an answer counts with the time that it has waited. */
  latencies: Float64Array
  /** How late they were sent although a connection was free, in ms, ascending: what this process adds by itself. */
  lateness: Float64Array
  /** Requests that should have been sent and have no answer some seconds after the end. */
  unanswered: number
}

const GRACE_MS = 5_000
const UNANSWERED = -1

export async function runOpenLoop(options: OpenLoopOptions): Promise<OpenLoopResult> {
  const { port, expected, connections, perSecond, warmUpMs, measureMs, graceMs = GRACE_MS } = options
  const requests = ringOf(options.requests, 1)(0)
  const perMs = perSecond / 1000
  const uncounted = Math.round(warmUpMs * perMs)
  const total = Math.round((warmUpMs + measureMs) * perMs)
  const latencies = new Float64Array(total).fill(UNANSWERED)
  const lateness: number[] = []
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {}) // it may fail before somebody waits for it
  const done = Promise.withResolvers<void>()

  type Client = { connection: Connection; intended: number; request: number }
  const idle: Client[] = []
  const opened: Client[] = []
  let [sent, answered] = [0, 0]

  for (let index = 0; index < connections; index += 1) {
    const client: Client = { connection: undefined as never, intended: 0, request: 0 }
    client.connection = await openConnection({
      port,
      expected,
      onAnswers() {
        latencies[client.request] = performance.now() - client.intended
        answered += 1
        idle.push(client)
      },
      onFailure: failed.reject,
    })
    opened.push(client)
    idle.push(client)
  }

  const began = performance.now()
  const endsAt = began + warmUpMs + measureMs + graceMs
  /** Whether requests waited for a connection at the last turn. Then a late one is not this process's doing. */
  let waited = false
  // It never sleeps: the timers of Node are a millisecond coarse, and latencies are shorter.
  function turn(): void {
    const now = performance.now()
    const due = Math.min(total, Math.floor((now - began) * perMs) + 1)
    while (sent < due) {
      const client = idle.pop()
      if (!client) break
      client.request = sent
      client.intended = began + sent / perMs
      if (!waited && sent >= uncounted) lateness.push(now - client.intended)
      client.connection.send(requests.next(1))
      sent += 1
    }
    waited = sent < due
    if (answered === total || now > endsAt) done.resolve()
    else setImmediate(turn)
  }
  turn()
  try {
    await Promise.race([done.promise, failed.promise])
  } finally {
    for (const { connection } of opened) connection.close()
  }
  const ended = performance.now()
  for (let request = 0; request < total; request += 1) {
    if (latencies[request] === UNANSWERED) latencies[request] = ended - (began + request / perMs)
  }
  return {
    latencies: latencies.slice(uncounted).sort(),
    lateness: Float64Array.from(lateness).sort(),
    unanswered: total - answered,
  }
}
