// Several processes of one service behind one port (`--workers N`), with `node:cluster`. This process is the primary. It accepts
// connections and passes them to its workers in turn. Each worker is a whole service, with memory of its own. The primary:
//
// - starts the workers. The first one alone: when it cannot start, for example because the port is taken, the primary ends.
// - replaces a worker that dies. The replacement takes requests once it is ready, while other workers are.
// - answers `/metrics`, `/readyz` and `/livez` on METRICS_PORT for all of them.
// - ends its workers when it is told to end, and then itself. A killed primary (SIGKILL) takes its workers with it: Node ends them.

import cluster, { type Worker } from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import { AggregatorRegistry, type MetricObject, Registry } from 'prom-client'
import { withDeadline } from '../base/deadline.ts'
import type { Logger } from '../base/log.ts'
import { counter, gauge } from '../base/metrics.ts'
import type { FromWorker, ToWorker } from './cluster-worker.ts'
import type { Readiness } from './health.ts'
import type { Lifecycle } from './shutdown.ts'

export type ClusterOptions = {
  /** The name of the service. */
  name: string
  workers: number
  life: Lifecycle
  log: Logger
}

export type Cluster = {
  /** Starts the first worker, and the others when it listens. Resolves then with the port. Rejects when it ends before that. */
  start(): Promise<{ port: number }>
  /** Ready: at least one worker takes requests, and all that take requests are ready. */
  readiness(): Promise<Readiness>
  /** The metrics of all workers together, in the format of Prometheus. */
  metrics(): Promise<{ contentType: string; text: string }>
  /** Passes SIGTERM on, and resolves when all workers are gone. */
  stop(): Promise<void>
}

/** A place in the cluster. The worker in it may change; the number stays. */
type Seat = { number: number; worker: Worker | undefined; startedAt: number; takesRequests: boolean; deaths: number }

const ASK_MS = 3_000
/** How often a replacement is asked whether it is ready, in ms. */
const READY_EVERY_MS = 100
const BACKOFF_MS = { first: 100, most: 10_000 }
/** A worker that ran for this long did not die of its start, in ms. */
const STABLE_MS = 60_000

export function createCluster({ name, workers, life, log }: ClusterOptions): Cluster {
  cluster.schedulingPolicy = cluster.SCHED_RR
  const seats = Array.from({ length: workers }, (_, index): Seat => {
    return { number: index + 1, worker: undefined, startedAt: 0, takesRequests: false, deaths: 0 }
  })
  const started = Promise.withResolvers<{ port: number }>()
  const answers = new Map<number, (answer: FromWorker) => void>()
  const registry = new Registry()
  let asked = 0
  let restarts = 0
  let hasStarted = false
  const isEnding = () => life.phase === 'ending'

  gauge({ registry }, { name: `alkaid_${name}_workers`, help: 'Worker processes that take requests.' }, () => {
    return seats.filter(({ takesRequests }) => takesRequests).length
  })
  counter(
    { registry },
    { name: `alkaid_${name}_worker_restarts_total`, help: 'Worker processes that died and were replaced.' },
    () => restarts,
  )

  function fork(seat: Seat): void {
    const worker = cluster.fork()
    Object.assign(seat, { worker, startedAt: performance.now(), takesRequests: false })
    worker.on('message', (message: FromWorker) => {
      if (message.alkaid === 'answer') answers.get(message.id)?.(message)
    })
    worker.on('error', (error) => log.error({ err: error, worker: seat.number }, 'a worker cannot be reached'))
    worker.once('listening', ({ port }) => {
      seat.takesRequests = true
      if (hasStarted) return
      hasStarted = true
      started.resolve({ port })
      for (const other of seats) if (!other.worker) fork(other)
    })
    worker.once('exit', (code, signal) => onExit(seat, code, signal))
    void tellToListen(seat, worker)
  }

  /** A port is no use before the worker is ready, unless it is the only one: then it at least says why it is not ready. */
  async function tellToListen(seat: Seat, worker: Worker): Promise<void> {
    const isCurrent = () => seat.worker === worker && !worker.isDead()
    while (isCurrent() && (await anotherIsReady(seat)) && !(await readinessOf(seat))?.ready) await sleep(READY_EVERY_MS)
    if (isCurrent() && !isEnding()) send(worker, { alkaid: 'listen' })
  }

  async function anotherIsReady(seat: Seat): Promise<boolean> {
    const others = seats.filter((other) => other !== seat && other.takesRequests)
    return (await Promise.all(others.map(readinessOf))).some((found) => found?.ready)
  }

  function onExit(seat: Seat, code: number | null, signal: string | null): void {
    Object.assign(seat, { worker: undefined, takesRequests: false })
    if (isEnding()) return
    const how = signal ? `by ${signal}` : `with exit code ${code}`
    if (!hasStarted) {
      started.reject(new Error(`the first worker has ended ${how}`)) // it has said why
      return
    }
    const ranMs = performance.now() - seat.startedAt
    seat.deaths = ranMs < STABLE_MS ? seat.deaths + 1 : 1
    restarts += 1
    const waitMs = Math.min(BACKOFF_MS.first * 2 ** Math.min(seat.deaths - 1, 16), BACKOFF_MS.most)
    log.error({ worker: seat.number, ranMs: Math.round(ranMs) }, `a worker has ended ${how}: replaced in ${waitMs} ms`)
    setTimeout(() => isEnding() || fork(seat), waitMs).unref()
  }

  function send(worker: Worker, message: ToWorker): void {
    // The callback takes the error of a worker that is gone meanwhile. Its exit is handled elsewhere.
    if (worker.isConnected()) worker.send(message, () => {})
  }

  /** Undefined when the worker does not answer in time, or is not there. */
  async function ask(seat: Seat, what: 'readiness' | 'metrics'): Promise<FromWorker | undefined> {
    const { worker } = seat
    if (!worker?.isConnected()) return undefined
    asked += 1
    const id = asked
    const answer = new Promise<FromWorker>((resolve) => answers.set(id, resolve))
    send(worker, { alkaid: 'ask', id, what })
    try {
      return await withDeadline(ASK_MS, answer, () => new Error(`worker ${seat.number} does not answer`))
    } catch {
      return undefined // hung, or gone
    } finally {
      answers.delete(id)
    }
  }

  async function readinessOf(seat: Seat): Promise<Readiness | undefined> {
    return (await ask(seat, 'readiness'))?.readiness
  }

  return {
    start() {
      fork(seats[0]!)
      return started.promise
    },
    async readiness() {
      const found = await Promise.all(seats.map(async (seat) => ({ seat, answer: await readinessOf(seat) })))
      const texts = ({ number }: Seat, list: readonly string[]) => list.map((text) => `worker ${number}: ${text}`)
      const reasons: string[] = []
      const warnings: string[] = []
      for (const { seat, answer } of found) {
        const why = answer
          ? answer.reasons
          : [seat.worker ? 'it does not answer' : 'it has ended and is being replaced']
        // Others take the requests of a worker that is not on the port.
        if (!answer?.ready) (seat.takesRequests ? reasons : warnings).push(...texts(seat, why))
        warnings.push(...texts(seat, answer?.warnings ?? []))
      }
      if (!seats.some(({ takesRequests }) => takesRequests)) reasons.push('no worker takes requests')
      const details = found.map(({ seat, answer }) => {
        const { number, worker, takesRequests } = seat
        return [number, { pid: worker?.process.pid ?? null, takesRequests, ready: false, ...answer }] as const
      })
      return { ready: reasons.length === 0, reasons, warnings, workers: Object.fromEntries(details) }
    },
    async metrics() {
      const all = await Promise.all(seats.map((seat) => ask(seat, 'metrics')))
      const own = (await registry.getMetricsAsJSON()) as MetricObject[]
      // Counters are summed. Each gauge says by itself how it is put together (common/base/metrics.ts).
      const together = AggregatorRegistry.aggregate([
        own,
        ...all.flatMap((answer) => (answer?.metrics ? [answer.metrics] : [])),
      ])
      return { contentType: together.contentType, text: await together.metrics() }
    },
    async stop() {
      const gone = seats.flatMap(({ worker }) => {
        if (!worker || worker.isDead()) return []
        const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
        worker.process.kill('SIGTERM')
        return [exited]
      })
      await Promise.all(gone)
    },
  }
}
