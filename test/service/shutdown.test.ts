// The steps of an end, one after another: what a server does while it drains and stops, and that nothing that fails or
// hangs keeps the rest from being closed.

import { Agent, request as ask, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { createLogger } from '../../common/base/log.ts'
import { type HttpServer, json, listen } from '../../common/http/server.ts'
import { serviceRoutes, startupRoutes } from '../../common/service/routes.ts'
import { type Closer, closeAll, type Lifecycle, shutDown } from '../../common/service/shutdown.ts'
import { until } from '../support/until.ts'

const log = createLogger('silent')
const agents: Agent[] = []
afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy()
})

/** A service whose `/graphql` answers when `release` is called. */
async function startService(order: string[] = []) {
  const life: Lifecycle = { phase: 'starting' }
  const server = startupRoutes(life)
  const released = Promise.withResolvers<void>()
  let underWay = 0
  const graphql = async ({ search }: { search: string }) => {
    underWay += 1
    if (search === 'slow') await released.promise
    underWay -= 1
    order.push('answered')
    return json(200, { done: true })
  }
  const http = await listen({ host: '127.0.0.1', port: 0, log }, server.handle)
  server.become(serviceRoutes({ graphql, checks: {} }))
  life.phase = 'running'
  return { life, http, release: released.resolve, underWay: () => underWay }
}

function kept(): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  agents.push(agent)
  return agent
}

function get(http: HttpServer, path: string, agent?: Agent): Promise<{ status?: number; message: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    ask(`${http.url}${path}`, { agent }, async (message) => {
      await text(message)
      resolve({ status: message.statusCode!, message })
    })
      .once('error', reject)
      .end()
  })
}

describe('a service that is told to end', () => {
  test('is not ready at once, serves on while it drains, and tells kept connections that it will close them', async () => {
    const { life, http } = await startService()
    const agent = kept()
    expect((await get(http, '/readyz')).status).toBe(200)
    expect((await get(http, '/graphql', agent)).message.headers.connection).toBe('keep-alive')
    const ended = shutDown({ life, servers: [http], closers: [], drainMs: 500, log })
    expect((await get(http, '/readyz')).status).toBe(503)
    expect((await get(http, '/livez')).status).toBe(200)
    const served = await get(http, '/graphql', agent)
    expect([served.status, served.message.headers.connection]).toEqual([200, 'close'])
    await ended
    await expect(get(http, '/livez')).rejects.toThrow('ECONNREFUSED')
  })

  test('answers what is under way, takes nothing new, and only then closes what that needed', async () => {
    const order: string[] = []
    const { life, http, release, underWay } = await startService(order)
    const closers: Closer[] = [{ name: 'store', close: () => void order.push('store closed') }]
    const slow = get(http, '/graphql?slow', kept())
    await until('it is under way', () => underWay() === 1)
    const ended = shutDown({ life, servers: [http], closers, drainMs: 0, log })
    await until('nothing new is taken', () =>
      get(http, '/livez').then(
        () => false,
        () => true,
      ),
    )
    expect(order).toEqual([])
    release()
    const [{ status, message }] = await Promise.all([slow, ended])
    expect([status, message.headers.connection]).toEqual([200, 'close'])
    expect(order).toEqual(['answered', 'store closed'])
  })

  test('does not wait for connections on which nothing was ever sent', async () => {
    const { life, http } = await startService()
    const silent = connect(http.port, '127.0.0.1')
    const closed = new Promise((resolve) => silent.once('close', resolve).resume())
    await until('it is connected', () => silent.readyState === 'open')
    await sleep(50)
    await shutDown({ life, servers: [http], closers: [], drainMs: 0, log })
    await closed
  })

  test('closes everything else, the last one first, where a part fails or hangs', async () => {
    const closed: string[] = []
    const part = (name: string, close: () => unknown = () => {}): Closer => ({
      name,
      close() {
        closed.push(name)
        return close()
      },
    })
    const told: unknown[] = []
    const closers = [
      part('first'),
      part('hangs', () => new Promise(() => {})),
      part('rejects', () => Promise.reject(new Error('no'))),
      part('throws', () => {
        throw new Error('no')
      }),
      part('last'),
    ]
    await closeAll(closers, { error: ((line: unknown) => void told.push(line)) as typeof log.error })
    expect(closed).toEqual(['last', 'throws', 'rejects', 'hangs', 'first'])
    expect(told).toMatchObject([{ part: 'throws' }, { part: 'rejects' }, { part: 'hangs' }])
  })
})
