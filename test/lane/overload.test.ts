// A node that has too much work refuses requests of apps at once, and answers again when the work is done. `/livez` answers all the time.

import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { slotDocument } from '../support/documents.ts'
import {
  APP_KEY,
  asked,
  type LaneServer,
  type LaneServerOptions,
  rawGet,
  startLaneServer,
} from '../support/lane-server.ts'
import { connectRaw, type RawAnswer, rawRequest } from '../support/raw-http.ts'
import { until } from '../support/until.ts'

const ann = { app: 'shop', slots: ['home'], context: { userId: 'ann' } }
const ROOM = { maxDelayMs: 60_000, maxInFlight: 1_000 }

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function start(overload: LaneServerOptions['overload']): Promise<LaneServer> {
  const server = await startLaneServer({ documents: [slotDocument('shop', 'home', 1)], overload })
  closers.push(() => server.stop())
  return server
}

async function client({ url }: LaneServer) {
  const raw = await connectRaw(url)
  closers.push(() => raw.socket.destroy())
  return raw
}

async function ask(server: LaneServer, bytes = rawGet(ann)): Promise<RawAnswer> {
  const raw = await client(server)
  raw.write(bytes)
  return (await raw.whenAnswered(1))[0]!
}

function block(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

/** Blocks the event loop again and again, with a turn in between, until `isOver`. */
async function flood(ms: number, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    block(ms)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const refusals = async ({ metrics }: LaneServer, reason: string) =>
  Number(
    new RegExp(`^alkaid_lane_overload_refusals_total\\{reason="${reason}"\\} (\\d+)$`, 'm').exec(
      await metrics.registry.metrics(),
    )?.[1],
  )

describe('the delay of the event loop', () => {
  test('a delay that lasts makes a node refuse requests, and when it is over the next request is answered', async () => {
    const server = await start({ ...ROOM, maxDelayMs: 40 })
    let refused: RawAnswer | undefined
    let alive: RawAnswer | undefined
    const flooded = flood(80, () => refused !== undefined && alive !== undefined)
    for (let turn = 0; !refused && turn < 50; turn += 1) {
      const answer = await ask(server)
      if (answer.status === 503) refused = answer
    }
    expect(refused?.headers).toMatchObject({ 'retry-after': '1', 'cache-control': 'no-store' })
    expect(JSON.parse(refused!.body).errors[0].extensions.code).toBe('UNAVAILABLE')
    alive = await ask(server, rawRequest('GET /livez'))
    expect(alive.status).toBe(200)
    await flooded
    await until('requests are answered again', async () => (await ask(server)).status === 200)
    expect(await refusals(server, 'event_loop_delay')).toBeGreaterThan(0)
  })

  test('one long pause refuses nothing', async () => {
    const server = await start({ ...ROOM, maxDelayMs: 40 })
    await sleep(200)
    block(500)
    for (let turn = 0; turn < 20; turn += 1) expect((await ask(server)).status).toBe(200)
    expect(await refusals(server, 'event_loop_delay')).toBe(0)
  })
})

describe('the requests in flight', () => {
  const { body } = asked(ann)
  const key = [`x-app-key: ${APP_KEY}`, 'content-type: application/json']
  const head = [...key, `content-length: ${body.length}`]
  const posted = rawRequest('POST /graphql', key, body)

  test('with too many bodies under way, a further one is refused at its head, and a GET is answered', async () => {
    const server = await start({ ...ROOM, maxInFlight: 2 })
    const slow = [await client(server), await client(server)]
    for (const raw of slow) raw.write(rawRequest('POST /graphql', head))
    await until('both are under way', async () => (await ask(server, posted)).status === 503)
    const refused = await ask(server, rawRequest('POST /graphql', head))
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1'])
    for (const bytes of [rawRequest('GET /livez'), rawGet(ann)]) expect((await ask(server, bytes)).status).toBe(200)
    for (const raw of slow) raw.write(body)
    for (const raw of slow) expect((await raw.whenAnswered(1))[0]!.status).toBe(200)
    expect((await ask(server, posted)).status).toBe(200)
    expect(await refusals(server, 'requests_in_flight')).toBeGreaterThan(1)
  })

  test('a client that leaves before its body was complete does not count any more', async () => {
    const server = await start({ ...ROOM, maxInFlight: 1 })
    const gone = await client(server)
    gone.write(rawRequest('POST /graphql', head))
    await until('it is under way', async () => (await ask(server, posted)).status === 503)
    gone.socket.resetAndDestroy()
    await until('requests are answered again', async () => (await ask(server, posted)).status === 200)
  })
})
