// As many requests as the server answers: each connection sends its next request when an answer comes. It tells how many
// answers a second there are, and how busy this process and the server were. This process must not be fully busy,
// otherwise it and not the server is the limit.

import { type Connection, type Expected, openConnection } from './connection.ts'
import { type CpuClock, cpuClock } from './cpu.ts'
import { numbered, ringOf } from './requests.ts'

export type ClosedLoopOptions = {
  port: number
  /** Whole HTTP requests; the connections take them in turn. */
  requests: readonly string[]
  /** There is one request, and each NUMBER in it (requests.ts) becomes a number from this one on. */
  numberedFrom?: number
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
  /** With those before and after the measured time: every request that was sent has its answer. */
  allAnswers: number
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
  const { requests, numberedFrom } = options
  const counter = { next: numberedFrom ?? 0 }
  const ring = ringOf(requests, pipelining)
  const clock: CpuClock = cpuClock(options.pids)
  const over = Promise.withResolvers<void>()
  const failed = Promise.withResolvers<never>()
  failed.promise.catch(() => {}) // it may fail before somebody waits for it
  let [sent, answers] = [0, 0]
  let isEnding = false
  const answered = Promise.withResolvers<void>()
  /** The run is over when this many have come. */
  let enough = Number.POSITIVE_INFINITY

  const opened: Connection[] = []
  async function open(index: number): Promise<void> {
    // Each connection begins at another request.
    const first = index * Math.max(1, Math.floor(requests.length / connections))
    const source = numberedFrom === undefined ? ring(first) : numbered(requests[0]!, counter)
    const connection: Connection = await openConnection({
      port,
      expected,
      onAnswers(count) {
        answers += count
        if (answers >= enough) over.resolve()
        if (isEnding) return void (answers === sent && answered.resolve())
        sent += count
        connection.send(source.next(count))
      },
      onFailure: failed.reject,
    })
    opened.push(connection)
    sent += pipelining
    connection.send(source.next(pipelining))
  }

  const stopWatching = watchSilence(() => answers, failed.reject)
  try {
    for (let index = 0; index < connections; index += 1) await open(index)
    await Promise.race([over.promise, failed.promise, elapsed(warmUpMs)])
    const [began, answersBefore, cpuBefore] = [performance.now(), answers, clock.read()]
    enough = answersBefore + maxRequests
    await Promise.race([over.promise, failed.promise, elapsed(measureMs)])
    const ms = performance.now() - began
    const counted = answers - answersBefore
    const cpu = clock.read()
    isEnding = true
    if (answers < sent) await Promise.race([answered.promise, failed.promise])
    return {
      perSecond: (counted * 1000) / ms,
      answers: counted,
      allAnswers: answers,
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
