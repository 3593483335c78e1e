// Metrics in the format of Prometheus. A process has one registry, which its composition root makes and passes on. A label has few
// values: never a path, an id or a text of a caller.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** The metrics of every service. A service adds its own metrics to `registry`. */
export type Metrics = {
  registry: Registry
  /** `route`: one of a fixed list. */
  request(route: string, method: string, status: number, ms: number): void
  /** `reason`: one of a fixed list. */
  refusal(reason: string): void
  /** `service`, here and below: a subgraph, its lane (as `stats lane`), or the gateway. */
  operation(service: string, type: string, ms: number): void
  error(service: string, code: string): void
  /** `outcome`: ok, or the code of its error. */
  mutation(name: string, outcome: string): void
  storeCommand(command: string, collection: string, outcome: 'ok' | 'failed', ms: number): void
  /** `attempts`: 1 without a retry. */
  transaction(outcome: 'committed' | 'refused' | 'failed', attempts: number): void
}

/** In seconds. Answers from memory take less than a millisecond, calls to other services up to ten seconds. */
export const DURATION_BUCKETS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const buckets = DURATION_BUCKETS
  const requests = new RequestDurations()
  registry.registerMetric(requests as Registered)
  const refusals = new Counter({
    name: 'alkaid_http_refusals_total',
    help: 'Connections that were cut off, or sent what is no request, by reason.',
    labelNames: ['reason'],
    registers,
  })
  const operations = new Histogram({
    name: 'alkaid_graphql_operation_duration_seconds',
    help: 'Time for a GraphQL operation, by the subgraph (or the gateway) that answered it and its type.',
    labelNames: ['service', 'type'],
    buckets,
    registers,
  })
  const errors = new Map<string, Map<string, number>>()
  new Counter({
    name: 'alkaid_graphql_errors_total',
    help: 'Errors in GraphQL answers, one for each field that failed, by their code.',
    labelNames: ['service', 'code'],
    registers,
    collect() {
      this.reset()
      for (const [service, byCode] of errors) for (const [code, count] of byCode) this.inc({ service, code }, count)
    },
  })
  const mutations = new Counter({
    name: 'alkaid_mutations_total',
    help: 'Mutations by name and outcome: ok, or the code of the error.',
    labelNames: ['mutation', 'outcome'],
    registers,
  })
  const commands = new Histogram({
    name: 'alkaid_store_command_duration_seconds',
    help: 'Time for a command of the store, by command, collection and outcome.',
    labelNames: ['command', 'collection', 'outcome'],
    buckets,
    registers,
  })
  const transactions = new Counter({
    name: 'alkaid_store_transactions_total',
    help: 'Transactions: committed, refused by a rule, or failed.',
    labelNames: ['outcome'],
    registers,
  })
  const retries = new Counter({
    name: 'alkaid_store_transaction_retries_total',
    help: 'Times that a transaction ran again, as after a write conflict.',
    registers,
  })
  return {
    registry,
    request: (route, method, status, ms) => requests.add(route, method, status, ms / 1000),
    refusal: (reason) => refusals.inc({ reason }),
    operation: (service, type, ms) => operations.observe({ service, type }, ms / 1000),
    error(service, code) {
      const byCode = within(errors, service, () => new Map<string, number>())
      byCode.set(code, (byCode.get(code) ?? 0) + 1)
    },
    mutation: (mutation, outcome) => mutations.inc({ mutation, outcome }),
    storeCommand: (command, collection, outcome, ms) => commands.observe({ command, collection, outcome }, ms / 1000),
    transaction(outcome, attempts) {
      transactions.inc({ outcome })
      if (attempts > 1) retries.inc(attempts - 1)
    },
  }
}

/** One count for each bucket, and one for longer durations. Not cumulative. */
type Durations = { buckets: number[]; sum: number; count: number }

/** What a registry asks of a metric. The types of prom-client want one of its own classes. */
type Registered = Parameters<Registry['registerMetric']>[0] & RequestDurations

/**
 * A histogram for the hottest path. `observe` of prom-client makes an object and a text of the labels for each request. This one adds to
 * plain numbers, and makes the values for Prometheus when `/metrics` asks.
 */
class RequestDurations {
  readonly name = 'alkaid_http_request_duration_seconds'
  readonly help = 'Time from a request to its answer, by route, method and status.'
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  /** route -> method -> status. All three have few values. */
  readonly #durations = new Map<string, Map<string, Map<number, Durations>>>()

  add(route: string, method: string, status: number, seconds: number): void {
    const byStatus = within(within(this.#durations, route, newMap), method, newMap) as Map<number, Durations>
    const durations = within(byStatus, status, newDurations)
    let bucket = 0
    while (bucket < DURATION_BUCKETS.length && seconds > DURATION_BUCKETS[bucket]!) bucket += 1
    durations.buckets[bucket]! += 1
    durations.sum += seconds
    durations.count += 1
  }

  reset(): void {
    this.#durations.clear()
  }

  async get() {
    const { name, help, type, aggregator } = this
    const values = []
    for (const [route, byMethod] of this.#durations) {
      for (const [method, byStatus] of byMethod) {
        for (const [status, durations] of byStatus) values.push(...valuesOf(name, { route, method, status }, durations))
      }
    }
    return { name, help, type, aggregator, values }
  }
}

/** The lines of one histogram. The count of a bucket includes the buckets before it. */
function valuesOf(name: string, labels: object, { buckets, sum, count }: Durations) {
  let upTo = 0
  const cumulative = DURATION_BUCKETS.map((le, at) => {
    upTo += buckets[at]!
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: upTo }
  })
  return [
    ...cumulative,
    { metricName: `${name}_bucket`, labels: { le: '+Inf', ...labels }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ]
}

const newMap = <K, V>() => new Map<K, V>()
const newDurations = (): Durations => ({ buckets: Array(DURATION_BUCKETS.length + 1).fill(0), sum: 0, count: 0 })

/** The value at a key. It is made when there is none. */
function within<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

type Described = { name: string; help: string }

/** Where a metric is registered. */
type In = Pick<Metrics, 'registry'>

/** How the gauges of several workers become one (common/service/cluster.ts). */
export type Aggregator = 'sum' | 'min' | 'max'

/** A gauge whose value is read at each scrape. It is left out when `read` resolves to undefined or rejects. */
export function gauge(
  { registry }: In,
  { name, help, workers = 'sum' }: Described & { workers?: Aggregator },
  read: () => number | undefined | Promise<number | undefined>,
): void {
  new Gauge({
    name,
    help,
    aggregator: workers,
    registers: [registry],
    async collect() {
      this.reset()
      const value = await Promise.resolve(read()).catch(() => undefined) // one that cannot be read now
      if (value === undefined) this.remove()
      else this.set(value)
    },
  })
}

/** A counter of something that counts by itself. Its value is read at each scrape. */
export function counter({ registry }: In, { name, help }: Described, read: () => number): void {
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset()
      this.inc(read())
    },
  })
}

/** The same with one label: value of the label -> count. */
export function counters(
  { registry }: In,
  { name, help, label }: Described & { label: string },
  read: () => Record<string, number>,
): void {
  new Counter({
    name,
    help,
    labelNames: [label],
    registers: [registry],
    collect() {
      this.reset()
      for (const [value, count] of Object.entries(read())) this.inc({ [label]: value }, count)
    },
  })
}
