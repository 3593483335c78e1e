// The load generator against small servers of its own: what it counts, what it refuses, and from when a latency counts.

import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { runClosedLoop } from './load/closed-loop.ts'
import { runOpenLoop } from './load/open-loop.ts'
import { NUMBER } from './load/requests.ts'
import { requestText } from './serving/http-text.ts'

const BODY = JSON.stringify({ data: 'x'.repeat(300) })
const requests = ['/a', '/b', '/c'].map((path) => requestText({ method: 'GET', path, headers: {} }))
const expected = { status: 200, bodyBytes: BODY.length }

const servers: { close(): unknown }[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

async function portOf(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const serve = (handle: RequestListener) => portOf(createServer(handle))

/** A server that answers each request with these pieces, each in a packet of its own. */
function servePieces(pieces: readonly string[]): Promise<number> {
  return portOf(
    createTcpServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {})
      socket.on('data', async () => {
        for (const piece of pieces) {
          socket.write(piece)
          await sleep(2)
        }
      })
    }),
  )
}

const closedLoop = (port: number, change: object = {}) =>
  runClosedLoop({
    ...{ port, requests, expected, connections: 3, pipelining: 1, pids: [process.pid] },
    ...{ warmUpMs: 0, measureMs: 10_000, maxRequests: 200, ...change },
  })

describe('The closed loop', () => {
  test('sends every request in turn, and counts each answer once', async () => {
    const seen = new Map<string, number>()
    const port = await serve((request, response) => {
      seen.set(request.url!, (seen.get(request.url!) ?? 0) + 1)
      response.end(BODY)
    })
    const { answers, allAnswers, perSecond, ms } = await closedLoop(port)
    const asked = [...seen.values()].reduce((sum, count) => sum + count)
    expect([...seen.keys()].sort()).toEqual(['/a', '/b', '/c'])
    expect(answers).toBeGreaterThanOrEqual(200)
    // It ends only when the last requests have their answers.
    expect(allAnswers).toBe(asked)
    expect(perSecond).toBeCloseTo((answers * 1000) / ms)
  })

  test('keeps as many requests of a connection waiting as it is told', async () => {
    const waiting: (() => void)[] = []
    // It answers only when eight requests of each of the three connections are there.
    const port = await serve((_request, response) => {
      waiting.push(() => response.end(BODY))
      if (waiting.length === 3 * 8) for (const answer of waiting.splice(0)) answer()
    })
    const { answers } = await closedLoop(port, { pipelining: 8, maxRequests: 96 })
    expect(answers).toBeGreaterThanOrEqual(96)
  })

  test('puts answers together that come in pieces', async () => {
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${BODY.length}\r\n\r\n`
    const whole = head + BODY
    const port = await servePieces([whole.slice(0, 20), whole.slice(20, 60), whole.slice(60)])
    const { answers } = await closedLoop(port, { connections: 1, maxRequests: 5 })
    expect(answers).toBe(5)
  })

  test('fails at an answer with another status', async () => {
    let asked = 0
    const port = await serve((_request, response) => {
      asked += 1
      response.statusCode = asked > 50 ? 503 : 200
      response.end(BODY)
    })
    await expect(closedLoop(port)).rejects.toThrow(/expected status 200 with 311 bytes, not "HTTP\/1.1 503/)
  })

  test('fails at an answer with another length', async () => {
    let asked = 0
    const port = await serve((_request, response) => {
      asked += 1
      response.end(asked > 50 ? `${BODY} ` : BODY)
    })
    await expect(closedLoop(port)).rejects.toThrow(/expected status 200 with 311 bytes/)
  })

  test('fails when the server closes a connection', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/c') request.socket.destroy()
      else response.end(BODY)
    })
    await expect(closedLoop(port)).rejects.toThrow(/closed the connection|ECONNRESET/)
  })
})

describe('Numbered requests', () => {
  test('have another number in every place of every request, whichever connection asks', async () => {
    const ids = new Set<string>()
    const port = await serve((request, response) => {
      for (const [id] of request.url!.matchAll(/\d{12}/g)) ids.add(id)
      response.end(BODY)
    })
    const text = requestText({ method: 'GET', path: `/${NUMBER}/${NUMBER}`, headers: {} })
    const { allAnswers } = await closedLoop(port, { requests: [text], numberedFrom: 1_000 })
    expect(ids.size).toBe(2 * allAnswers)
    expect([...ids].sort()[0]).toBe('000000001000')
  })
})

describe('The open loop', () => {
  const openLoop = (port: number, change: object = {}) =>
    runOpenLoop({ port, requests, expected, connections: 2, perSecond: 500, warmUpMs: 100, measureMs: 300, ...change })

  test('sends as many requests as the rate says, whatever the answers take', async () => {
    let asked = 0
    const port = await serve((_request, response) => {
      asked += 1
      response.end(BODY)
    })
    const { latencies, unanswered } = await openLoop(port)
    expect(asked).toBe(200)
    expect(latencies).toHaveLength(150)
    expect(unanswered).toBe(0)
  })

  test('counts a latency from the instant of sending that was intended, so it includes the wait for a connection', async () => {
    const PAUSE = 400
    let asked = 0
    const port = await serve(async (_request, response) => {
      asked += 1
      if (asked === 60) await sleep(PAUSE)
      response.end(BODY)
    })
    // One connection, which is held up once. Measured from the instant of sending, only one request would be slow.
    const { latencies } = await openLoop(port, { connections: 1, measureMs: 500 })
    // Those intended in the first half of the pause wait at least for its second half: 500 a second, for 200 ms.
    const slow = latencies.filter((latency) => latency > PAUSE / 2)
    expect(slow.length).toBeGreaterThanOrEqual(95)
  })

  test('counts a request without an answer with the time that it has waited', async () => {
    let asked = 0
    const port = await serve((_request, response) => {
      asked += 1
      if (asked !== 100) response.end(BODY)
    })
    const { latencies, unanswered } = await openLoop(port, { graceMs: 300 })
    expect(unanswered).toBe(1)
    expect(latencies).toHaveLength(150)
    expect(latencies.at(-1)).toBeGreaterThan(300)
  })
})
