import { beforeAll, expect, test } from '@jest/globals'
import { contentHash } from '../../common/base/content-hash.ts'
import type { Store } from '../../common/store/store.ts'
import { creatives } from '../../subgraphs/creative/repository.ts'
import { inputFor } from '../support/mutation-inputs.ts'
import { failure, type Input, makeApp, makeCreative, type Planning, run, startPlanning } from '../support/planning.ts'
import { describeEachStore } from '../support/stores.ts'

const CREATIVE = `query ($id: ID!) { creative(id: $id) {
  id version revision app { id } name title text image { url width height alt } link data
  reviewState createdAt createdBy updatedAt } }`
const REVISIONS = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
  ... on CreativeRevision { id revision content hash author writtenAt creative { id revision } } } }`

const whole = {
  name: 'Summer sale',
  title: 'All must go',
  text: 'While stocks last',
  image: { url: 'https://cdn.example/a.png', width: 640, height: 360, alt: 'A beach' },
  link: 'https://shop.example/sale?a=b#c',
  data: { nested: [1, 'two', { three: null, 'with.dot': 1.5, '': true }] },
}

describeEachStore('Creatives', (open) => {
  let store: Store
  let planning: Planning
  let app: string

  beforeAll(async () => {
    store = await open()
    planning = await startPlanning(store)
    app = await makeApp(planning, { linkSchemes: ['myapp', 'other+app'] })
  })

  const read = (id: string) => planning.creative.must('viewer', CREATIVE, { id })
  const refused = async (content: Input) =>
    failure(planning, 'createCreative', await inputFor(planning, 'createCreative', app, content))

  test('a creative is made as a draft, and reads as it was written', async () => {
    const id = await makeCreative(planning, app, whole)
    expect(id).toMatch(/^cre_[0-9a-f-]{36}$/)
    const at = new Date(planning.clock.now()).toISOString()
    expect(await read(id)).toEqual({
      ...{ id, version: 1, revision: 1, app: { id: app }, ...whole, reviewState: 'DRAFT' },
      ...{ createdAt: at, createdBy: 'admin', updatedAt: at },
    })
  })

  test('a field that is left out, and empty text, is null', async () => {
    const id = await makeCreative(planning, app, { text: '  ', link: '', image: { url: 'https://a.example', alt: '' } })
    const image = { url: 'https://a.example', width: null, height: null, alt: null }
    expect(await read(id)).toMatchObject({ text: null, link: null, data: null, image })
  })

  test('a revision replaces the whole content, and the revisions before it never change', async () => {
    const id = await makeCreative(planning, app, whole)
    const made = planning.clock.now()
    planning.clock.advance(60_000)
    const anew = { name: 'Winter sale', title: 'All must go again' }
    const input = { id, expectedVersion: 1, content: anew }
    const head = await run(planning, 'reviseCreative', input, 'operator-two')
    expect(head).toEqual({ id, version: 2, revision: 2, reviewState: 'DRAFT', name: anew.name, archivedAt: null })
    expect(await read(id)).toMatchObject({
      ...anew,
      text: null,
      link: null,
      image: null,
      data: null,
      createdBy: 'admin',
    })

    const representations = [1, 2, 3].map((revision) => ({ __typename: 'CreativeRevision', id, revision }))
    const [first, second, third] = await planning.creative.must('reviewer', REVISIONS, { representations })
    expect(first).toEqual({
      ...{ id, revision: 1, content: whole, hash: contentHash(whole), author: 'admin' },
      ...{ writtenAt: new Date(made).toISOString(), creative: { id, revision: 2 } },
    })
    expect(second).toMatchObject({ revision: 2, author: 'operator-two', content: anew })
    expect(second.hash).toBe(contentHash(second.content))
    expect(third).toBeNull()
  })

  test('an approved creative is a draft again once it is revised', async () => {
    const id = await makeCreative(planning, app)
    await store.transaction((tx) => creatives.transition(tx, { id, revision: 1 }, 'APPROVED'))
    expect(await read(id)).toMatchObject({ reviewState: 'APPROVED', version: 1 })
    await run(planning, 'reviseCreative', { id, expectedVersion: 1, content: { name: 'A', title: 'B' } })
    expect(await read(id)).toMatchObject({ reviewState: 'DRAFT', version: 2 })
  })

  test.each([
    'https://shop.example',
    'HTTPS://shop.example/x',
    'https://shop.example:8443/路径?q=1',
    'myapp://promo/7',
    'myapp:promo',
    'MyApp://promo',
    'other+app://x',
  ])('%s is a link that a creative of this app may have', async (link) => {
    expect(await read(await makeCreative(planning, app, { link }))).toMatchObject({ link })
  })

  test.each([
    ['http, which anyone on the way can change', 'http://shop.example'],
    ['a script', 'javascript:alert(1)'],
    ['a script in capitals', 'JavaScript:alert(1)'],
    ['a script with a tab that browsers drop', 'java\tscript:alert(1)'],
    ['data', 'data:text/html,<script>alert(1)</script>'],
    ['the scheme of another app', 'yourapp://promo'],
    ['no scheme', '/sale'],
    ['a host without a scheme', '//shop.example/sale'],
    ['https without a host', 'https://'],
    ['https without slashes', 'https:shop.example'],
    ['a user name that reads like the host', 'https://shop.example@evil.example/'],
    ['a backslash that browsers take for a slash', 'https://evil.example\\@shop.example'],
    ['a space', 'https://shop.example/a b'],
    ['a line end in a deep link', 'myapp://a\nb'],
    ['a port that is none', 'https://shop.example:99999'],
  ])('a link with %s is refused', async (_, link) => {
    expect(await refused({ link })).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.content.link' })
    const id = await makeCreative(planning, app)
    const input = { id, expectedVersion: 1, content: { name: 'A', title: 'B', link } }
    expect(await failure(planning, 'reviseCreative', input)).toMatchObject({ path: 'input.content.link' })
  })

  test.each(['http://a.example/x.png', 'data:image/png;base64,AA', 'myapp://x.png', 'x.png', 'https://u:p@a.example'])(
    'a picture at %s is refused',
    async (url) => {
      const expected = { code: 'BAD_USER_INPUT', path: 'input.content.image.url' }
      expect(await refused({ image: { url } })).toMatchObject(expected)
    },
  )

  test('free data may be any JSON of up to 16 KB, 32 deep', async () => {
    const largest = 'x'.repeat(16 * 1024 - 2)
    for (const data of [largest, nested(32), 0, false, '', [], 1e300, { a: 'ä'.repeat(8_000) }]) {
      expect(await read(await makeCreative(planning, app, { data }))).toMatchObject({ data })
    }
  })

  test.each([
    ['more than 16 KB', 'x'.repeat(16 * 1024 - 1)],
    ['more than 16 KB of two-byte characters', 'ä'.repeat(8 * 1024)],
    ['more than 32 levels', nested(33)],
    ['thousands of levels', nested(5_000)],
    ['a key that MongoDB reads as an operator', { a: [{ $ref: 'b', $id: 1 }] }],
    ['a key that the driver reads as a type', { a: { _bsontype: 'ObjectId' } }],
    ['a key with a zero byte', { 'a\0b': 1 }],
    ['the key of the prototype', JSON.parse('{"a": {"__proto__": {"b": 1}}}')],
    ['half a character', { a: '\ud800' }],
  ])('free data with %s is refused', async (_, data) => {
    expect(await refused({ data })).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.content.data' })
  })

  test('text with half a character is refused: what is stored must fit its hash', async () => {
    expect(await refused({ title: 'a\ud800' })).toMatchObject({ code: 'BAD_USER_INPUT', path: 'input.content.title' })
  })

  test('the error lists every mistake, in order', async () => {
    const input = { app, content: { name: '', title: 'x'.repeat(501), image: { url: 'x', width: 0 } } }
    const query = 'mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { id } }'
    const { errors } = await planning.creative.ask('operator', query, { input })
    const paths = (errors![0]!.extensions!.errors as { path: string }[]).map(({ path }) => path)
    expect(errors![0]!.extensions!.path).toBe('input.content.name')
    expect(paths).toEqual(['name', 'title', 'image.url', 'image.width'].map((field) => `input.content.${field}`))
  })
})

function nested(depth: number): unknown {
  return depth === 0 ? 'deep' : [nested(depth - 1)]
}
