// Answers of the lane over a node's table: what a client may keep, and when it gets 304.

import { buildSubgraphSchema } from '@apollo/subgraph'
import { expect, test } from '@jest/globals'
import { parse } from 'graphql'
import { GraphQLDateTimeISO, GraphQLJSON } from 'graphql-scalars'
import { sha256 } from '../../common/base/content-hash.ts'
import { createLogger } from '../../common/base/log.ts'
import { readTypeDefs } from '../../common/graphql/subgraph.ts'
import type { HttpRequest } from '../../common/http/server.ts'
import { compileLaneOperation, createLane } from '../../common/lane/lane.ts'
import { readPersistedOperations } from '../../common/lane/persisted-operations.ts'
import { distributionSchema } from '../../subgraphs/distribution/app.ts'
import { type Node, noCapTokens, type SlotAnswer } from '../../subgraphs/distribution/decisions.ts'
import { distributionResolvers } from '../../subgraphs/distribution/resolvers.ts'
import { createTable } from '../../subgraphs/distribution/table.ts'
import { apply, settingsDocument, slotDocument } from '../support/documents.ts'

const KEY = 'ak_test'
const APPS = new Map(
  ['shop', 'news'].map((app) => {
    const key = app === 'shop' ? KEY : `ak_${app}`
    return [sha256(key), { app, requestsPerSecond: 1_000, corsOrigins: [] }]
  }),
)
const NOW = 1_000_000
const table = createTable()
const entry = slotDocument('shop', 'soon', 1).entries[0]!
const soon = { entries: [{ ...entry, startsAt: NOW + 5_000 }] }
for (const document of [
  settingsDocument('shop', 1),
  slotDocument('shop', 'home', 1),
  slotDocument('shop', 'soon', 1, soon),
]) {
  apply(table, document)
}
const node: Node = { table, ready: true, cutOffMs: () => 0, capTokens: noCapTokens(), now: () => NOW, random: () => 0 }
const resolvers = { DateTime: GraphQLDateTimeISO, JSON: GraphQLJSON, ...distributionResolvers(node) }
const schema = buildSubgraphSchema({ typeDefs: readTypeDefs(distributionSchema), resolvers: resolvers as never })
const body = `query Two($context: ContextInput) {
  a: decisions(app: "shop", slots: ["soon"], context: $context) { slot }
  b: decisions(app: "shop", slots: ["home"], context: $context) { slot creatives { title } } }`
const two = {
  id: sha256(body),
  name: 'Two',
  body,
  document: parse(body, { noLocation: true }),
  rootFields: ['decisions'],
}
const listed = readPersistedOperations(new URL('../../schema/persisted-queries.json', import.meta.url))
const definition = two.document.definitions[0] as never
const decisions = [...listed.values()].find(({ name }) => name === 'Decisions')!
const operations = new Map([...listed, [two.id, { ...two, definition }]])

const ownText = '{ decisions(app: "shop", slots: ["home"]) { mine: slot } }'
const own = {
  id: sha256(ownText),
  name: 'Own',
  body: ownText,
  document: parse(ownText, { noLocation: true }),
  rootFields: ['decisions'],
}
const compiling = { schema, frozenTypes: ['DecidedCreative'], log: createLogger('silent') }
const ownOperation = { ...own, definition: own.document.definitions[0] as never }
const ownOperations = new Map([[own.id, compileLaneOperation(compiling, ownOperation)]])

const lane = createLane({
  operations,
  rootFields: ['decisions'],
  ...compiling,
  appOfKey: (hash) => APPS.get(hash),
  appOperations: (app) => (app === 'shop' ? ownOperations : undefined),
  allowsOrigin: () => false,
  context: (caller) => ({ caller, loaders: undefined }),
  cacheControl(context) {
    const { answers } = context as { answers: SlotAnswer[] }
    const seconds = Math.floor((Math.min(...answers.map(({ validUntil }) => validUntil)) - NOW) / 1_000)
    return seconds > 3_600 ? 'no-store' : `private, max-age=${seconds}`
  },
  now: () => NOW,
})

function ask(hash: string, variables: object, headers: Record<string, string> = {}, method = 'GET') {
  const parameters = { variables, extensions: { persistedQuery: { version: 1, sha256Hash: hash } } }
  const { variables: given, extensions } = parameters
  const search = new URLSearchParams({ variables: JSON.stringify(given), extensions: JSON.stringify(extensions) })
  const request: HttpRequest = {
    method,
    path: '/graphql',
    search: method === 'GET' ? search.toString() : '',
    headers: { 'x-app-key': KEY, 'content-type': 'application/json', ...headers },
    requestId: 'r',
    body: async () => JSON.stringify(parameters),
  }
  return lane.handle(request)
}

const ann = { app: 'shop', slots: ['home'], context: { userId: 'ann' } }

test('an answer that may be kept has an ETag, and a client that shows it gets 304 without a body', async () => {
  const first = await ask(decisions.id, ann)
  expect(first).toMatchObject({ status: 200, body: expect.stringContaining('"title":"home"') })
  const { etag } = first.headers!
  expect(etag).toMatch(/^"[0-9a-f]{16}"$/)
  for (const shown of [etag!, `W/${etag}`, `"other", ${etag}`]) {
    const again = await ask(decisions.id, ann, { 'if-none-match': shown })
    expect(again).toEqual({ status: 304, headers: { ...first.headers } })
  }
  expect((await ask(decisions.id, ann, { 'if-none-match': '"other"' })).status).toBe(200)
})

test('the ETag differs for another answer and for another media type, and a POST is answered whole', async () => {
  const { etag } = (await ask(decisions.id, ann)).headers!
  const other = await ask(decisions.id, { ...ann, slots: ['soon'] })
  const newer = await ask(decisions.id, ann, { accept: 'application/graphql-response+json' })
  expect(new Set([etag, other.headers!.etag, newer.headers!.etag]).size).toBe(3)
  expect((await ask(decisions.id, ann, { 'if-none-match': etag! }, 'POST')).status).toBe(200)
})

test('an operation that asks for decisions twice is kept no longer than the first of them changes', async () => {
  const answer = await ask(two.id, { context: { userId: 'ann' } })
  expect(JSON.parse(answer.body!)).toEqual({
    data: { a: [{ slot: 'soon' }], b: [{ slot: 'home', creatives: [{ title: 'home' }] }] },
  })
  expect(answer.headers!['cache-control']).toBe('private, max-age=5')
})

test('variables that do not fit are refused in the words of graphql-js, at their path', async () => {
  const { status, body: text } = await ask(decisions.id, { ...ann, slots: [7] })
  expect(status).toBe(400)
  expect(JSON.parse(text!).errors[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } })
})

test("an app's own operations are answered to this app only", async () => {
  expect(await ask(own.id, {})).toMatchObject({ status: 200, body: '{"data":{"decisions":[{"mine":"home"}]}}' })
  const { status, body: text } = await ask(own.id, {}, { 'x-app-key': 'ak_news' })
  expect([status, JSON.parse(text!).errors[0].extensions.code]).toEqual([404, 'PERSISTED_QUERY_NOT_IN_LIST'])
})

test('a caller without a valid key learns nothing about operations, and its body is not read', async () => {
  const body = () => Promise.reject(new Error('The body was read'))
  for (const key of [undefined, '', 'ak_wrong']) {
    const headers = { 'x-app-key': key, 'content-type': 'text/plain' }
    const request = { method: 'POST', path: '/graphql', search: '', headers, requestId: 'r', body }
    const { status, headers: answered } = await lane.handle(request as HttpRequest)
    expect([key, status, answered?.['www-authenticate']]).toEqual([key, 401, expect.stringContaining('ApiKey')])
  }
  expect((await ask(sha256('unknown'), {}, { 'x-app-key': 'ak_wrong' })).status).toBe(401)
})
