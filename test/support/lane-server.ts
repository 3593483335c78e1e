// A distribution node with its real HTTP server, over documents that a test gives. Its clock and its chance stand still.

import { execute } from 'graphql'
import { tokenVerifier } from '../../common/access/tokens.ts'
import { sha256 } from '../../common/base/content-hash.ts'
import { createLogger } from '../../common/base/log.ts'
import { createMetrics } from '../../common/base/metrics.ts'
import { createInProcessChannel } from '../../common/channel/in-process.ts'
import { listen } from '../../common/http/server.ts'
import { type OverloadLimits, watchOverload } from '../../common/lane/overload.ts'
import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import { observeHttp, serviceRoutes } from '../../common/service/routes.ts'
import type { Publication } from '../../engine/publication/types.ts'
import { buildDistribution } from '../../subgraphs/distribution/app.ts'
import { listDocument, put, settingsDocument, testKeys } from './documents.ts'
import { rawRequest } from './raw-http.ts'
import { tokenSettings } from './subgraphs.ts'
import { ONLY_NOTIFICATIONS } from './sync-suite.ts'

export const APP_KEY = 'ak_test'

export const operations = readPersistedOperations(new URL('../../schema/persisted-queries.json', import.meta.url))
export const DECISIONS = [...operations.values()].find(({ name }) => name === 'Decisions')!

export type LaneServer = Awaited<ReturnType<typeof startLaneServer>>

export type LaneServerOptions = {
  documents: readonly Publication[]
  now?: number
  requestsPerSecond?: number
  overload?: OverloadLimits
}

/** The documents belong to the app `shop`. */
export async function startLaneServer(options: LaneServerOptions) {
  const { documents, now = 1_000_000, requestsPerSecond = 1_000_000 } = options
  const clock = { now }
  const log = createLogger('silent')
  const metrics = createMetrics()
  const channel = createInProcessChannel()
  const keys = [{ hash: sha256(APP_KEY), expiresAt: null }]
  const settings = settingsDocument('shop', 1, { keys, requestsPerSecond, corsOrigins: ['https://shop.example'] })
  await put(channel, ...documents, settings, listDocument(1, ['shop']))
  const overload = options.overload && watchOverload(options.overload, metrics)
  const node = await buildDistribution({
    ...{ channel, keys: testKeys, node: 'node', operations, laneFields: ['decisions'], log, metrics, overload },
    verify: tokenVerifier(tokenSettings),
    now: () => clock.now,
    random: () => 0.5,
    intervals: ONLY_NOTIFICATIONS,
  })
  await node.sync.untilReady()
  const http = await listen(
    { host: '127.0.0.1', port: 0, log, ...observeHttp(log, metrics) },
    serviceRoutes({ lane: (request) => node.lane.handle(request), checks: node.checks }),
  )

  return {
    url: http.url,
    clock,
    metrics,
    /** The node gets the documents soon after. */
    publish: (...published: Publication[]) => put(channel, ...published),
    drain: http.drain,
    /** Stops the HTTP server only. */
    stopHttp: http.stop,
    /** What graphql-js answers to `Decisions`, as text. */
    byGraphQL(variableValues: Record<string, unknown>): string {
      const contextValue = { caller: { principal: null, requestId: 'r', appKey: { app: 'shop' } }, loaders: undefined }
      const { document } = DECISIONS
      return JSON.stringify(execute({ schema: node.subgraph.graphQLSchema, document, variableValues, contextValue }))
    },
    async stop() {
      await http.stop()
      overload?.stop()
      await node.stop()
      await channel.close()
    },
  }
}

/** Both forms of a slot query, as Apollo Client sends them. */
export function asked(variables: object, hash = DECISIONS.id) {
  const extensions = {
    clientLibrary: { name: '@apollo/client', version: '4.0.0' },
    persistedQuery: { version: 1, sha256Hash: hash },
  }
  const parameters = Object.entries({ variables, extensions }).map(
    ([name, value]) => `${name}=${encodeURIComponent(JSON.stringify(value))}`,
  )
  return {
    path: `/graphql?operationName=Decisions&${parameters.join('&')}`,
    body: JSON.stringify({ operationName: 'Decisions', variables, extensions }),
  }
}

/** The bytes of a GET with the app's key. */
export function rawGet(variables: object, headers: readonly string[] = [], method = 'GET'): Buffer {
  return rawRequest(`${method} ${asked(variables).path}`, [`x-app-key: ${APP_KEY}`, ...headers])
}
