// Small requests that would cause much work. Each is refused before the work is done, with the right code and a small answer.
// Processor time is measured only where nothing else can be counted. Without the limits, each request took seconds.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { getIntrospectionQuery } from 'graphql'
import { bookOne, SCHEDULE, startTestPlatform, type TestPlatform } from '../support/platform.ts'

type Failure = { message: string; path?: unknown; extensions: { code: string; path?: string; errors?: unknown[] } }
type Reply = { status: number; size: number; data: Record<string, unknown> | null | undefined; errors: Failure[] }

let alkaid: TestPlatform
let booked: Awaited<ReturnType<typeof bookOne>>
beforeAll(async () => {
  // Not the defaults, so that it is the settings that count.
  alkaid = await startTestPlatform({ MAX_QUERY_DEPTH: '12', MAX_QUERY_ALIASES: '4', MAX_QUERY_DIRECTIVES: '3' })
  booked = await bookOne(alkaid, 'shop')
  await ask({ query: create('[1]') }, 'viewer')
}, 60_000)
afterAll(() => alkaid?.stop(), 30_000)

const repeat = (times: number, part: (index: number) => string) =>
  Array.from({ length: times }, (_, index) => part(index)).join(' ')
const lists = (depth: number, inside = '') => `${'['.repeat(depth)}${inside}${']'.repeat(depth)}`
const create = (data: string, variables = '') =>
  `mutation ${variables} { createCreative(input: {app: "shop", content: {name: "x", title: "x", data: ${data}}}) { id data } }`

async function send(url: string, body: string, headers: Record<string, string>): Promise<Reply> {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body })
  const text = await answer.text()
  const { data, errors = [] } = JSON.parse(text)
  return { status: answer.status, size: text.length, data, errors }
}

/** @param body an object, or JSON text that no object could be written as. */
async function ask(body: object | string, role?: 'viewer' | 'operator'): Promise<Reply> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const headers: Record<string, string> = role ? { authorization: `Bearer ${alkaid.tokens[role]}` } : {}
  return send(`${alkaid.platform.gatewayUrl}/graphql`, text, headers)
}

/** The processor's time in ms of the whole process, client and server. */
async function timed(run: () => Promise<Reply>): Promise<Reply & { ms: number }> {
  const before = process.cpuUsage()
  const reply = await run()
  const { user, system } = process.cpuUsage(before)
  return { ...reply, ms: (user + system) / 1_000 }
}
/** Ten times what is wanted: this machine may be busy, and the client's time counts, too. */
const SOON_MS = 500

const codes = ({ errors }: Reply) => errors.map(({ extensions }) => extensions.code)
const firstPath = ({ errors }: Reply) => errors[0]?.extensions.path

describe('a literal costs time linear in its size', () => {
  test.each([
    ['a list in a list, 27 times', lists(27, '1')],
    ['many lists of medium depth', `[${repeat(60, () => lists(20, '1'))}]`],
    ['lists and objects in turn', `${'[{a: '.repeat(14)}1${'}]'.repeat(14)}`],
  ])('%s', async (_, data) => {
    const { ms, ...reply } = await timed(() => ask({ query: create(data) }, 'viewer'))
    expect(codes(reply)).toEqual(['FORBIDDEN'])
    expect(ms).toBeLessThan(SOON_MS)
    const made = await ask({ query: create(data) }, 'operator')
    expect(made.errors).toEqual([])
  })

  test('the default of a variable costs time linear in its size, too', async () => {
    const query = create('$data', `($data: JSON = ${lists(27, '1')})`)
    const { ms, ...reply } = await timed(() => ask({ query }, 'viewer'))
    expect(codes(reply)).toEqual(['FORBIDDEN'])
    expect(ms).toBeLessThan(SOON_MS)
  })
})

test('a large variable that is used many times in a literal is refused at every entrance', async () => {
  const large = 'x'.repeat(50_000)
  const many = `{${repeat(300, (n) => `k${n}: $d`)}}`
  const query = create(many, '($d: JSON)')
  for (const body of [{ query, variables: { d: large } }, { query: create(many, `($d: JSON = "${large}")`) }]) {
    const { ms, ...reply } = await timed(() => ask(body, 'operator'))
    expect(codes(reply)).toEqual(['LIMIT_EXCEEDED'])
    expect(reply.errors[0]!.message).toMatch(/1,000,000 characters.*\$d, used 300 times.*Use it once/)
    expect(ms).toBeLessThan(SOON_MS)
  }
  const small = await ask({ query, variables: { d: 'x' } }, 'operator')
  expect(small.errors).toEqual([])
})

describe('a value that is nested too deep is refused quickly, with its path', () => {
  const cases: [string, string | object, string][] = [
    ['a literal, just beyond what data may have', { query: create(lists(33)) }, 'input.content.data'],
    ['a literal list', { query: create(lists(2_000)) }, 'input.content.data'],
    [
      'a literal object',
      { query: create(`${'{a: '.repeat(900)}1${'}'.repeat(900)}`) },
      'input.content.data.a.a.a.a.a.a',
    ],
    ['a filter', { query: `{ creatives(app: "shop", filter: {text: ${lists(2_000)}}) { total } }` }, 'filter.text'],
    ['an id', { query: `{ creative(id: ${lists(2_000)}) { id } }` }, 'id'],
    [
      'a time',
      { query: `{ creatives(app: "shop", filter: {changed: {from: ${lists(2_000)}}}) { total } }` },
      'filter.changed.from',
    ],
    ['a default', { query: create('$d', `($d: JSON = ${lists(2_000)})`) }, 'd'],
    ['a condition', { query: `{ apps { total @skip(if: ${lists(2_000)}) } }` }, 'if'],
    ['a type', { query: `query ($d: ${lists(2_000, 'ID')}) { creative(id: $d) { id } }` }, 'd'],
    [
      'a variable',
      `{"query": ${JSON.stringify(create('$d', '($d: JSON)'))}, "variables": {"d": ${lists(10_000)}}}`,
      'd',
    ],
    [
      'a variable of 900 KB',
      `{"query": ${JSON.stringify(create('$d', '($d: JSON)'))}, "variables": {"d": ${lists(450_000)}}}`,
      'd',
    ],
    ['what nobody asked for', `{"query": "{ apps { total } }", "extensions": {"x": ${lists(10_000)}}}`, 'extensions.x'],
  ]
  test.each(cases)('%s', async (_, body, path) => {
    const { ms, ...reply } = await timed(() => ask(body, 'viewer'))
    expect([codes(reply), firstPath(reply)]).toEqual([['BAD_USER_INPUT'], path])
    expect(ms).toBeLessThan(SOON_MS)
    const stranger = await timed(() => ask(body))
    expect(['BAD_USER_INPUT', 'UNAUTHENTICATED']).toContain(codes(stranger)[0])
    expect(stranger.ms).toBeLessThan(SOON_MS)
  })
})

describe('a caller without a valid token', () => {
  test('gets UNAUTHENTICATED for every query, and no details about the query', async () => {
    const queries = [
      '{ apps { total } }',
      '{ nothing }',
      `{ ${repeat(100, () => 'schedules(app: "shop") { nodes { slot { id id id id id id } } }')} }`,
      `{ ${'nothing '.repeat(4_000)} }`,
      `{ creative(id: "${'x'.repeat(900_000)}") { id } }`,
      `{ __typename ...F } fragment F on Query { apps { total } }`,
      `query ($a: Nothing) { apps(first: 1, first: 2) { total } }`,
      `{ ${repeat(4, (n) => `a${n}: __schema { types { name } }`)} }`,
      '{ __schema { a: types { name } b: types { name } } }',
      '{ __schema { ...F } } fragment F on __Schema { a: types { name } b: types { name } }',
    ]
    for (const query of queries) {
      const { ms, ...reply } = await timed(() => ask({ query }))
      expect([query.slice(0, 40), codes(reply), reply.status]).toEqual([query.slice(0, 40), ['UNAUTHENTICATED'], 401])
      expect(ms).toBeLessThan(SOON_MS)
    }
  })

  test('may ask for the schema in development, and for `__typename`', async () => {
    expect((await ask({ query: '{ __typename }' })).data).toEqual({ __typename: 'Query' })
    const { data } = await ask({ query: getIntrospectionQuery({ inputValueDeprecation: true, specifiedByUrl: true }) })
    expect(data?.__schema).toMatchObject({ queryType: { name: 'Query' } })
  })

  test('is refused for an invalid token before the query is read', async () => {
    const headers = { authorization: 'Bearer x.y.z' }
    for (const body of ['{"query": "{ __typename }"}', '{"query": "{"}', '{', '']) {
      expect(codes(await send(`${alkaid.platform.gatewayUrl}/graphql`, body, headers))).toEqual(['UNAUTHENTICATED'])
    }
  })
})

describe('a query that asks for too much is LIMIT_EXCEEDED, with a message that says what to do', () => {
  const schedules = 'schedules(app: "shop") { nodes'
  const cases: [string, string, RegExp][] = [
    ['aliases', `{ ${repeat(5, (n) => `a${n}: __typename`)} }`, /at most 4 aliases.*has 5.*MAX_QUERY_ALIASES/],
    [
      'depth',
      `{ ${schedules} ${'{ slot { schedules { nodes '.repeat(4)} { id } ${'} } }'.repeat(4)} } }`,
      /at most 12 levels.*has 15.*MAX_QUERY_DEPTH/,
    ],
    [
      'directives',
      `{ ${repeat(4, () => '... @skip(if: false) { __typename }')} }`,
      /at most 3 directives.*has 4.*MAX_QUERY_DIRECTIVES/,
    ],
    ['tokens', `{ ${'__typename '.repeat(5_001)} }`, /at most 5,000 tokens.*MAX_QUERY_TOKENS/],
    ['fields', `{ ${'__typename '.repeat(1_001)} }`, /at most 1,000 fields.*has 1,001.*MAX_QUERY_FIELDS/],
    [
      'the same fields again',
      `{ ${repeat(100, () => `${schedules} { slot { id id id id id id } } }`)} }`,
      /20,000 comparisons.*Ask for each field once/,
    ],
  ]
  test.each(cases)('%s', async (_, query, message) => {
    const { ms, ...reply } = await timed(() => ask({ query }, 'viewer'))
    expect([codes(reply), reply.status]).toEqual([['LIMIT_EXCEEDED'], 413])
    expect(reply.errors[0]!.message).toMatch(message)
    expect(ms).toBeLessThan(SOON_MS)
  })
})

describe('an answer with errors is small and quick', () => {
  test('for any number of wrong variables', async () => {
    const query = 'query ($s: [ReviewState!]) { creatives(app: "shop", filter: {reviewStates: $s}) { total } }'
    const wrong = { query, variables: { s: Array(80_000).fill('NOPE') } }
    const { ms, ...reply } = await timed(() => ask(wrong, 'viewer'))
    expect([codes(reply), firstPath(reply)]).toEqual([['BAD_USER_INPUT'], 's[0]'])
    expect(reply.errors[0]!.extensions.errors!.length).toBeLessThan(30)
    expect(reply.size).toBeLessThan(10_000)
    expect(ms).toBeLessThan(2 * SOON_MS)
  })

  test('for wrong values of any length', async () => {
    const long = 'x'.repeat(150_000)
    const bodies: object[] = [
      { query: 'query ($n: Int) { apps(first: $n) { total } }', variables: { n: long } },
      {
        query: 'query ($f: CreativeFilter) { creatives(app: "shop", filter: $f) { total } }',
        variables: { f: { [long]: 1 } },
      },
      { query: `{ apps(first: "${long}") { total } }` },
      { query: `{ creatives(app: "shop", filter: {changed: {from: "${long}"}}) { total } }` },
      { query: `{ explainDecision(app: "${long}", slot: "a", context: {}) { reason } }` },
      { query: `{ ${long.slice(0, 9_999)} }` },
      { query: `{ apps { total } } # ${long}`, operationName: long },
      { query: `query (${repeat(1_000, () => '$v: Int')}) { apps { total } }` },
      { query: `{ apps(${repeat(1_000, (n) => `nothing${n}: 1`)}) { total } }` },
    ]
    for (const body of bodies) {
      const reply = await ask(body, 'viewer')
      expect([JSON.stringify(body).slice(0, 60), reply.errors.length > 0, reply.size < 70_000]).toEqual([
        JSON.stringify(body).slice(0, 60),
        true,
        true,
      ])
      expect(codes(reply)).not.toContain('INTERNAL')
    }
  })

  test('for any number of failed fields with long names', async () => {
    const name = 'x'.repeat(200)
    const query = `{ creatives(app: "shop") { nodes { id } } ${name}: creatives(app: "another", first: 5000) { total } }`
    const reply = await ask({ query }, 'viewer')
    expect(reply.size).toBeLessThan(10_000)
    expect(codes(reply)).toEqual(['BAD_USER_INPUT'])
  })
})

describe('a number that cannot be kept exactly', () => {
  const INEXACT = ['9007199254740993', '0.1234567890123456789', '1e400', '-1e400', '1e-400']

  test('is refused with its path, as a literal, a default and a variable', async () => {
    for (const number of INEXACT) {
      const literal = await ask({ query: create(`{a: [1, {b: ${number}}]}`) }, 'operator')
      expect([codes(literal), firstPath(literal)]).toEqual([['BAD_USER_INPUT'], 'input.content.data.a[1].b'])
      expect(literal.errors[0]!.message).toContain('as text')
      const fallback = await ask({ query: create('$d', `($d: JSON = [${number}])`) }, 'operator')
      expect([codes(fallback), firstPath(fallback)]).toEqual([['BAD_USER_INPUT'], 'd[0]'])
      const input = `{"app": "shop", "content": {"name": "x", "title": "x", "data": {"a": [1, {"b": ${number}}]}}}`
      const query = 'mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { id } }'
      const variable = await ask(`{"query": ${JSON.stringify(query)}, "variables": {"input": ${input}}}`, 'operator')
      expect([codes(variable), firstPath(variable)]).toEqual([['BAD_USER_INPUT'], 'input.content.data.a[1].b'])
    }
  })

  test('is refused in the schema of a format, and in a GET', async () => {
    const query =
      'mutation { createSlot(input: {app: "shop", code: "exact", name: "x", format: {dataSchema: {const: 9007199254740993}}}) { id } }'
    const slot = await ask({ query }, 'operator')
    expect([codes(slot), firstPath(slot)]).toEqual([['BAD_USER_INPUT'], 'input.format.dataSchema.const'])
    const search = new URLSearchParams({
      query: 'query ($id: ID!) { creative(id: $id) { id } }',
      variables: '{"id": 9007199254740993}',
    })
    const headers = { authorization: `Bearer ${alkaid.tokens.viewer}`, 'apollo-require-preflight': 'yes' }
    const answer = await fetch(`${alkaid.platform.gatewayUrl}/graphql?${search}`, { headers })
    expect(await answer.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT', path: 'id' } }] })
  })

  test('is refused, but exact numbers come back as they were sent', async () => {
    const kept = { a: [0.1, 0.30000000000000004, 9007199254740992, 1e20, -2.5e-7, 0, 1.5], b: '9007199254740993' }
    const literal = '{a: [0.1, 0.30000000000000004, 9007199254740992, 1e20, -2.5e-7, 0, 1.50], b: "9007199254740993"}'
    const asLiteral = await ask({ query: create(literal) }, 'operator')
    const asVariable = await ask({ query: create('$d', '($d: JSON)'), variables: { d: kept } }, 'operator')
    for (const { data, errors } of [asLiteral, asVariable]) {
      expect(errors).toEqual([])
      expect(data?.createCreative).toMatchObject({ data: kept })
    }
  })
})

describe('a mistake of the caller is never INTERNAL', () => {
  const LITERALS = [
    ...[
      'null',
      'true',
      '-1',
      '1.5',
      '1e400',
      '-0',
      '2147483648',
      '99999999999999999999',
      '""',
      '"\\u0000"',
      '"\\uD800"',
    ],
    ...[
      '"2026-02-30T00:00:00Z"',
      '"2026-01-01T25:00:00Z"',
      '"+275760-09-13T00:00:00.001Z"',
      '"-000001-01-01T00:00:00Z"',
    ],
    ...[
      'NOTHING',
      'APPROVED',
      '[]',
      '[[1]]',
      '[null]',
      '{}',
      '{a: NOTHING}',
      '{__proto__: 1}',
      '{_bsontype: "ObjectId"}',
    ],
    ...['{a: $v}', '$v', '"""block"""', '{constructor: {prototype: 1}}'],
  ]
  const PLACES: [string, (literal: string) => string][] = [
    ['Int', (value) => `{ apps(first: ${value}) { total } }`],
    ['ID', (value) => `{ creative(id: ${value}) { id } }`],
    ['String', (value) => `{ creatives(app: "shop", after: ${value}) { total } }`],
    ['Boolean', (value) => `{ creatives(app: "shop", filter: {archived: ${value}}) { total } }`],
    ['an enum', (value) => `{ creatives(app: "shop", filter: {reviewStates: ${value}}) { total } }`],
    ['DateTime', (value) => `{ creatives(app: "shop", filter: {changed: {from: ${value}}}) { total } }`],
    ['an input', (value) => `{ explainDecision(app: "shop", slot: "home.banner", context: ${value}) { reason } }`],
    [
      'JSON',
      (value) =>
        `mutation { createCreative(input: {app: "shop", content: {name: "x", title: "x", data: ${value}}}) { id } }`,
    ],
    [
      'Float',
      (value) =>
        `mutation { createStrategy(input: {app: "shop", content: {name: "x", rollout: {percentage: ${value}}}}) { id } }`,
    ],
    ['a condition', (value) => `{ apps { total @skip(if: ${value}) nodes { id } } }`],
    [
      'a default',
      (value) => `query ($d: DateTime = ${value}) { creatives(app: "shop", filter: {changed: {from: $d}}) { total } }`,
    ],
    ['introspection', (value) => `{ __type(name: ${value}) { name } }`],
  ]
  test.each(PLACES)('any literal for %s', async (_, place) => {
    for (const literal of LITERALS) {
      const text = place(literal)
      const declared = literal.includes('$v')
        ? text.replace(/^(query|mutation)? ?\(?/, (start) => declare(start))
        : text
      const reply = await ask({ query: declared, variables: { v: 5 } }, 'operator')
      expect([declared, reply.status < 500, codes(reply).includes('INTERNAL')]).toEqual([declared, true, false])
    }
  })

  test('any variable for any of these places, with any name', async () => {
    const values = [
      ...LITERALS.filter((text) => isJson(text)),
      '9007199254740993',
      '{"__proto__": {"a": 1}}',
      '"2026-02-30T00:00:00Z"',
    ]
    const queries = [
      'query ($representations: ID!) { schedule(id: $representations) { review { id } delivery { publishedBy } } }',
      'query ($__proto__: ID) { creatives(app: $__proto__) { total } }',
      'query ($constructor: Int) { apps(first: $constructor) { total } }',
      'query ($a0: CreativeFilter) { creatives(app: "shop", filter: $a0, first: 2) { total } }',
      'query ($v: DateTime) { creatives(app: "shop", filter: {changed: {from: $v}}) { total } }',
      'query ($v: Boolean!) { apps { total @include(if: $v) nodes { id } } }',
      create('$v', '($v: JSON)'),
    ]
    for (const query of queries) {
      const name = /\$(\w+)/.exec(query)![1]!
      for (const value of values) {
        const body = `{"query": ${JSON.stringify(query)}, "variables": {${JSON.stringify(name)}: ${value}}}`
        const reply = await ask(body, 'operator')
        expect([body, reply.status < 500, codes(reply).includes('INTERNAL')]).toEqual([body, true, false])
      }
    }
    const query = 'query ($representations: ID!) { schedule(id: $representations) { review { state } slot { code } } }'
    const { data, errors } = await ask({ query, variables: { representations: booked.schedule } }, 'viewer')
    expect(errors).toEqual([])
    expect(data?.schedule).toMatchObject({ review: { state: 'APPROVED' }, slot: { code: 'home.banner' } })
  })

  /** Puts the declaration of `$v` where an operation's variables are declared. */
  function declare(start: string): string {
    if (start === '') return 'query ($v: Int) '
    return start.endsWith('(') ? `${start}$v: Int, ` : `${start}($v: Int) `
  }

  function isJson(text: string): boolean {
    try {
      JSON.parse(text)
      return true
    } catch {
      return false
    }
  }
})

describe('over the lanes of apps', () => {
  const HASHES = {
    Decisions: 'bb1e1822ceb8e5831c19ab5978a9b6b632901f1544afd9509612f13f033ebdcf',
    RecordEvents: '464b755d7180249a782715d1f9ebdb85beefa2959cdbc53dc8202612e673f364',
  }
  const extensions = (name: keyof typeof HASHES) =>
    `{"persistedQuery": {"version": 1, "sha256Hash": "${HASHES[name]}"}}`
  const call = (url: string, name: keyof typeof HASHES, variables: string) =>
    send(`${url}/graphql`, `{"extensions": ${extensions(name)}, "variables": ${variables}}`, {
      'x-app-key': booked.appKey,
    })

  test('deep, inexact and wrong variables are refused with their path and a small answer', async () => {
    const events = (event: string, count = 1) =>
      `{"input": {"app": "shop", "events": [${Array(count).fill(event).join()}]}}`
    const { gatewayUrl, distributionUrl } = alkaid.platform
    const cases: ['Decisions' | 'RecordEvents', string, string][] = [
      ['Decisions', `{"app": "shop", "slots": ${lists(10_000)}}`, 'slots'],
      [
        'Decisions',
        `{"app": "shop", "slots": ["home.banner"], "context": {"userId": "a", "tags": [1, 9007199254740993]}}`,
        'context.tags[1]',
      ],
      ['Decisions', `{"app": "shop", "slots": [${Array(80_000).fill('5').join()}]}`, 'slots[0]'],
      ['Decisions', `{"app": "shop", "slots": ["${'x'.repeat(500_000)}"], "context": 5}`, 'context'],
      ['Decisions', '{"slots": []}', 'app'],
      ['RecordEvents', events('5', 80_000), 'input.events[0]'],
      ['RecordEvents', events(lists(10_000)), 'input.events'],
      ['RecordEvents', events('{"id": 1e400, "type": "IMPRESSION", "token": "x"}'), 'input.events[0].id'],
    ]
    for (const [name, variables, path] of cases) {
      for (const url of name === 'Decisions' ? [distributionUrl, gatewayUrl] : [gatewayUrl]) {
        const reply = await call(url, name, variables)
        expect([variables.slice(0, 40), codes(reply), firstPath(reply)]).toEqual([
          variables.slice(0, 40),
          ['BAD_USER_INPUT'],
          path,
        ])
        expect(reply.size).toBeLessThan(20_000)
      }
    }
  })

  test('correct requests are answered as usual, by GET and POST', async () => {
    const variables = '{"app": "shop", "slots": ["home.banner"], "context": {"userId": "42"}}'
    const { data } = await call(alkaid.platform.distributionUrl, 'Decisions', variables)
    expect(data).toMatchObject({ decisions: [{ reason: 'MATCHED' }] })
    const search = new URLSearchParams({ variables, extensions: extensions('Decisions') })
    const answer = await fetch(`${alkaid.platform.distributionUrl}/graphql?${search}`, {
      headers: { 'x-app-key': booked.appKey },
    })
    expect(await answer.json()).toMatchObject({ data: { decisions: [{ reason: 'MATCHED' }] } })
  })
})

test('a query just within the limits also passes the subgraphs, which get a larger one', async () => {
  const name = 'n'.repeat(200)
  for (const query of [
    `query ${name} { ${name}: creatives(app: "shop") { nodes { id } } }`,
    `{ ${'... { '.repeat(150)} creatives(app: "shop") { total } ${'} '.repeat(150)} }`,
  ]) {
    expect((await ask({ query }, 'operator')).errors).toEqual([])
  }
})

test('a value that is refused for its depth is named as the caller named it', async () => {
  const variable = (depth: number) => ({
    query: create('$d', '($d: JSON)'),
    variables: { d: JSON.parse(lists(depth)) },
  })
  for (const body of [
    { query: create(lists(59)) },
    { query: create(lists(60)) },
    variable(59),
    variable(62),
    variable(63),
  ]) {
    const reply = await ask(body, 'operator')
    expect([codes(reply), firstPath(reply)]).toEqual([
      ['BAD_USER_INPUT'],
      expect.stringMatching(/^(input\.content\.data|d)$/),
    ])
  }
})

test('different spellings of one query get the same answer', async () => {
  const { viewer } = alkaid.clients
  const expected = await viewer(SCHEDULE, { id: booked.schedule })
  const id = JSON.stringify(booked.schedule)
  const rest = '{ ...F } } fragment F on Schedule { id version deliveryState review { id version } }'
  for (const query of [
    `{ schedule(id: ${id}) ${rest}`,
    `query ($id: ID! = ${id}) { schedule(id: $id) ${rest}`,
    `query ($yes: Boolean = true) { schedule(id: ${id}) @include(if: $yes) ${rest}`,
    `query ($no: Boolean!) { apps @skip(if: $no) { total } schedule(id: ${id}) ${rest}`,
    `query A { schedule(id: ${id}) ${rest}`,
  ]) {
    expect(await viewer(query, { no: true })).toEqual(expected)
  }
})
