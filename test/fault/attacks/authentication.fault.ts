// Attacks on who somebody is, and on what belongs to another app.

import { createHmac } from 'node:crypto'
import { SignJWT } from 'jose'
import { describeWithRedis } from '../../support/redis.ts'
import { type Attack, type Outcome, testAttacks, type World } from '../support/attacks.ts'
import { serviceSecret, tokenSettings } from '../support/installation.ts'
import { operationId } from '../support/slot-load.ts'

const ONE = '{ slots(app: "shop") { total } }'
const secretOf = () => ('secret' in tokenSettings.key ? tokenSettings.key.secret : '')

type Claims = Record<string, unknown>
const seconds = (from: number) => Math.floor(Date.now() / 1000) + from
const good = (): Claims => ({
  sub: 'mallory',
  iss: 'alkaid',
  aud: 'alkaid',
  iat: seconds(-10),
  exp: seconds(600),
  alkaid: { '*': ['admin'] },
})

const jwt = (claims: Claims, secret = secretOf(), alg = 'HS256') =>
  new SignJWT(claims).setProtectedHeader({ alg }).sign(new TextEncoder().encode(secret))
/** Without the checks of a library. */
function rawJwt(header: object, claims: Claims, key = ''): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const text = `${encode(header)}.${encode(claims)}`
  return `${text}.${key ? createHmac('sha256', key).update(text).digest('base64url') : ''}`
}

const bearer = (title: string, token: () => string | Promise<string>): Attack => ({
  title,
  run: async ({ graph }) => graph(ONE, {}, { authorization: `Bearer ${await token()}` }),
  expected: { status: 401, code: 'UNAUTHENTICATED' },
})

const tokens: Attack[] = [
  bearer('a token without a signature (alg none)', () => rawJwt({ alg: 'none' }, good())),
  bearer('alg NONE in other letters', () => rawJwt({ alg: 'nOnE' }, good())),
  bearer('a token that is signed with an empty key', () => rawJwt({ alg: 'HS256' }, good(), ' ')),
  bearer('a token that is signed with another secret', () => jwt(good(), 'the secret of somebody else, long enough')),
  bearer('another algorithm with the right secret', () => jwt(good(), `${secretOf()}`, 'HS512')),
  bearer('a key in the header of the token', () =>
    rawJwt({ alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } }, good(), 'A'),
  ),
  bearer('a key ID that is a path', () => rawJwt({ alg: 'HS256', kid: '../../../../dev/null' }, good(), ' ')),
  bearer('a critical header that nobody knows', () => rawJwt({ alg: 'HS256', crit: ['x'], x: 1 }, good(), secretOf())),
  bearer('another issuer', () => jwt({ ...good(), iss: 'elsewhere' })),
  bearer('another audience', () => jwt({ ...good(), aud: 'elsewhere' })),
  bearer('a token that has ended', () => jwt({ ...good(), iat: seconds(-900), exp: seconds(-60) })),
  bearer('a token that begins tomorrow', () => jwt({ ...good(), nbf: seconds(86_400) })),
  bearer('a token that was issued tomorrow', () => jwt({ ...good(), iat: seconds(86_400), exp: seconds(90_000) })),
  bearer('a token without an end', () => jwt({ ...good(), exp: undefined })),
  bearer('a token without a beginning', () => jwt({ ...good(), iat: undefined })),
  bearer('a token for a year', () => jwt({ ...good(), exp: seconds(365 * 86_400) })),
  bearer('no actor', () => jwt({ ...good(), sub: undefined })),
  bearer('an actor that is a list', () => jwt({ ...good(), sub: ['mallory', 'ann'] as never })),
  bearer('an actor of spaces', () => jwt({ ...good(), sub: '   ' })),
  bearer('an actor that turns the direction of writing', () => jwt({ ...good(), sub: 'ann\u202egnp' })),
  bearer('an actor of 100 KB', () => rawJwt({ alg: 'HS256' }, { ...good(), sub: 'x'.repeat(6_000) }, secretOf())),
  bearer('a key of an app as a token', () => 'ak_0123456789'),
  {
    title: 'roles that nobody knows, and names that every object has',
    run: async ({ graph }) => {
      const alkaid = { shop: ['root', '__proto__'], constructor: ['admin'], toString: ['admin'] }
      return graph(ONE, {}, { authorization: `Bearer ${await jwt({ ...good(), alkaid })}` })
    },
    expected: { code: 'FORBIDDEN' },
  },
  {
    title: 'roles that are a text',
    run: async ({ graph }) =>
      graph(ONE, {}, { authorization: `Bearer ${await jwt({ ...good(), alkaid: { shop: 'admin' } })}` }),
    expected: { code: 'FORBIDDEN' },
  },
]

const federation = (title: string, headers: Record<string, string>, code: string): Attack => ({
  title,
  run: ({ send, alkaid }) =>
    send(`${alkaid.get('schedule').url}/federation`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query: ONE }),
    }),
  expected: { code },
})

const services: Attack[] = [
  federation('a subgraph directly, without the credential of services', {}, 'UNAUTHENTICATED'),
  federation(
    'a subgraph directly, with a wrong credential',
    { 'x-alkaid-service': `${serviceSecret}x` },
    'UNAUTHENTICATED',
  ),
  federation(
    'the credential of services alone gives no right',
    { 'x-alkaid-service': serviceSecret },
    'UNAUTHENTICATED',
  ),
]

/** Sends a slot query with these headers to the node. */
function decide({ send, alkaid }: World, app: string, headers: Record<string, string>): Promise<Outcome> {
  const variables = { app, slots: ['home.banner'] }
  const extensions = { persistedQuery: { version: 1, sha256Hash: operationId('Decisions') } }
  return send(`${alkaid.get('distribution').url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ variables, extensions }),
  })
}

const apps: Attack[] = [
  {
    title: 'a slot query without a key',
    run: (world) => decide(world, 'shop', {}),
    expected: { status: 401, code: 'UNAUTHENTICATED' },
  },
  {
    title: 'a slot query with a key that nobody made',
    run: (world) => decide(world, 'shop', { 'x-app-key': 'ak_made-up' }),
    expected: { status: 401, code: 'UNAUTHENTICATED' },
  },
  {
    title: 'a token in place of the key',
    run: (world) => decide(world, 'shop', { authorization: `Bearer ${world.token}` }),
    expected: { status: 401, code: 'UNAUTHENTICATED' },
  },
  {
    title: 'the slots of another app, with the own key',
    run: (world) => decide(world, 'bank', { 'x-app-key': world.shop.appKey }),
    expected: { code: 'FORBIDDEN' },
  },
  {
    title: 'events with the token of another app are not counted there',
    async run(world) {
      const shown = await decide(world, 'bank', { 'x-app-key': world.bank.appKey })
      const token = /"eventToken":"([^"]+)"/.exec(shown.text)![1]
      const input = { app: 'shop', events: [{ id: 'stolen-1', type: 'CLICK', token }] }
      const reply = await world.send(`${world.alkaid.get('stats').url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-app-key': world.shop.appKey },
        body: JSON.stringify({
          variables: { input },
          extensions: { persistedQuery: { version: 1, sha256Hash: operationId('RecordEvents') } },
        }),
      })
      return { ...reply, ...JSON.parse(reply.text) }
    },
    expected: { status: 200, data: { recordEvents: { accepted: 0 } } },
  },
]

/** Each query by id or code of another app tells nothing: null, or an error that says the same as for a made-up id. */
const foreignQueries: [string, (world: World) => string][] = [
  ['app', () => '{ x: app(id: "bank") { id } }'],
  ['slot', ({ bank }) => `{ x: slot(id: "${bank.slot}") { id } }`],
  ['slots', () => '{ x: slots(app: "bank") { total } }'],
  ['schedule', ({ bank }) => `{ x: schedule(id: "${bank.schedule}") { id } }`],
  ['schedules', () => '{ x: schedules(app: "bank") { total } }'],
  ['creative', ({ bank }) => `{ x: creative(id: "${bank.creative}") { id } }`],
  ['creatives', () => '{ x: creatives(app: "bank") { total } }'],
  ['strategies', () => '{ x: strategies(app: "bank") { total } }'],
  ['segments', () => '{ x: segments(app: "bank") { total } }'],
  ['reviewQueue', () => '{ x: reviewQueue(app: "bank") { total } }'],
  ['history', ({ bank }) => `{ x: history(subject: {type: SCHEDULE, id: "${bank.schedule}"}) { total } }`],
  ['publications', () => '{ x: publications(app: "bank", slot: "home.banner") { total } }'],
  ['explainDecision', () => '{ x: explainDecision(app: "bank", slot: "home.banner") { reason } }'],
  ['preview', () => '{ x: preview(app: "bank", slot: "home.banner") { reason } }'],
  ['decisions', () => '{ x: decisions(app: "bank", slots: ["home.banner"]) { reason } }'],
  ['operations', () => '{ x: operations(app: "bank") { version } }'],
  [
    'report',
    () =>
      '{ x: report(app: "bank", by: SLOT, from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", interval: TOTAL) { total { clicks } } }',
  ],
]

const foreignMutations: [string, (world: World) => string][] = [
  ['updateApp', () => 'updateApp(input: {app: "bank", expectedVersion: 1, name: "Mine"}) { id }'],
  ['rotateAppKey', () => 'rotateAppKey(input: {app: "bank", expectedVersion: 1}) { key }'],
  ['createSlot', () => 'createSlot(input: {app: "bank", code: "mine", name: "Mine"}) { id }'],
  ['updateSlot', ({ bank }) => `updateSlot(input: {id: "${bank.slot}", expectedVersion: 1, capacity: 9}) { id }`],
  ['archiveSlot', ({ bank }) => `archiveSlot(input: {id: "${bank.slot}", expectedVersion: 1}) { id }`],
  ['archiveSchedule', ({ bank }) => `archiveSchedule(input: {id: "${bank.schedule}", expectedVersion: 1}) { id }`],
  ['duplicateSchedule', ({ bank }) => `duplicateSchedule(input: {id: "${bank.schedule}", expectedVersion: 1}) { id }`],
  [
    'reviseCreative',
    ({ bank }) =>
      `reviseCreative(input: {id: "${bank.creative}", expectedVersion: 1, content: {name: "x", title: "x"}}) { id }`,
  ],
  [
    'submitForReview',
    ({ bank }) =>
      `submitForReview(input: {subject: {type: SCHEDULE, id: "${bank.schedule}"}, expectedVersion: 1}) { id }`,
  ],
  ['publish', ({ bank }) => `publish(input: {schedule: "${bank.schedule}", expectedVersion: 1}) { id }`],
  ['pause', ({ bank }) => `pause(input: {schedule: "${bank.schedule}", expectedVersion: 1}) { id }`],
  ['withdraw', ({ bank }) => `withdraw(input: {schedule: "${bank.schedule}", expectedVersion: 1}) { id }`],
  ['stopSlot', ({ bank }) => `stopSlot(input: {slot: "${bank.slot}", expectedVersion: 1}) { id }`],
  [
    'a booking of a creative of another app',
    ({ shop, bank }) =>
      `createSchedule(input: {app: "shop", slot: "${shop.slot}", content: {name: "x", creatives: [{creative: "${bank.creative}"}]}}) { id }`,
  ],
  [
    'a booking in a slot of another app',
    ({ shop, bank }) =>
      `createSchedule(input: {app: "shop", slot: "${bank.slot}", content: {name: "x", creatives: [{creative: "${shop.creative}"}]}}) { id }`,
  ],
  [
    'events for another app',
    ({ bank }) =>
      `recordEvents(input: {app: "bank", events: [{id: "x", type: CLICK, at: "2026-01-01T00:00:00Z", source: {slot: "${bank.slot}", schedule: "${bank.schedule}", creative: "${bank.creative}"}}]}) { accepted }`,
  ],
]

const REFUSALS = ['FORBIDDEN', 'NOT_FOUND', 'BAD_USER_INPUT']

const foreign: Attack[] = [
  ...foreignQueries.map(
    ([name, text]): Attack => ({
      title: `what belongs to another app, by ${name}`,
      async run(world) {
        const { text: body, code } = await world.graph(text(world))
        const told = JSON.parse(body).data?.x ?? null
        return { told, isRefused: code === undefined || REFUSALS.includes(code) }
      },
      expected: { told: null, isRefused: true },
    }),
  ),
  ...foreignMutations.map(
    ([name, text]): Attack => ({
      title: `a change of another app: ${name}`,
      async run(world) {
        const { text: body, code } = await world.graph(`mutation { ${text(world)} }`)
        return { data: JSON.parse(body).data ?? null, isRefused: REFUSALS.includes(code ?? '') }
      },
      expected: { isRefused: true },
    }),
  ),
]

describeWithRedis('A caller', () => testAttacks([...tokens, ...services, ...apps, ...foreign]))
