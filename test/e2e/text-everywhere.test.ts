// Every text that a client can send, in whatever argument or field of an input: each is held to the rule for text. What is added
// to the graph is tested here without anybody thinking of it, since the supergraph says what there is.

import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import {
  buildSchema,
  type GraphQLInputType,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql'
import { signToken } from '../../common/access/tokens.ts'
import { bookOne, eventually, startTestPlatform, type TestPlatform } from '../support/platform.ts'

const supergraph = readFileSync(new URL('../../schema/supergraph.graphql', import.meta.url), 'utf8')
const schema = buildSchema(supergraph, { assumeValidSDL: true })

const app = 'shop'

/** Where a text stands, and how to say it: the whole value of that argument, with a text of one's choice there. */
type Place = {
  kind: 'query' | 'mutation'
  field: string
  argument: string
  path: string
  build(text: string): unknown
}

/** Texts that may hold line breaks. */
const SEVERAL_LINES = [
  'createCreative input.content.text',
  'reviseCreative input.content.text',
  'submitForReview input.note',
  'approve input.comment',
  'reject input.comment',
  'revokeApproval input.reason',
  'takeDown input.reason',
]
/** JSON that is not ours, such as free data and manifests. Line breaks in it are the affair of those who made it. */
const FREE = /(^|\.)(data|dataSchema|manifest)$/
/** Not held to the rule: a token is ours or as left out, whatever else it holds, and is never shown or stored. */
const OPAQUE = /context\.capToken$/

const places = (['query', 'mutation'] as const).flatMap((kind) => {
  const type = kind === 'query' ? schema.getQueryType() : schema.getMutationType()
  return Object.values(type!.getFields()).flatMap(({ name: field, args }) =>
    args.flatMap(({ name: argument, type }) =>
      textsIn(type, argument, new Set()).map(({ path, build }): Place => ({ kind, field, argument, path, build })),
    ),
  )
})
const nameOf = ({ field, path }: Place) => `${field} ${path}`

let alkaid: TestPlatform

beforeAll(async () => {
  alkaid = await startTestPlatform()
  await bookOne(alkaid, app)
  const decided = () => send({ query: `{ decisions(app: "${app}", slots: ["home.banner"]) { reason } }` })
  await eventually(decided, ({ data }) => data?.decisions?.[0].reason === 'MATCHED')
}, 60_000)

afterAll(() => alkaid?.stop())

test('the graph takes texts in some hundred places', () => {
  expect(places.length).toBeGreaterThan(100)
  expect(places.map(nameOf)).toEqual(expect.arrayContaining([...SEVERAL_LINES, 'createSlot input.code']))
})

test.each([
  ['a character that reorders the text around it', 'a\u202eb', /U\+202E/],
  ['half of a character', 'a\ud800', /U\+D800/],
  ['a control character', 'a\u0007b', /U\+0007/],
])(
  '%s is refused wherever there is text, by its code point and path',
  async (_, text, named) => {
    const wrong: unknown[] = []
    for (const place of places) {
      if (OPAQUE.test(place.path)) continue
      const error = await errorOf(place, text)
      const isRefused = error?.code === 'BAD_USER_INPUT' && error.path === place.path && named.test(error.message)
      if (!isRefused) wrong.push([nameOf(place), error])
    }
    expect(wrong).toEqual([])
  },
  120_000,
)

test('a line break is refused wherever there is one line', async () => {
  const taken: string[] = []
  for (const place of places) {
    if (OPAQUE.test(place.path) || FREE.test(place.path)) continue
    const error = await errorOf(place, 'a\nb')
    if (!(error?.path === place.path && /U\+000A/.test(error.message))) taken.push(nameOf(place))
  }
  expect(taken.sort()).toEqual([...SEVERAL_LINES].sort())
}, 120_000)

test('a list within a thing reads its arguments too', async () => {
  const query = `query ($text: String) { slots(app: "${app}") { nodes { schedules(filter: {text: $text}) { total } } } }`
  const { errors } = await send({ query, variables: { text: 'a\u202eb' } })
  expect(errors?.[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', path: 'filter.text' })
})

test('what is stored has one spelling, and is found in any', async () => {
  const decomposed = 'Cafe\u0301'
  const { operator } = alkaid.clients
  const CREATE = `mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { id name title text data } }`
  const content = {
    name: `  ${decomposed} `,
    title: decomposed,
    text: 'a\r\nb',
    data: { [decomposed]: ` ${decomposed}` },
  }
  const { createCreative: made } = await operator(CREATE, { input: { app, content } })
  expect(made).toMatchObject({ name: 'Café', title: 'Café', text: 'a\nb', data: { Café: ' Café' } })
  for (const text of ['Café', decomposed, `fe\u0301 `]) {
    const { creatives } = await operator(
      `query ($text: String) { creatives(app: "${app}", filter: {text: $text}) { total } }`,
      {
        text,
      },
    )
    expect(creatives.total).toBe(1)
  }
})

test('nobody approves what they wrote, however their name is spelled', async () => {
  const as = async (actor: string) =>
    signToken(alkaid.platform.tokens, { actor, roles: { '*': ['operator', 'reviewer'] } })
  const { createCreative } = await must(
    await as('Jose\u0301'),
    `mutation {
    createCreative(input: {app: "${app}", content: {name: "Mine", title: "Mine"}}) { id } }`,
  )
  const { submitForReview } = await must(
    alkaid.tokens.operator,
    `mutation { submitForReview(input: {
    subject: {type: CREATIVE, id: "${createCreative.id}"}, expectedVersion: 1}) { id } }`,
  )
  const query = `mutation { approve(input: {submission: "${submitForReview.id}", expectedVersion: 1}) { id } }`
  const spellings = [
    'Jos\u00e9',
    'Jose\u0301',
    ' Jos\u00e9',
    'Jos\u00e9\u200b',
    'Jos\u00e9\n',
    '\u202aJos\u00e9',
    'Jos\u00e9\ud800',
  ]
  const codes = []
  for (const actor of spellings) codes.push((await send({ query }, await as(actor))).errors?.[0]?.extensions?.code)
  expect(codes).toEqual([...Array(3).fill('FOUR_EYES'), ...Array(4).fill('UNAUTHENTICATED')])
  expect((await must(alkaid.tokens.reviewer, query)).approve.id).toBe(submitForReview.id)
})

async function must(token: string, query: string) {
  const { data, errors } = await send({ query }, token)
  if (errors) throw new Error(errors[0].message)
  return data
}

async function errorOf({ kind, field, argument, path, build }: Place, text: string) {
  const type = kind === 'query' ? schema.getQueryType()! : schema.getMutationType()!
  const { args } = type.getFields()[field]!
  const needed = args.filter((one) => one.name === argument || isNonNullType(one.type))
  const variables = Object.fromEntries(
    needed.map((one) => [one.name, one.name === argument ? build(text) : plainValue(one.type, one.name)]),
  )
  const declared = needed.map((one) => `$${one.name}: ${one.type}`).join(', ')
  const given = needed.map((one) => `${one.name}: $${one.name}`).join(', ')
  const { errors } = await send({ query: `${kind} (${declared}) { ${field}(${given}) { __typename } }`, variables })
  const [error] = errors ?? []
  return (
    error && { path: error.extensions?.path ?? path, code: error.extensions?.code, message: error.message as string }
  )
}

// biome-ignore lint/suspicious/noExplicitAny: answers are read as they come
async function send(body: object, token = alkaid.tokens.admin): Promise<any> {
  const response = await fetch(`${alkaid.platform.gatewayUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
  return response.json()
}

/** Every text that a value of the type can hold. Inputs that hold themselves are entered once on a way. */
function textsIn(
  type: GraphQLInputType,
  path: string,
  within: ReadonlySet<string>,
): { path: string; build(text: string): unknown }[] {
  const nullable = getNullableType(type)
  if (isListType(nullable)) {
    return textsIn(nullable.ofType, `${path}[0]`, within).map(({ path, build }) => ({
      path,
      build: (text) => [build(text)],
    }))
  }
  if (['String', 'ID', 'JSON'].includes(nullable.name)) return [{ path, build: (text) => text }]
  if (!isInputObjectType(nullable) || within.has(nullable.name)) return []
  const fields = Object.values(nullable.getFields())
  const others = Object.fromEntries(
    fields.filter(({ type }) => isNonNullType(type)).map(({ name, type }) => [name, plainValue(type, name)]),
  )
  return fields.flatMap((field) =>
    textsIn(field.type, `${path}.${field.name}`, new Set([...within, nullable.name])).map(({ path, build }) => ({
      path,
      build: (text) => ({ ...others, [field.name]: build(text) }),
    })),
  )
}

/** A value of the type that GraphQL takes, whatever the rules say of it. */
function plainValue(type: GraphQLInputType, name: string): unknown {
  const nullable = getNullableType(type)
  if (isListType(nullable)) return [plainValue(nullable.ofType, name)]
  if (isEnumType(nullable)) return nullable.getValues()[0]!.name
  if (isInputObjectType(nullable)) {
    const needed = Object.values(nullable.getFields()).filter((field) => isNonNullType(field.type))
    return Object.fromEntries(needed.map((field) => [field.name, plainValue(field.type, field.name)]))
  }
  const scalars: Record<string, unknown> = {
    Int: 1,
    Float: 1,
    Boolean: true,
    DateTime: '2026-05-01T08:00:00Z',
    JSON: {},
  }
  return scalars[getNamedType(type).name] ?? (name === 'app' ? app : 'plain')
}
