// The thread, over HTTP: booked, approved, published, served, counted. And every way in which an app may not ask.

import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { createPersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { sha256 } from '../../common/base/content-hash.ts'
import { createClient } from '../../scripts/shared/client.ts'
import { bookOne, eventually, SCHEDULE, startTestPlatform, type TestPlatform } from '../support/platform.ts'
import { describeWithRedis, startRedis } from '../support/redis.ts'

const manifest = JSON.parse(readFileSync(new URL('../../schema/persisted-queries.json', import.meta.url), 'utf8')) as {
  operations: { id: string; name: string; body: string }[]
}
const operation = (name: string) => manifest.operations.find((entry) => entry.name === name)!
const DECISIONS = operation('Decisions')
const RECORD_EVENTS = operation('RecordEvents')

type Booked = Awaited<ReturnType<typeof bookOne>>

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
  let booked: Booked
  beforeAll(async () => {
    given = await services()
    alkaid = await startTestPlatform(given.env)
    booked = await bookOne(alkaid, 'shop')
  }, 30_000)
  afterAll(async () => {
    await alkaid?.stop()
    await given?.end()
  }, 30_000)

  const gateway = () => `${alkaid.platform.gatewayUrl}/graphql`
  const distribution = () => `${alkaid.platform.distributionUrl}/graphql`
  const hashOf = (id: string) => ({ persistedQuery: { version: 1, sha256Hash: id } })
  const slotQuery = () => ({ app: 'shop', slots: ['home.banner'], context: { userId: 'ann' } })

  async function post(url: string, body: unknown, headers: Record<string, string> = { 'x-app-key': booked.appKey }) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    // biome-ignore lint/suspicious/noExplicitAny: answers are read as they come
    return { status: response.status, headers: response.headers, body: (await response.json()) as any }
  }
  const codeOf = ({ body }: Awaited<ReturnType<typeof post>>) => body.errors?.[0]?.extensions?.code
  const decide = () => post(distribution(), { variables: slotQuery(), extensions: hashOf(DECISIONS.id) })
  const served = () => eventually(decide, ({ body }) => body.data?.decisions[0].reason === 'MATCHED')

  test('an app is served what was published, from the distribution node', async () => {
    const { status, body, headers } = await served()
    expect(status).toBe(200)
    expect(body.data.decisions[0]).toMatchObject({
      slot: 'home.banner',
      reason: 'MATCHED',
      creatives: [
        { creative: booked.creative, revision: 1, schedule: booked.schedule, title: 'Sale', data: { colour: 'red' } },
      ],
    })
    expect(headers.get('cache-control')).toBe('private, max-age=30')
  })

  test('GET and POST answer the same', async () => {
    const { body } = await served()
    const search = new URLSearchParams({
      variables: JSON.stringify(slotQuery()),
      extensions: JSON.stringify(hashOf(DECISIONS.id)),
    })
    const response = await fetch(`${distribution()}?${search}`, {
      headers: { 'x-app-key': booked.appKey, 'content-type': 'application/json' },
    })
    expect(await response.json()).toEqual(body)
  })

  test('the gateway relays a slot query as the node answers it', async () => {
    const { body } = await served()
    expect((await post(gateway(), { variables: slotQuery(), extensions: hashOf(DECISIONS.id) })).body).toEqual(body)
  })

  test.each(['gateway', 'distribution'])('the %s refuses what apps may not send, each with its code', async (where) => {
    const url = where === 'gateway' ? gateway() : distribution()
    const variables = slotQuery()
    const text = '{ decisions(app: "shop", slots: ["home.banner"]) { slot } }'
    expect(codeOf(await post(url, { query: text }))).toBe('PERSISTED_QUERY_ID_REQUIRED')
    expect(codeOf(await post(url, { variables, extensions: hashOf(sha256('nothing')) }))).toBe(
      'PERSISTED_QUERY_NOT_IN_LIST',
    )
    expect(codeOf(await post(url, { query: text, extensions: hashOf(sha256(text)) }))).toBe(
      'PERSISTED_QUERY_NOT_IN_LIST',
    )
    expect(codeOf(await post(url, { query: text, extensions: hashOf(DECISIONS.id) }))).toBe('BAD_USER_INPUT')
    expect(codeOf(await post(url, { variables, extensions: hashOf(DECISIONS.id) }, { 'x-app-key': 'ak_wrong' }))).toBe(
      'UNAUTHENTICATED',
    )
    expect(
      codeOf(await post(url, { variables: { ...variables, app: 'other' }, extensions: hashOf(DECISIONS.id) })),
    ).toBe('FORBIDDEN')
    expect(codeOf(await post(url, { variables: { slots: 'x' }, extensions: hashOf(DECISIONS.id) }))).toBe(
      'BAD_USER_INPUT',
    )
    expect(codeOf(await post(url, [{ variables, extensions: hashOf(DECISIONS.id) }]))).toBe('BAD_USER_INPUT')
  })

  test('an allowed text with its own hash is served', async () => {
    const { body } = await served()
    const asked = { query: DECISIONS.body, variables: slotQuery(), extensions: hashOf(DECISIONS.id) }
    expect((await post(distribution(), asked)).body).toEqual(body)
  })

  test('an unknown slot is answered from memory, and a context that is too large is refused', async () => {
    const variables = { app: 'shop', slots: ['no.such'] }
    const { body } = await post(distribution(), { variables, extensions: hashOf(DECISIONS.id) })
    expect(body.data.decisions).toMatchObject([{ slot: 'no.such', reason: 'UNKNOWN_SLOT', creatives: [] }])
    const huge = { ...variables, context: { tags: Array.from({ length: 201 }, String) } }
    const refused = await post(distribution(), { variables: huge, extensions: hashOf(DECISIONS.id) })
    expect(refused.body.errors[0].extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'context.tags' })
  })

  test('a browser of an allowed origin may call, another may not', async () => {
    const ask = (origin: string) =>
      fetch(distribution(), { method: 'OPTIONS', headers: { origin, 'access-control-request-headers': 'x-app-key' } })
    expect((await ask('https://shop.example')).headers.get('access-control-allow-origin')).toBe('https://shop.example')
    expect((await ask('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull()
  })

  test.each(['gateway', 'distribution'])(
    'a page may read why the %s refuses it, unless its origin is unknown',
    async (where) => {
      const url = where === 'gateway' ? gateway() : distribution()
      const refused = async (origin: string, headers: Record<string, string>, body: object) => {
        const reply = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json', origin, ...headers },
          body: JSON.stringify(body),
        })
        return [reply.status, reply.headers.get('access-control-allow-origin'), reply.headers.get('vary')]
      }
      const asked = { variables: slotQuery(), extensions: hashOf(DECISIONS.id) }
      const [shop, evil] = ['https://shop.example', 'https://evil.example']
      const byOrigin = expect.stringContaining('origin')
      expect(await refused(shop, { 'x-app-key': 'ak_wrong' }, asked)).toEqual([401, shop, byOrigin])
      expect(await refused(shop, { 'x-app-key': booked.appKey }, { query: '{ a }' })).toEqual([400, shop, byOrigin])
      expect(await refused(evil, { 'x-app-key': 'ak_wrong' }, asked)).toEqual([401, null, byOrigin])
      expect(await refused(evil, { 'x-app-key': booked.appKey }, asked)).toEqual([200, null, byOrigin])
    },
  )

  test.each([true, false])(
    'Apollo Client with persisted queries is served (GET for queries: %s)',
    async (useGETForHashedQueries) => {
      await served()
      const link = createPersistedQueryLink({ sha256, useGETForHashedQueries })
      const http = new HttpLink({ uri: distribution(), headers: { 'x-app-key': booked.appKey } })
      const client = new ApolloClient({ cache: new InMemoryCache(), link: link.concat(http) })
      const query = gql(readFileSync(new URL('../../schema/operations/decisions.graphql', import.meta.url), 'utf8'))
      const { data } = await client.query<{ decisions: { creatives: { title: string }[] }[] }>({
        query,
        variables: slotQuery(),
      })
      expect(data?.decisions[0]?.creatives[0]?.title).toBe('Sale')
      client.stop()
    },
  )

  test('Apollo Client keeps the same creative in two slots apart, each with its own event token', async () => {
    await served()
    const { operator, publisher, reviewer } = alkaid.clients
    const { createSlot } = await operator('mutation ($input: CreateSlotInput!) { createSlot(input: $input) { id } }', {
      input: { app: 'shop', code: 'feed.card', name: 'Feed' },
    })
    const content = { name: 'Sale in the feed', creatives: [{ creative: booked.creative }] }
    const { createSchedule } = await operator(
      'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { id } }',
      {
        input: { app: 'shop', slot: createSlot.id, content },
      },
    )
    const subject = { type: 'SCHEDULE', id: createSchedule.id }
    const { submitForReview } = await operator(
      'mutation ($input: SubmitForReviewInput!) { submitForReview(input: $input) { id } }',
      {
        input: { subject, expectedVersion: 1 },
      },
    )
    await reviewer('mutation ($input: DecideInput!) { approve(input: $input) { id } }', {
      input: { submission: submitForReview.id, expectedVersion: 1 },
    })
    await publisher('mutation ($input: PublishInput!) { publish(input: $input) { id } }', {
      input: { schedule: createSchedule.id, expectedVersion: 2 },
    })
    const variables = { ...slotQuery(), slots: ['home.banner', 'feed.card'] }
    const ask = () => post(distribution(), { variables, extensions: hashOf(DECISIONS.id) })
    const { body } = await eventually(ask, (answer) => answer.body.data.decisions[1].reason === 'MATCHED')
    const tokens = body.data.decisions.map(
      (decision: { creatives: { eventToken: string }[] }) => decision.creatives[0]!.eventToken,
    )
    expect(new Set(tokens).size).toBe(2)
    const link = createPersistedQueryLink({ sha256 })
    const http = new HttpLink({ uri: distribution(), headers: { 'x-app-key': booked.appKey } })
    const client = new ApolloClient({ cache: new InMemoryCache(), link: link.concat(http) })
    const query = gql(readFileSync(new URL('../../schema/operations/decisions.graphql', import.meta.url), 'utf8'))
    const { data } = await client.query<{ decisions: { creatives: { eventToken: string }[] }[] }>({ query, variables })
    expect(data?.decisions.map(({ creatives }) => creatives[0]?.eventToken)).toEqual(tokens)
    client.stop()
  })

  test("an app's impression and click, sent with the event token, are seen in the report once each", async () => {
    const token = (await served()).body.data.decisions[0].creatives[0].eventToken
    const events = ['IMPRESSION', 'CLICK'].map((type) => ({ id: `app-${type}`, type, token }))
    const forged = { id: 'app-forged', type: 'CLICK', token: `${token.slice(0, -4)}AAAA` }
    const send = (sent: unknown[]) =>
      post(gateway(), { variables: { input: { app: 'shop', events: sent } }, extensions: hashOf(RECORD_EVENTS.id) })
    expect((await send([...events, forged])).body.data.recordEvents).toMatchObject({
      accepted: 2,
      forged: 1,
      future: 0,
    })
    expect((await send(events)).body.data.recordEvents).toMatchObject({ accepted: 2 })
    const day = 86_400_000
    const period = { from: new Date(Date.now() - day).toISOString(), to: new Date(Date.now() + day).toISOString() }
    const ask = async () =>
      (await alkaid.clients.viewer(REPORT, { app: 'shop', ids: [booked.schedule], ...period })).report
    const { rows } = await eventually(ask, ({ total }) => total.clicks > 0)
    expect(rows).toEqual([{ id: booked.schedule, impressions: 1, clicks: 1, ctr: 1 }])
  })

  test('one query gives a schedule with what six subgraphs know of it', async () => {
    const { schedule } = await alkaid.clients.viewer(EVERYTHING, { id: booked.schedule })
    expect(schedule).toMatchObject({
      name: 'Sale',
      app: { name: 'shop' },
      slot: { code: 'home.banner', publication: { revision: 1 } },
      creatives: [{ weight: 1, creative: { title: 'Sale', reviewState: 'APPROVED' } }],
      reviewState: 'APPROVED',
      deliveryState: 'LIVE',
      review: { state: 'APPROVED', decidedBy: 'reviewer', subject: { __typename: 'ScheduleRevision', revision: 1 } },
      delivery: { schedule: { revision: 1 }, publishedBy: 'publisher' },
    })
    expect(schedule.history.map(({ mutation }: { mutation: string }) => mutation)).toEqual(
      expect.arrayContaining(['createSchedule', 'submitForReview', 'approve', 'publish']),
    )
  })

  test('a revoked approval takes the content off the node, and only publish brings it back', async () => {
    const own = await bookOne(alkaid, 'revoked')
    const ask = async () =>
      (
        await post(
          distribution(),
          { variables: { app: 'revoked', slots: ['home.banner'] }, extensions: hashOf(DECISIONS.id) },
          { 'x-app-key': own.appKey },
        )
      ).body
    await eventually(ask, (body) => body.data?.decisions[0].reason === 'MATCHED')
    const { schedule } = await alkaid.clients.viewer(SCHEDULE, { id: own.schedule })
    const input = {
      review: schedule.review.id,
      expectedVersion: schedule.review.version,
      reason: 'A mistake in the price',
    }
    await alkaid.clients.reviewer(
      'mutation Revoke($input: RevokeApprovalInput!) { revokeApproval(input: $input) { review { state } } }',
      { input },
    )
    await eventually(ask, (body) => body.data?.decisions[0].reason === 'EMPTY')
    expect((await alkaid.clients.viewer(SCHEDULE, { id: own.schedule })).schedule.deliveryState).toBe('WITHDRAWN')
  })

  test('Sandbox is at /graphql in development, with a token filled in', async () => {
    const response = await fetch(gateway(), { headers: { accept: 'text/html' } })
    const page = await response.text()
    expect(response.status).toBe(200)
    expect(page).toMatch(/sandbox/i)
    const token = /Bearer (?:%20|\s)*([\w-]+\.[\w-]+\.[\w-]+)/.exec(page)?.[1]
    expect(token).toBeDefined()
    const filledIn = createClient(gateway(), token!)
    expect((await filledIn('{ app(id: "shop") { name } }')).app.name).toBe('shop')
  })

  test('Sandbox and its token are shown under a name of this machine only', async () => {
    const { port } = new URL(alkaid.platform.gatewayUrl)
    const ask = (host: string) =>
      new Promise<{ status: number | undefined; page: string }>((resolve, reject) => {
        const headers = { host, accept: 'text/html' }
        get({ host: '127.0.0.1', port, path: '/graphql', headers }, async (response) => {
          resolve({ status: response.statusCode, page: await text(response) })
        }).on('error', reject)
      })
    expect((await ask(`localhost:${port}`)).status).toBe(200)
    const foreign = await ask(`evil.example:${port}`)
    expect(foreign.status).toBe(403)
    expect(foreign.page).not.toContain('Bearer ')
  })

  test('without a token the graph answers UNAUTHENTICATED, with a broken one as well', async () => {
    const query = '{ app(id: "shop") { name } }'
    expect(codeOf(await post(gateway(), { query }, {}))).toBe('UNAUTHENTICATED')
    expect(codeOf(await post(gateway(), { query }, { authorization: 'Bearer x.y.z' }))).toBe('UNAUTHENTICATED')
  })

  test('a request that is wrong in itself is BAD_USER_INPUT, and is told why', async () => {
    const admin = { authorization: `Bearer ${alkaid.tokens.admin}` }
    const wrong = [
      { query: '{ nothing' },
      { query: '{ nothing }' },
      { query: 'query A { __typename }', operationName: 'B' },
      { query: 'query A { __typename } query B { __typename }' },
      { query: 'subscription { x }' },
      { query: '{ __type(name: "App") { isOneOf } }' },
      { query: 'query ($id: ID!) { app(id: $id) { name } }' },
      [{ query: '{ __typename }' }],
    ]
    for (const body of wrong) {
      const answer = await post(gateway(), body, admin)
      expect({ body, code: codeOf(answer) }).toEqual({ body, code: 'BAD_USER_INPUT' })
    }
    const withHash = { query: '{ app(id: "shop") { name } }', extensions: hashOf(DECISIONS.id) }
    expect(codeOf(await post(gateway(), withHash, admin))).toBe('PERSISTED_QUERY_NOT_IN_LIST')
  })

  test('a slot is asked for once in a query', async () => {
    const variables = { ...slotQuery(), slots: ['home.banner', 'home.banner'] }
    expect(codeOf(await post(distribution(), { variables, extensions: hashOf(DECISIONS.id) }))).toBe('BAD_USER_INPUT')
  })

  test('an operation that is taken elsewhere says where', async () => {
    const { body } = await post(distribution(), { variables: {}, extensions: hashOf(RECORD_EVENTS.id) })
    expect(body.errors[0]).toMatchObject({
      message: expect.stringContaining('send it to the gateway'),
      extensions: { code: 'PERSISTED_QUERY_NOT_IN_LIST' },
    })
  })

  test('liveness and readiness are told on both ports', async () => {
    for (const url of [alkaid.platform.gatewayUrl, alkaid.platform.distributionUrl]) {
      expect((await fetch(`${url}/livez`)).status).toBe(200)
      expect((await fetch(`${url}/readyz`)).status).toBe(200)
      expect((await fetch(`${url}/nothing`)).status).toBe(404)
    }
  })

  test('a restart keeps the data and serves it again', async () => {
    await served()
    await alkaid.restart()
    const { body } = await decide()
    expect(body.data.decisions[0].creatives[0].creative).toBe(booked.creative)
  })
}

const REPORT = `query Report($app: ID!, $ids: [ID!], $from: DateTime!, $to: DateTime!) {
  report(app: $app, by: SCHEDULE, ids: $ids, from: $from, to: $to, interval: TOTAL) {
    rows { id impressions clicks ctr }
    total { clicks }
  }
}`

const EVERYTHING = `query Everything($id: ID!) {
  schedule(id: $id) {
    name
    app { name }
    slot { code publication { revision } }
    creatives { weight creative { title reviewState } }
    reviewState
    deliveryState
    review { state decidedBy subject { __typename ... on ScheduleRevision { revision content hash author } } diff { path after } }
    delivery { schedule { id revision } publishedBy }
    history { mutation actor before after }
    stats(from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z") { total { impressions } }
  }
}`
