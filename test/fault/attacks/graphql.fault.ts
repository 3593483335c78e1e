// Attacks by queries: each would cost much time or memory, or tell what nobody may know.

import { describeWithRedis } from '../../support/redis.ts'
import { type Attack, testAttacks, type World } from '../support/attacks.ts'
import { operationId } from '../support/slot-load.ts'

const repeat = (times: number, part: (index: number) => string) =>
  Array.from({ length: times }, (_, index) => part(index)).join(' ')
const lists = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
const create = (data: string, variables = '') =>
  `mutation ${variables} { createCreative(input: {app: "shop", content: {name: "x", title: "x", data: ${data}}}) { id } }`

const query = (title: string, text: string, code: string, variables: unknown = {}): Attack => ({
  title,
  run: ({ graph }) => graph(text, variables),
  expected: { code },
})

/** Sends JSON that no object can be written as. */
const body = (title: string, text: string, code: string): Attack => ({
  title,
  run: ({ send, alkaid, token }) =>
    send(`${alkaid.get('gateway').url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: text,
    }),
  expected: { code },
})

const asApp = ({ alkaid, shop, send }: World, request: object, to = 'distribution') =>
  send(`${alkaid.get(to).url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-app-key': shop.appKey },
    body: JSON.stringify(request),
  })

/** Each fragment spreads the next one twice: 2^30 fields, written out. */
const bomb = `{ apps { nodes { ...F0 } } } ${repeat(30, (n) => `fragment F${n} on App { a${n}: id ...F${n + 1} ...F${n + 1} }`)} fragment F30 on App { id }`

const attacks: Attack[] = [
  query(
    'depth',
    `{ schedules(app: "shop") { nodes ${'{ slot { schedules { nodes '.repeat(12)} { id } ${'} } }'.repeat(12)} } }`,
    'LIMIT_EXCEEDED',
  ),
  query('a literal of 2,000 levels', create(lists(2_000)), 'BAD_USER_INPUT'),
  query('a literal object of 900 levels', create(`${'{a: '.repeat(900)}1${'}'.repeat(900)}`), 'BAD_USER_INPUT'),
  query('5,001 tokens', `{ ${'__typename '.repeat(5_001)} }`, 'LIMIT_EXCEEDED'),
  query('comments of 900 KB', `{ apps { total } } ${'# x\n'.repeat(225_000)}`, 'LIMIT_EXCEEDED'),
  query('1,000 aliases', `{ ${repeat(1_000, (n) => `a${n}: apps { total }`)} }`, 'LIMIT_EXCEEDED'),
  query('200 directives', `{ ${repeat(200, () => '... @skip(if: false) { __typename }')} }`, 'LIMIT_EXCEEDED'),
  query(
    'a directive 500 times at one field',
    `{ apps ${'@include(if: true) '.repeat(500)} { total } }`,
    'LIMIT_EXCEEDED',
  ),
  query('fragments that double 30 times', bomb, 'LIMIT_EXCEEDED'),
  query(
    'fragments in a circle',
    '{ apps { nodes { ...A } } } fragment A on App { ...B } fragment B on App { ...A }',
    'BAD_USER_INPUT',
  ),
  query(
    'a fragment that spreads itself',
    '{ apps { ...A } } fragment A on AppConnection { nodes { id } ...A }',
    'BAD_USER_INPUT',
  ),
  query(
    'the same fields again and again',
    `{ ${repeat(100, () => 'schedules(app: "shop") { nodes { slot { id id id id id id } } }')} }`,
    'LIMIT_EXCEEDED',
  ),
  query('a page of 100,000', '{ creatives(app: "shop", first: 100000) { total } }', 'BAD_USER_INPUT'),
  query('a page of -1', '{ creatives(app: "shop", first: -1) { total } }', 'BAD_USER_INPUT'),
  query(
    'a cursor that nobody gave',
    '{ creatives(app: "shop", after: "AAAA") { total nodes { id } } }',
    'BAD_USER_INPUT',
  ),
  query(
    '80,000 wrong values in a list',
    'query ($s: [ReviewState!]) { creatives(app: "shop", filter: {reviewStates: $s}) { total } }',
    'BAD_USER_INPUT',
    { s: Array(80_000).fill('NOPE') },
  ),
  query(
    'a large variable 300 times in a literal',
    create(`{${repeat(300, (n) => `k${n}: $d`)}}`, '($d: JSON)'),
    'LIMIT_EXCEEDED',
    { d: 'x'.repeat(50_000) },
  ),
  query('an integer that overflows', '{ apps(first: 99999999999999999999) { total } }', 'BAD_USER_INPUT'),
  query('a number beyond every double', create('1e400'), 'BAD_USER_INPUT'),
  query('a number that a double changes', create('[9007199254740993]'), 'BAD_USER_INPUT'),
  query('a subscription', 'subscription { apps { total } }', 'BAD_USER_INPUT'),
  query('two operations without a name', '{ apps { total } } { apps { total } }', 'BAD_USER_INPUT'),
  query('text that is not GraphQL', '{ apps { total }', 'BAD_USER_INPUT'),
  query('a name of 100 KB', `{ ${'x'.repeat(100_000)} }`, 'LIMIT_EXCEEDED'),
  query('names that every object has', '{ __proto__ { constructor } }', 'BAD_USER_INPUT'),
  query('deferred parts', '{ apps { ... @defer { total } } }', 'BAD_USER_INPUT'),
  body(
    'variables of 10,000 levels',
    `{"query": ${JSON.stringify(create('$d', '($d: JSON)'))}, "variables": {"d": ${lists(10_000)}}}`,
    'BAD_USER_INPUT',
  ),
  body(
    'variables under the name __proto__',
    '{"query": "query ($__proto__: Int) { apps(first: $__proto__) { total } }", "variables": {"__proto__": {"first": 1}}}',
    'BAD_USER_INPUT',
  ),
  body('a batch', '[{"query": "{ apps { total } }"}, {"query": "{ apps { total } }"}]', 'BAD_USER_INPUT'),
  body('a query that is an object', '{"query": {"$gt": ""}}', 'BAD_USER_INPUT'),
  body(
    'extensions of 10,000 levels',
    `{"query": "{ apps { total } }", "extensions": {"x": ${lists(10_000)}}}`,
    'BAD_USER_INPUT',
  ),
  {
    title: 'free text with an app key, at the node',
    run: (world) => asApp(world, { query: '{ __typename }' }),
    expected: { code: 'PERSISTED_QUERY_ID_REQUIRED' },
  },
  {
    title: 'free text with an app key, at the gateway',
    run: (world) => asApp(world, { query: '{ apps { total } }' }, 'gateway'),
    expected: { code: 'PERSISTED_QUERY_ID_REQUIRED' },
  },
  {
    title: 'a hash that is not in the list',
    run: (world) => asApp(world, { extensions: { persistedQuery: { version: 1, sha256Hash: 'f'.repeat(64) } } }),
    expected: { code: 'PERSISTED_QUERY_NOT_IN_LIST' },
  },
  {
    title: 'another text under a hash of the list',
    run: (world) =>
      asApp(world, {
        query: '{ apps { total } }',
        extensions: { persistedQuery: { version: 1, sha256Hash: operationId('Decisions') } },
      }),
    expected: { code: 'BAD_USER_INPUT' },
  },
  {
    title: 'a mutation by GET',
    run: ({ send, alkaid, shop, token }) => {
      const input = `{slot: "${shop.slot}", expectedVersion: 1}`
      const text = `mutation { stopSlot(input: ${input}) { stopped } }`
      return send(`${alkaid.get('gateway').url}/graphql?query=${encodeURIComponent(text)}`, {
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      })
    },
    expected: { status: 405 },
  },
  {
    title: 'decisions for 100,000 slots',
    run: (world) =>
      asApp(world, {
        variables: { app: 'shop', slots: Array(100_000).fill('a') },
        extensions: { persistedQuery: { version: 1, sha256Hash: operationId('Decisions') } },
      }),
    expected: { status: 200, code: 'BAD_USER_INPUT' },
  },
  {
    title: 'the schema, by a stranger, many times over',
    run: ({ graph }) =>
      graph(`{ ${repeat(15, (n) => `a${n}: __schema { types { fields { name } } }`)} }`, {}, { authorization: '' }),
    expected: { code: 'UNAUTHENTICATED' },
  },
]

describeWithRedis('A query', () => testAttacks(attacks))
