// Two operations, each on a store of its own behind a proxy, one command at a time: every step of either side that the
// other could notice waits until it is chosen. What a run did can be read as a trace; nothing in it waits for ever.

import { connectStore, type Store } from '../../common/store/store.ts'
import { type Command, type Gate, type MongoProxy, startMongoProxy } from './mongo-proxy.ts'
import { isPrivate, type MadeBy, overlap, SIDES, type Side, type Step, stepOf } from './orders-steps.ts'

export type Both<T> = Record<Side, T>

/** What each side waits to do next; nothing of a side that has ended, or that waits for a transaction of the other. */
export type Waiting = Partial<Both<Step>>

/** Which side goes on; null: both go on freely from here to their ends. */
export type Choose = (waiting: Waiting, made: readonly MadeBy[]) => Side | null

/** What is run in some order. */
export type Trial = {
  operations: Both<() => Promise<unknown>>
  /** `_id` -> what the document is called, the same in every trial. */
  names: ReadonlyMap<string, string>
}

export type Run = {
  made: readonly MadeBy[]
  results: Both<PromiseSettledResult<unknown>>
  /** Every command of both sides with its answer, one a line. */
  trace: string
}

export type Stage = {
  stores: Both<Store>
  /** Throws, with the trace, when neither side can go on or nothing happens for ten seconds. */
  run(trial: Trial, choose: Choose): Promise<Run>
  stop(): Promise<void>
}

type Transaction = { held: Set<string>; open: boolean }

type Lane = {
  /** The step that waits, and what lets it go. */
  next: { step: Step; go: () => void } | undefined
  /** What was sent and is not answered. */
  sent: { step: Step; gated: boolean; line: number } | undefined
  transaction: Transaction | undefined
  /** The transaction of the other side that it lost to: before that ends it could but lose again. */
  lostTo: Transaction | undefined
  result: PromiseSettledResult<unknown> | undefined
}

const PATIENCE_MS = 10_000

/** @param store the database that both sides work on, without a proxy. */
export async function openStage(store: Store, now: () => number): Promise<Stage> {
  let current: ReturnType<typeof startRun> | undefined
  const proxies: MongoProxy[] = []
  async function connect(side: Side): Promise<Store> {
    const gate: Gate = {
      before: async (command) => current?.before(side, command),
      after: (command, reply) => current?.after(side, command, reply),
    }
    const proxy = await startMongoProxy(store.client, gate)
    proxies.push(proxy)
    return connectStore({ uri: proxy.uri, database: store.database, now })
  }
  const stores = { first: await connect('first'), second: await connect('second') }
  return {
    stores,
    async run(trial, choose) {
      current = startRun(trial, choose)
      try {
        return await current.finish()
      } finally {
        current = undefined
      }
    },
    async stop() {
      for (const side of SIDES) await stores[side].close()
      for (const proxy of proxies) await proxy.stop()
    },
  }
}

function startRun({ operations, names }: Trial, choose: Choose) {
  const lanes: Both<Lane> = { first: newLane(), second: newLane() }
  const made: MadeBy[] = []
  const lines: string[] = []
  let free = false
  let changed = () => {}

  const other = (side: Side): Lane => lanes[side === 'first' ? 'second' : 'first']
  const trace = () => lines.map((line, index) => `${String(index + 1).padStart(4)} ${line}`).join('\n')

  async function before(side: Side, command: Command): Promise<void> {
    const lane = lanes[side]
    const step = stepOf(command, names)
    const gated = !free && !isPrivate(step, held(lane))
    if (gated) {
      if (lane.next) throw new Error(`Two commands of the ${side} side at once: ${lane.next.step.text}, ${step.text}`)
      await new Promise<void>((go) => {
        lane.next = { step, go }
        changed()
      })
    }
    lane.sent = { step, gated, line: lines.length }
    lines.push(`${side.padEnd(6)} ${gated ? '*' : ' '} ${step.text}`)
  }

  function after(side: Side, _command: Command, reply: Record<string, unknown>): void {
    const lane = lanes[side]
    const { step, gated, line } = lane.sent!
    const answer = reply.ok === 1 ? 'ok' : `${reply.codeName}`
    lines[line] += ` -> ${answer}`
    const done: MadeBy = { ...step, side, answer, shows: false, releases: [] }
    if (step.transaction === null) done.shows = step.writes.length > 0
    else if (step.ends) {
      done.shows = step.ends === 'commit' && held(lane).size > 0
      if (step.ends === 'abort') done.releases = [...held(lane)]
      end(lane)
    } else if (answer === 'ok') {
      if (step.looks) lane.transaction = { held: new Set(), open: true }
      if (wrote(reply)) for (const key of step.writes) lane.transaction!.held.add(key)
    } else {
      // The server has undone the transaction already; the driver's abortTransaction finds none.
      done.releases = [...held(lane)]
      end(lane)
      if (answer === 'WriteConflict' && overlap(held(other(side)), step.writes)) lane.lostTo = other(side).transaction
    }
    if (gated) made.push(done)
  }

  /** A side that waits, unless a transaction of the other has to end first. */
  function waiting(): Waiting {
    const found: Waiting = {}
    for (const side of SIDES) {
      const { next, lostTo } = lanes[side]
      if (!next || lostTo?.open) continue
      // Outside of a transaction, a write waits within the server for whoever holds the document.
      if (next.step.transaction === null && overlap(held(other(side)), next.step.writes)) continue
      found[side] = next.step
    }
    return found
  }

  function letGo(side: Side): void {
    const { go } = lanes[side].next!
    lanes[side].next = undefined
    lanes[side].lostTo = undefined
    go()
  }

  /** Until each side waits or has ended. */
  async function quiet(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Nothing happens any more:\n${trace()}`)), PATIENCE_MS)
    })
    const settled = new Promise<void>((resolve) => {
      changed = () => {
        if (SIDES.every((side) => lanes[side].result || (!free && lanes[side].next))) resolve()
      }
      changed()
    })
    await Promise.race([settled, late]).finally(() => clearTimeout(timer))
  }

  function freely(): void {
    free = true
    for (const side of SIDES) if (lanes[side].next) letGo(side)
  }

  async function finish(): Promise<Run> {
    for (const side of SIDES) {
      void Promise.allSettled([operations[side]()]).then(([result]) => {
        lanes[side].result = result
        lines.push(`${side.padEnd(6)}   ended: ${result.status === 'fulfilled' ? 'ok' : result.reason}`)
        changed()
      })
    }
    try {
      for (;;) {
        await quiet()
        if (SIDES.every((side) => lanes[side].result)) break
        const able = waiting()
        if (Object.keys(able).length === 0) throw new Error(`Each side waits for the other:\n${trace()}`)
        const side = choose(able, made)
        if (side) letGo(side)
        else freely()
      }
    } finally {
      freely()
    }
    return { made, results: { first: lanes.first.result!, second: lanes.second.result! }, trace: trace() }
  }

  return { before, after, finish }
}

function newLane(): Lane {
  return { next: undefined, sent: undefined, transaction: undefined, lostTo: undefined, result: undefined }
}

function held({ transaction }: Lane): ReadonlySet<string> {
  return transaction?.held ?? new Set()
}

function end(lane: Lane): void {
  if (lane.transaction) lane.transaction.open = false
  lane.transaction = undefined
}

/** A write that matched nothing holds nothing. */
function wrote(reply: Record<string, unknown>): boolean {
  const { n } = (reply.lastErrorObject ?? reply) as { n?: number }
  return n !== 0
}
