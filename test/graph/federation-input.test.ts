// What a subgraph accepts at `/federation`, and from a gateway in its own process. It checks input as the gateway does, since a router
// in the gateway's place sends literals on unchecked.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createLogger } from '../../common/base/log.ts'
import { federationHandler } from '../../common/graphql/federation.ts'
import { type HttpServer, listen } from '../../common/http/server.ts'
import { creative } from '../../subgraphs/creative/app.ts'
import { makeApp, startPlanning } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'
import { startTestSubgraph, type TestSubgraph, testServices, tokenFor } from '../support/subgraphs.ts'

const SECRET = 'a service secret, which is long enough'
const OLD_SECRET = 'the service secret before this one, also long'
const lists = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const create = (data: string, variables = '') =>
  `mutation ${variables} { createCreative(input: {app: "shop", content: {name: "x", title: "x", data: ${data}}}) { id data } }`

describeEachStore('What a subgraph is asked', (open) => {
  let subgraph: TestSubgraph
  let http: HttpServer
  let headers: Record<string, string>
  beforeAll(async () => {
    const store = await open()
    await makeApp(await startPlanning(store), { code: 'shop' })
    subgraph = await startTestSubgraph(creative, testServices(store, Date.now))
    const log = createLogger('silent')
    http = await listen({ host: '127.0.0.1', port: 0, log }, federationHandler(subgraph.subgraph, [SECRET, OLD_SECRET]))
    const authorization = `Bearer ${await tokenFor('operator')}`
    headers = { 'content-type': 'application/json', 'x-alkaid-service': SECRET, authorization }
  })
  afterAll(() => http?.stop())

  async function post(body: string, more: Record<string, string> = {}) {
    const answer = await fetch(http.url, { method: 'POST', headers: { ...headers, ...more }, body })
    const text = await answer.text()
    const { errors = [], data } = JSON.parse(text)
    const [first] = errors
    return { size: text.length, data, code: first?.extensions.code, path: first?.extensions.path, errors }
  }
  const request = (query: string, variables: string) => `{"query": ${JSON.stringify(query)}, "variables": ${variables}}`

  describe('over HTTP', () => {
    test.each([
      ['a deep literal', request(create(lists(2_000)), '{}'), 'input.content.data'],
      ['a deep default', request(create('$d', `($d: JSON = ${lists(2_000)})`), '{}'), 'd'],
      ['a deep variable', request(create('$d', '($d: JSON)'), `{"d": ${lists(10_000)}}`), 'd'],
      ['a number that would change', request(create('{a: [9007199254740993]}'), '{}'), 'input.content.data.a[0]'],
      ['such a variable', request(create('$d', '($d: JSON)'), '{"d": {"a": 0.1234567890123456789}}'), 'd.a'],
      ['a number that is none', request(create('1e400'), '{}'), 'input.content.data'],
      ['a bare name', request(create('{colour: RED}'), '{}'), 'input.content.data.colour'],
    ])('%s is BAD_USER_INPUT, with its path', async (_, body, path) => {
      expect(await post(body)).toMatchObject({ code: 'BAD_USER_INPUT', path })
    })

    test('the answer to wrong variables is small, for any number and length of them', async () => {
      const query = 'query ($s: [ReviewState!]) { creatives(app: "shop", filter: {reviewStates: $s}) { total } }'
      const values = [...Array(80_000).fill('"NOPE"'), `"${'x'.repeat(500_000)}"`]
      for (const s of [values, values.toReversed()]) {
        const reply = await post(request(query, `{"s": [${s.join()}]}`))
        expect(reply).toMatchObject({ code: 'BAD_USER_INPUT' })
        expect(reply.size).toBeLessThan(20_000)
      }
    })

    test('the credential before this one is accepted while it is being changed, and no other', async () => {
      const query = request('{ __typename }', '{}')
      expect(await post(query, { 'x-alkaid-service': OLD_SECRET })).toMatchObject({ data: { __typename: 'Query' } })
      expect(await post(query, { 'x-alkaid-service': OLD_SECRET.slice(1) })).toMatchObject({ code: 'UNAUTHENTICATED' })
    })

    test('a body that is not a GraphQL request is refused', async () => {
      for (const body of ['', '{', '[]', '{"query": 5}', '{"query": "{ __typename }", "variables": []}']) {
        expect(await post(body)).toMatchObject({ code: 'BAD_USER_INPUT', path: 'body' })
      }
    })

    test('a wrong entity reference is refused, and reaches no resolver', async () => {
      const query = `query ($r: [_Any!]!) { _entities(representations: $r) {
        ... on Creative { name } ... on CreativeRevision { hash } } }`
      const wrong = [
        ...[
          '5',
          '"x"',
          '[]',
          '{}',
          '{"__typename": "Nothing"}',
          '{"__typename": "__proto__"}',
          '{"__typename": "Query"}',
        ],
        ...['{"__typename": "Creative"}', '{"__typename": "Creative", "id": null}'],
        ...['{"__typename": "Creative", "id": {"$ne": 1}}', '{"__typename": "CreativeRevision", "id": "cre_1"}'],
      ]
      for (const representation of wrong) {
        const reply = await post(
          request(query, `{"r": [{"__typename": "Creative", "id": "cre_1"}, ${representation}]}`),
        )
        expect([representation, reply]).toMatchObject([
          representation,
          { code: 'BAD_USER_INPUT', path: 'representations[1]' },
        ])
      }
      const right =
        '{"__typename": "Creative", "id": "cre_1"}, {"__typename": "CreativeRevision", "id": "cre_1", "revision": 1}'
      expect(await post(request(query, `{"r": [${right}]}`))).toMatchObject({
        errors: [],
        data: { _entities: [null, null] },
      })
    })

    test('a large variable that is used many times in a literal is LIMIT_EXCEEDED', async () => {
      const many = Array.from({ length: 300 }, (_, index) => `k${index}: $d`).join()
      const body = request(create(`{${many}}`, '($d: JSON)'), `{"d": "${'x'.repeat(50_000)}"}`)
      expect(await post(body)).toMatchObject({ code: 'LIMIT_EXCEEDED' })
    })

    test('a literal of 32 levels arrives unchanged', async () => {
      const { data } = await post(request(create(lists(32)), '{}'))
      expect(JSON.stringify(data.createCreative.data)).toBe(lists(32))
    })
  })

  test('in one process the same checks apply to texts, and to values that were never text', async () => {
    const codes = async (query: string, variables?: Record<string, unknown>) =>
      (await subgraph.ask('operator', query, variables)).errors?.map(({ extensions }) => [
        extensions?.code,
        extensions?.path,
      ])
    expect(await codes(create(lists(2_000)))).toEqual([['BAD_USER_INPUT', 'input.content.data']])
    expect(await codes(create('1e400'))).toEqual([['BAD_USER_INPUT', 'input.content.data']])
    const deep = { d: JSON.parse(lists(10_000)) as unknown }
    expect(await codes(create('$d', '($d: JSON)'), deep)).toEqual([['BAD_USER_INPUT', 'd']])
    const same = `{ ${'creatives(app: "shop") { nodes { id id id } } '.repeat(1_000)} }`
    expect(await codes(same)).toEqual([['LIMIT_EXCEEDED', undefined]])
  })
})
