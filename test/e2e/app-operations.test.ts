// An app brings its own operations, over HTTP: registered by an admin, sent by Apollo Client as hashes, counted, and removed again.

import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { createPersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { print } from 'graphql'
import { sha256 } from '../../common/base/content-hash.ts'
import { EVENTS_BODY, entryOf } from '../support/manifests.ts'
import { bookOne, eventually, startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { describeWithRedis, startRedis } from '../support/redis.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers are read as they come
type Any = any

/** As an app writes it, and as @apollo/generate-persisted-query-manifest 1.4.0 writes it into the manifest. */
const HOME = gql`
  query Home($app: ID!, $slots: [String!]!) {
    decisions(app: $app, slots: $slots) {
      code: slot
      creatives {
        title
        eventToken
      }
    }
  }
`
const HOME_BODY =
  'query Home($app: ID!, $slots: [String!]!) {\n  decisions(app: $app, slots: $slots) {\n    code: slot\n    creatives {\n      title\n      eventToken\n      __typename\n    }\n    __typename\n  }\n}'
const VARIABLES = { app: 'shop', slots: ['home.banner'] }

const REGISTER = 'mutation ($input: RegisterOperationsInput!) { registerOperations(input: $input) { version } }'
const LIST = '{ operations(app: "shop") { version operations { name builtIn uses lastUsedAt } } }'
const DECISIONS = `query ($app: ID!, $slots: [String!]!) { decisions(app: $app, slots: $slots) {
  code: slot creatives { title eventToken __typename } __typename } }`

describe('on the embedded default', () => suite(async () => ({ env: {}, end: async () => {} })))

describeWithRedis('with REDIS_URL set', () =>
  suite(async () => {
    const redis = await startRedis()
    return { env: { REDIS_URL: redis.url }, end: () => redis.stop() }
  }),
)

function suite(services: () => Promise<{ env: Record<string, string>; end(): Promise<void> }>): void {
  let given: Awaited<ReturnType<typeof services>>
  let alkaid: TestPlatform
  let appKey: string
  beforeAll(async () => {
    given = await services()
    alkaid = await startTestPlatform(given.env)
    appKey = (await bookOne(alkaid, 'shop')).appKey
    const decided = () => alkaid.clients.viewer(DECISIONS, VARIABLES)
    await eventually(decided, ({ decisions }) => decisions[0].creatives.length > 0)
  }, 30_000)
  afterAll(async () => {
    await alkaid?.stop()
    await given?.end()
  }, 30_000)

  const entrances = () => [`${alkaid.platform.distributionUrl}/graphql`, `${alkaid.platform.gatewayUrl}/graphql`]

  /** What Apollo Client gets, which never sends the text of an operation here. */
  async function ask(uri: string): Promise<Any> {
    const link = createPersistedQueryLink({ sha256 })
    const http = new HttpLink({ uri, headers: { 'x-app-key': appKey } })
    const client = new ApolloClient({ cache: new InMemoryCache(), link: link.concat(http) })
    try {
      return (await client.query<Any>({ query: HOME, variables: VARIABLES, errorPolicy: 'all' })) as Any
    } finally {
      client.stop()
    }
  }
  const codeOf = (answer: Any) => answer.error?.errors?.[0]?.extensions?.code

  async function send(body: string, variables: object): Promise<Any> {
    const response = await fetch(entrances()[1]!, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-app-key': appKey },
      body: JSON.stringify({ variables, extensions: { persistedQuery: { version: 1, sha256Hash: sha256(body) } } }),
    })
    return response.json()
  }

  const manifest = (...bodies: string[]) => ({
    ...{ format: 'apollo-persisted-query-manifest', version: 1 },
    operations: bodies.map(entryOf),
  })

  test('an operation that nobody registered is refused, by the node and by the gateway', async () => {
    for (const uri of entrances()) expect(codeOf(await ask(uri))).toBe('PERSISTED_QUERY_NOT_IN_LIST')
  })

  test('a registered operation is served to Apollo Client by its hash, through the node and through the gateway', async () => {
    const input = { app: 'shop', expectedVersion: 1, manifest: manifest(HOME_BODY, EVENTS_BODY) }
    expect(await alkaid.clients.admin(REGISTER, { input })).toEqual({ registerOperations: { version: 2 } })
    const { decisions } = await alkaid.clients.viewer(DECISIONS, VARIABLES)
    expect(decisions[0].creatives[0].title).toBe('Sale')
    for (const uri of entrances()) {
      const { data } = await eventually(
        () => ask(uri),
        ({ error }) => error === undefined,
      )
      expect(JSON.parse(JSON.stringify(data))).toEqual({ decisions })
    }
  })

  test('a registered recordEvents is served by stats, and events are accepted', async () => {
    const { decisions } = await alkaid.clients.viewer(DECISIONS, VARIABLES)
    const events = [{ id: 'own-1', type: 'IMPRESSION', token: decisions[0].creatives[0].eventToken }]
    const accepted = await eventually(
      () => send(EVENTS_BODY, { input: { app: 'shop', events } }),
      ({ data }) => data !== undefined,
    )
    expect(accepted).toEqual({ data: { recordEvents: { accepted: 1 } } })
  })

  test('uses are counted, after a restart too, and an operation in use is removed only with a confirmation', async () => {
    await alkaid.restart()
    // The node that has just started serves it at once.
    for (const uri of entrances()) expect((await ask(uri)).data.decisions[0].code).toBe('home.banner')
    await alkaid.restart() // ending, the node and stats hand over what they counted
    const removal = { app: 'shop', expectedVersion: 2, manifest: manifest() }
    await expect(alkaid.clients.admin(REGISTER, { input: removal })).rejects.toThrow(
      /INVALID_STATE: Apps still use operations that the manifest lacks: Home \([0-9a-f]{8}…, used 4 times.*Seen \([0-9a-f]{8}…, used 1 times/,
    )
    const { operations } = await alkaid.clients.viewer(LIST)
    expect(operations.operations).toMatchObject([
      { name: 'Home', builtIn: false, uses: 4, lastUsedAt: expect.any(String) },
      { name: 'Seen', builtIn: false, uses: 1 },
      { name: 'Decisions', builtIn: true, uses: 0, lastUsedAt: null },
      { name: 'RecordEvents', builtIn: true, uses: 0 },
    ])
    const removeUsed = [HOME_BODY, EVENTS_BODY].map(sha256)
    await alkaid.clients.admin(REGISTER, { input: { ...removal, removeUsed } })
    for (const uri of entrances()) {
      await eventually(
        () => ask(uri),
        (answer) => codeOf(answer) === 'PERSISTED_QUERY_NOT_IN_LIST',
      )
    }
  })

  test('a list of nearly the largest size passes the gateway, and every operation in it is served', async () => {
    const bodies = ['A', 'B', 'C', 'D'].map((name) => `${HOME_BODY.replace('Home', name)}${' \n'.repeat(62_300)}`)
    const input = { app: 'shop', expectedVersion: 3, manifest: manifest(...bodies) }
    expect(await alkaid.clients.admin(REGISTER, { input })).toEqual({ registerOperations: { version: 4 } })
    for (const body of bodies) {
      await eventually(
        () => send(body, VARIABLES),
        ({ data }) => data?.decisions[0].code === 'home.banner',
      )
    }
  })

  test('what the test calls the body is what Apollo Client hashes', () => {
    const withTypenames = new InMemoryCache().transformDocument(HOME)
    expect(print(withTypenames)).toBe(HOME_BODY)
  })
}
