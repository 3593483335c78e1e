// A subgraph that hangs or is slow, in front of a gateway: it costs its own fields, and little time.

import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from '@jest/globals'
import { AlkaidError } from '../../common/base/errors.ts'
import { createLogger } from '../../common/base/log.ts'
import { createMetrics, type Metrics } from '../../common/base/metrics.ts'
import type { GraphQLAnswer } from '../../common/graphql/subgraph.ts'
import { buildGateway, type Gateway } from '../../gateway/app.ts'
import { type IsolationOptions, isolate } from '../../gateway/isolation.ts'
import { subgraphs } from '../../subgraphs/registry.ts'
import { until } from '../support/until.ts'

const log = createLogger('silent')

/** A subgraph that answers when the test says so. */
function startSubgraph() {
  const asked: { answer(): void }[] = []
  const subgraph = {
    name: 'stats',
    mode: 'hangs' as 'hangs' | 'answers' | 'refuses',
    asked,
    execute: () =>
      new Promise<GraphQLAnswer>((resolve, reject) => {
        const answer = () => resolve({ data: {} })
        asked.push({ answer })
        if (subgraph.mode === 'answers') answer()
        if (subgraph.mode === 'refuses') reject(new AlkaidError('UNAVAILABLE', 'refused'))
      }),
  }
  return subgraph
}

const options = (more: Partial<IsolationOptions> = {}): IsolationOptions => ({
  maxRequests: 100,
  timeoutMs: 100,
  trialMs: 50,
  openMs: 200,
  log,
  ...more,
})
const request = { query: '{ a }' }
const headers = { requestId: 'r' }

describe('a subgraph that does not answer in time', () => {
  test('costs one deadline. After it, its requests are refused at once, and say what happened and what comes next', async () => {
    const subgraph = startSubgraph()
    const stats = isolate(subgraph, options({ openMs: 60_000 }))
    await expect(stats.execute(request, headers)).rejects.toMatchObject({ code: 'TIMEOUT' })
    for (let n = 0; n < 3; n++) {
      await expect(stats.execute(request, headers)).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringMatching(
          /^The subgraph stats is out of reach: The subgraph stats did not answer within 100 ms\. It is tried again in \d s$/,
        ),
      })
    }
    expect(subgraph.asked).toHaveLength(1)
    expect(stats.status()).toMatchObject({ breaker: 'open', rejected: { open: 3, full: 0 } })
  })

  test('is tried by one request at a time, which waits for it only briefly, until it answers', async () => {
    const subgraph = startSubgraph()
    const stats = isolate(subgraph, options({ timeoutMs: 200, trialMs: 20 }))
    await expect(stats.execute(request, headers)).rejects.toMatchObject({ code: 'TIMEOUT' })
    const all = async () => {
      const results = await Promise.allSettled(Array.from({ length: 5 }, () => stats.execute(request, headers)))
      return results.map((result) => (result.status === 'fulfilled' ? 'ok' : result.reason.message))
    }
    await until('one request tries', async () => (await all()).some((message) => message.includes('within 20 ms')))
    expect(subgraph.asked).toHaveLength(2)
    subgraph.mode = 'answers'
    await until('all are answered again', async () => (await all()).every((message) => message === 'ok'))
    expect(stats.status()).toMatchObject({ breaker: 'closed', reason: undefined })
  })

  test('stays cut off while a trial cannot reach it', async () => {
    const subgraph = startSubgraph()
    const stats = isolate(subgraph, options({ openMs: 10 }))
    await expect(stats.execute(request, headers)).rejects.toMatchObject({ code: 'TIMEOUT' })
    subgraph.mode = 'refuses'
    await until('a trial is refused', async () => {
      await stats.execute(request, headers).catch(() => {})
      return subgraph.asked.length > 1
    })
    expect(stats.status().breaker).toBe('open')
  })

  test('is not cut off for one expensive request while it answers others', async () => {
    const subgraph = startSubgraph()
    const stats = isolate(subgraph, options())
    const expensive = stats.execute(request, headers)
    subgraph.mode = 'answers'
    await stats.execute(request, headers)
    await expect(expensive).rejects.toMatchObject({ code: 'TIMEOUT' })
    await expect(stats.execute(request, headers)).resolves.toEqual({ data: {} })
  })

  test('may have only so many requests under way; more are refused at once', async () => {
    const subgraph = startSubgraph()
    const stats = isolate(subgraph, options({ maxRequests: 2, timeoutMs: 60_000 }))
    const two = [stats.execute(request, headers), stats.execute(request, headers)]
    await expect(stats.execute(request, headers)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'The subgraph stats is busy: 2 requests to it are under way. Try again',
    })
    expect(stats.status()).toMatchObject({ requests: 2, rejected: { open: 0, full: 1 } })
    for (const { answer } of subgraph.asked) answer()
    await Promise.all(two)
    subgraph.mode = 'answers'
    await expect(stats.execute(request, headers)).resolves.toEqual({ data: {} })
  })
})

describe('behind the gateway', () => {
  let gateway: Gateway
  let metrics: Metrics
  afterEach(() => gateway?.stop())

  /** Every subgraph answers its field at once, but for one that hangs. */
  async function start(hanging: string, maxUpstreamRequests: number) {
    const answers: Record<string, GraphQLAnswer> = {
      schedule: { data: { slots: { total: 1 } } },
      creative: { data: { creatives: { total: 2 } } },
    }
    metrics = createMetrics()
    gateway = await buildGateway({
      supergraphSdl: readFileSync(new URL('../../schema/supergraph.graphql', import.meta.url), 'utf8'),
      upstreams: subgraphs.map(({ name }) => ({
        name,
        execute: () => (name === hanging ? new Promise<never>(() => {}) : Promise.resolve(answers[name]!)),
      })),
      maxUpstreamRequests,
      upstreamTimeoutMs: 1_000,
      lanes: [],
      verify: async () => ({ sub: 'ann', grants: new Map([['shop', new Set(['viewer'])]]) }) as never,
      production: false,
      corsOrigins: [],
      sandbox: undefined,
      log,
      metrics,
    })
  }

  async function ask() {
    const body = JSON.stringify({ query: '{ slots(app: "shop") { total } creatives(app: "shop") { total } }' })
    const sent = { 'content-type': 'application/json', authorization: 'Bearer x' }
    const message = { method: 'POST', path: '/graphql', search: '', headers: sent, requestId: 'r' }
    return JSON.parse((await gateway.handle({ ...message, body: async () => body })).body!)
  }

  test('a full subgraph costs only its fields, with an error at their path, and the others answer at once', async () => {
    await start('creative', 1)
    const first = ask() // takes the only place for a second
    await until('it is under way', async () =>
      (await metrics.registry.metrics()).includes('requests{subgraph="creative"} 1'),
    )
    expect(await ask()).toMatchObject({
      data: { slots: { total: 1 }, creatives: null },
      errors: [
        {
          path: ['creatives'],
          message: expect.stringContaining('creative is busy'),
          extensions: { code: 'UNAVAILABLE' },
        },
      ],
    })
    expect(await metrics.registry.metrics()).toContain(
      'alkaid_gateway_upstream_rejected_total{subgraph="creative",reason="full"} 1',
    )
    // After the deadline the breaker is open: nobody waits for the subgraph any more, and `/readyz` warns.
    expect((await first).errors).toMatchObject([{ path: ['creatives'], extensions: { code: 'TIMEOUT' } }])
    const began = performance.now()
    expect((await ask()).errors).toMatchObject([{ path: ['creatives'], extensions: { code: 'UNAVAILABLE' } }])
    expect(performance.now() - began).toBeLessThan(2_000)
    expect(await gateway.checks.breakers!()).toMatchObject({
      creative: { breaker: 'open' },
      schedule: { breaker: 'closed' },
      warning: [expect.stringMatching(/^the fields of creative are UNAVAILABLE: .* It is tried again in \d s$/)],
    })
    expect(await metrics.registry.metrics()).toContain('alkaid_gateway_upstream_breaker_state{subgraph="creative"} 2')
  })
})
