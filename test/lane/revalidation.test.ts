// Answers of 304 that a lane gives from memory. They must be those that it would compute: a lane without this memory, over the same table,
// is asked the same at each step.

import { buildSubgraphSchema } from '@apollo/subgraph'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parse } from 'graphql'
import { GraphQLDateTimeISO, GraphQLJSON } from 'graphql-scalars'
import { sha256 } from '../../common/base/content-hash.ts'
import { createLogger } from '../../common/base/log.ts'
import { readTypeDefs } from '../../common/graphql/subgraph.ts'
import type { HttpReply, HttpRequest } from '../../common/http/server.ts'
import { compileLaneOperation, createLane } from '../../common/lane/lane.ts'
import { type RememberedAnswer, rememberAnswers } from '../../common/lane/revalidation.ts'
import type { ChannelDocument } from '../../engine/publication/types.ts'
import { distributionSchema } from '../../subgraphs/distribution/app.ts'
import { type Node, noCapTokens } from '../../subgraphs/distribution/decisions.ts'
import { type AnsweredContext, cacheControl, revalidation } from '../../subgraphs/distribution/keeping.ts'
import { distributionResolvers } from '../../subgraphs/distribution/resolvers.ts'
import { createTable } from '../../subgraphs/distribution/table.ts'
import { publication } from '../support/arbitrary-publication.ts'
import { apply, settingsDocument, slotDocument } from '../support/documents.ts'
import { DECISIONS, operations, rawGet, startLaneServer } from '../support/lane-server.ts'
import { connectRaw } from '../support/raw-http.ts'
import { until } from '../support/until.ts'

const START = 5_000

/** Everything that an answer may depend on. Both lanes read it. */
type World = ReturnType<typeof newWorld>

function newWorld() {
  return {
    table: createTable(),
    now: START,
    cutOffMs: 0,
    isKeyValid: true,
    hasOwnOperation: true,
    revision: 0,
    documents: [] as ChannelDocument[],
  }
}

let world: World = newWorld()
const node: Node = {
  get table() {
    return world.table
  },
  ready: true,
  cutOffMs: () => world.cutOffMs,
  capTokens: noCapTokens(),
  now: () => world.now,
  random: () => 0.5,
}
const resolvers = { DateTime: GraphQLDateTimeISO, JSON: GraphQLJSON, ...distributionResolvers(node) }
const schema = buildSubgraphSchema({ typeDefs: readTypeDefs(distributionSchema), resolvers: resolvers as never })
const compiling = { schema, frozenTypes: ['DecidedCreative'], log: createLogger('silent') }

/** Asks twice, by two names. The app registered it itself, and may remove it. */
const ownText = `query Own($slot: String!, $context: ContextInput) {
  a: decisions(app: "shop", slots: [$slot], context: $context) { slot creatives { title } }
  b: decisions(app: "shop", slots: ["other"], context: $context) { slot reason } }`
const ownDocument = parse(ownText, { noLocation: true })
const own = compileLaneOperation(compiling, {
  ...{ id: sha256(ownText), name: 'Own', body: ownText, document: ownDocument, rootFields: ['decisions'] },
  definition: ownDocument.definitions[0] as never,
})
const ownOperations = new Map([[own.operation.id, own]])

function newLane(hasMemory: boolean) {
  const counts = { executed: 0, used: 0 }
  const lane = createLane({
    ...compiling,
    operations,
    rootFields: ['decisions'],
    appOfKey(hash) {
      const app = hash === sha256('ak_shop') ? 'shop' : hash === sha256('ak_news') ? 'news' : undefined
      return app === undefined || !world.isKeyValid ? undefined : world.table.settings(app)
    },
    appOperations: (app) => (app === 'shop' && world.hasOwnOperation ? ownOperations : undefined),
    allowsOrigin: () => false,
    context(caller) {
      counts.executed += 1
      return { caller, loaders: undefined }
    },
    cacheControl: (context) => cacheControl(world.table, context as AnsweredContext, world.now),
    ...(hasMemory && { revalidation: (context) => revalidation(node, context as AnsweredContext) }),
    onUse() {
      counts.used += 1
    },
    now: () => world.now,
  })
  return { lane, counts }
}

/** With a higher stamp than everything before. Returns what else changes in the world: nothing. */
function publish(of: World, change: (revision: number) => ChannelDocument): Partial<World> {
  of.revision += 1
  const document = change(of.revision)
  of.documents.push(document)
  expect(apply(of.table, document)).toBe('applied')
  return {}
}

type Asked = { operation: string; key: string; variables: object; headers: Record<string, string> }

function requestOf({ operation, key, variables, headers }: Asked, shown: string | undefined): HttpRequest {
  const extensions = { persistedQuery: { version: 1, sha256Hash: operation } }
  const search = new URLSearchParams({ variables: JSON.stringify(variables), extensions: JSON.stringify(extensions) })
  return {
    ...{ method: 'GET', path: '/graphql', search: search.toString(), requestId: 'r' },
    headers: { 'x-app-key': key, ...headers, ...(shown !== undefined && { 'if-none-match': shown }) },
    body: () => Promise.reject(new Error('The body was read')),
  }
}

const slotName = fc.constantFrom('home', 'other', 'shop/home', 'slo_1', 'nowhere', 'home ')
const user = fc.constantFrom({}, { userId: 'ann' }, { userId: 'bob', platform: 'ios', tags: ['a'] }, { deviceId: 'd' })
const asked: fc.Arbitrary<Asked> = fc
  .record({
    isOwn: fc.nat(3).map((one) => one === 0),
    slots: fc.uniqueArray(slotName, { minLength: 1, maxLength: 2 }),
    context: user,
    key: fc.constantFrom('ak_shop', 'ak_shop', 'ak_shop', 'ak_news'),
    headers: fc.constantFrom<Record<string, string>>(
      {},
      {},
      { accept: 'application/graphql-response+json' },
      { 'accept-encoding': 'gzip' },
      { origin: 'https://shop.example' },
    ),
  })
  .map(({ isOwn, slots, context, key, headers }) => {
    const variables = isOwn ? { slot: slots[0]!, context } : { app: 'shop', slots, context }
    return { operation: isOwn ? own.operation.id : DECISIONS.id, key, variables, headers }
  })

/** What changes in the world. The name is for the report of a counterexample. */
type Step = { name: string; run(of: World): Partial<World> }
const step = (name: string, run: Step['run']): Step => ({ name, run })

const maxStale = fc.constantFrom({}, { maxStaleSeconds: 10 })

/** The slots are `home` with random entries, and `other` with one entry. */
const change: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(-8_000, -2_000, -100, 100, 400, 1_500, 6_000)
      .map((ms) => step(`${ms} ms pass`, ({ now }) => ({ now: now + ms }))),
  },
  fc.tuple(publication, maxStale).map(([document, stale]) =>
    step('home is published', (of) =>
      publish(of, (revision) => ({
        ...document,
        revision,
        slot: { ...document.slot, ...stale },
      })),
    ),
  ),
  fc.constant(step('other is published', (of) => publish(of, (revision) => slotDocument('shop', 'other', revision)))),
  fc.constantFrom(0, 1, 30, 300).map((maxAgeSeconds) =>
    step('the settings change', (of) => {
      const corsOrigins = maxAgeSeconds > 1 ? ['https://shop.example'] : []
      return publish(of, (revision) => settingsDocument('shop', revision, { maxAgeSeconds, corsOrigins, ...UNLIMITED }))
    }),
  ),
  fc.constant(
    step('the table is swapped', ({ documents }) => {
      const table = createTable()
      for (const document of documents) apply(table, document)
      return { table }
    }),
  ),
  fc
    .constantFrom(0, 9_000, 11_000, Number.POSITIVE_INFINITY)
    .map((ms) => step(`the node is cut off for ${ms} ms`, () => ({ cutOffMs: ms }))),
  fc
    .boolean()
    .map((isServed) => step(`the app's own operation is served: ${isServed}`, () => ({ hasOwnOperation: isServed }))),
  fc.boolean().map((isValid) => step(`the key is valid: ${isValid}`, () => ({ isKeyValid: isValid }))),
)

const nothing = step('nothing changes', () => ({}))

/** The reply, and how many cap tokens were counted for it. */
async function countingTokens(ask: () => HttpReply | Promise<HttpReply>) {
  const before = { ...node.capTokens }
  const reply = await ask()
  return { reply, keyless: node.capTokens.keyless - before.keyless }
}

const UNLIMITED = { requestsPerSecond: 1_000_000 }

test('a lane that remembers answers gives the same replies as one that computes each of them', async () => {
  const seen = { fromMemory: 0, computed304: 0, whole: 0, others: 0 }
  const steps = fc.array(fc.oneof({ weight: 1, arbitrary: fc.constant(nothing) }, { weight: 2, arbitrary: change }), {
    minLength: 15,
    maxLength: 30,
  })
  const requests = fc.array(asked, { minLength: 1, maxLength: 2 })
  await fc.assert(
    fc.asyncProperty(publication, maxStale, requests, steps, async (home, stale, requests, steps) => {
      world = newWorld()
      for (const app of ['shop', 'news']) publish(world, (revision) => settingsDocument(app, revision, UNLIMITED))
      publish(world, (revision) => ({ ...home, revision, slot: { ...home.slot, ...stale } }))
      const [remembering, computing] = [newLane(true), newLane(false)]
      const tags = new Map<Asked, string | undefined>()
      for (const { run } of steps) {
        Object.assign(world, run(world))
        for (const one of requests) {
          const request = requestOf(one, tags.get(one))
          const expected = await countingTokens(() => computing.lane.handle(request))
          const before = remembering.counts.executed
          const found = await countingTokens(() => remembering.lane.handle(request))
          expect(found).toEqual(expected)
          const { status, headers } = found.reply
          tags.set(one, headers?.etag)
          if (status === 304) seen[remembering.counts.executed === before ? 'fromMemory' : 'computed304'] += 1
          else seen[status === 200 ? 'whole' : 'others'] += 1
        }
      }
      expect(remembering.counts.used).toBe(computing.counts.used)
    }),
    { numRuns: 150 },
  )
  // Each way must have been tried, or the test says nothing.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(50)
})

test('a first request and one that shows another tag execute the operation, and later ones do not', async () => {
  world = newWorld()
  publish(world, (revision) => settingsDocument('shop', revision, UNLIMITED))
  publish(world, (revision) => slotDocument('shop', 'home', revision))
  const { lane, counts } = newLane(true)
  const ann = { operation: DECISIONS.id, key: 'ak_shop', variables: { app: 'shop', slots: ['home'] }, headers: {} }
  const statusOf = async (shown?: string) => (await lane.handle(requestOf(ann, shown))).status
  const { etag } = (await lane.handle(requestOf(ann, undefined))).headers!
  expect([await statusOf(), await statusOf('"other"'), counts.executed]).toEqual([200, 200, 3])
  for (const shown of [etag!, `W/${etag}`, `"a", ${etag}`, '*']) expect(await statusOf(shown)).toBe(304)
  expect(counts.executed).toBe(3)
  expect(await statusOf('"other"')).toBe(200)
  expect(counts.executed).toBe(4)
})

test('the memory is bounded, and forgets first what nobody asked for longest', () => {
  const answers = rememberAnswers(100)
  const answer = (number: number): RememberedAnswer => ({
    ...{
      app: 'shop',
      search: `user=${number}`,
      operation: own,
      tag: 't',
      isLong: false,
      stillHolds: () => 'max-age=1',
    },
  })
  for (let number = 0; number < 1_000; number += 1) {
    answers.remember(answer(number))
    expect(answers.find('shop', 'user=0')).toBeDefined()
  }
  expect(answers.size).toBe(100)
  expect(answers.find('shop', 'user=999')).toBeDefined()
  expect(answers.find('shop', 'user=800')).toBeUndefined()
  expect(answers.find('news', 'user=999')).toBeUndefined()
})

test('a long address takes the place of many short ones', () => {
  const answers = rememberAnswers(1_000, 100_000)
  for (let number = 0; number < 100; number += 1) {
    const search = `user=${number}`.padEnd(9_500, 'x')
    answers.remember({ app: 'shop', search, operation: own, tag: 't', isLong: false, stillHolds: () => undefined })
  }
  expect(answers.size).toBe(10)
})

test('a node answers 304 until a publication arrives, and then the new answer at once', async () => {
  const server = await startLaneServer({ documents: [slotDocument('shop', 'home', 1)] })
  const raw = await connectRaw(server.url)
  const ask = async (headers: string[]) => {
    const count = raw.answers().length + 1
    raw.write(rawGet({ app: 'shop', slots: ['home'], context: { userId: 'ann' } }, headers))
    return (await raw.whenAnswered(count)).at(-1)!
  }
  try {
    const { etag } = (await ask([])).headers
    for (let turn = 0; turn < 3; turn += 1) expect((await ask([`if-none-match: ${etag}`])).status).toBe(304)
    await server.publish(slotDocument('shop', 'home', 2))
    await until('the node shows the new creative', async () => (await ask([`if-none-match: ${etag}`])).status === 200)
  } finally {
    raw.socket.destroy()
    await server.stop()
  }
})
