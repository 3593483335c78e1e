// As many requests as the server answers: each connection sends its next request when an answer comes. It tells how many
// answers a second there are, and how busy this process and the server were. This process must not be fully busy,
// otherwise it and not the server is the limit.

import { type Connection, type Expected, openConnection } from './connection.ts'
import { type CpuClock, cpuClock } from './cpu.ts'
import { requestRing } from './requests.ts'

export type ClosedLoopOptions = {
  port: number
  /** Whole HTTP requests; the connections take them in turn. */
  requests: readonly string[]
  expected: Expected
  connections: number
  /** How many requests of one connection wait at once. 1: no pipelining. */
  pipelining: number
  warmUpMs: number
  measureMs: number
  /** Ends the run when so many answers were counted, even before `measureMs` is over. */
  maxRequests?: number
  /** The processes of the server. */
  pids: readonly number[]
}

export type ClosedLoopResult = {
  perSecond: number
  answers: number
  ms: number
  /** Of one core: 0.6 means 60 %. */
  ownCpu: number
  /** Of one core, all processes of the server together. Undefined where the system does not tell. */
  serverCpu: number | undefined
}

const SILENCE_MS = 15_000

export async function runClosedLoop(options: ClosedLoopOptions): Promise<ClosedLoopResult> {
  const {
    port,
    expected,
    connections,
    pipelining,
    warmUpMs,
    measureMs,
    maxRequests = Number.POSITIVE_INFINITY,
  } = options
  const ring = requestRing(options.requests, pipelining)
  const clock: CpuClock = cpuClock(options.pids)
  const over = Promise.withResolvers<void>()
  over.promise.catch(() => {}) // it may fail before somebody waits for it
  let answers = 0
  /** The run is over when this many have come. */
  let enough = Number.POSITIVE_INFINITY

  const opened: Connection[] = []
  async function open(index: number): Promise<void> {
    // Each connection begins at another request.
    let next = index * Math.max(1, Math.floor(options.requests.length / connections))
    const connection: Connection = await openConnection({
      port,
      expected,
      onAnswers(count) {
        answers += count
        if (answers >= enough) over.resolve()
        connection.send(ring.take(next, count))
        next += count
      },
      onFailure: over.reject,
    })
    opened.push(connection)
    connection.send(ring.take(next, pipelining))
    next += pipelining
  }

  const stopWatching = watchSilence(() => answers, over.reject)
  try {
    for (let index = 0; index < connections; index += 1) await open(index)
    await Promise.race([over.promise, elapsed(warmUpMs)])
    const [began, answersBefore, cpuBefore] = [performance.now(), answers, clock.read()]
    enough = answersBefore + maxRequests
    await Promise.race([over.promise, elapsed(measureMs)])
    const ms = performance.now() - began
    const counted = answers - answersBefore
    const cpu = clock.read()
    return {
      perSecond: (counted * 1000) / ms,
      answers: counted,
      ms,
      ownCpu: (cpu.ownMs - cpuBefore.ownMs) / ms,
      serverCpu:
        cpu.serverMs === undefined || cpuBefore.serverMs === undefined
          ? undefined
          : (cpu.serverMs - cpuBefore.serverMs) / ms,
    }
  } finally {
    stopWatching()
    for (const connection of opened) connection.close()
  }
}

/** A server that hangs must not let the bench hang. */
function watchSilence(count: () => number, fail: (error: Error) => void): () => void {
  let before = -1
  const timer = setInterval(() => {
    if (count() === before) fail(new Error(`expected answers, but none came for ${SILENCE_MS / 1000} s`))
    before = count()
  }, SILENCE_MS)
  return () => clearInterval(timer)
}

/** Keeps no process alive: the run may be over before. */
function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
