// Attacks by content: what operators write goes to devices of users, into patterns, dates and stored documents.

import { describeWithRedis } from '../../support/redis.ts'
import { type Attack, testAttacks } from '../support/attacks.ts'

const CREATE = {
  creative: 'mutation ($input: CreateCreativeInput!) { createCreative(input: $input) { id title text data } }',
  slot: 'mutation ($input: CreateSlotInput!) { createSlot(input: $input) { id } }',
  schedule: 'mutation ($input: CreateScheduleInput!) { createSchedule(input: $input) { id } }',
  strategy: 'mutation ($input: CreateStrategyInput!) { createStrategy(input: $input) { id } }',
  app: 'mutation ($input: CreateAppInput!) { createApp(input: $input) { key } }',
} as const

const creative = (title: string, content: Record<string, unknown>, code = 'BAD_USER_INPUT'): Attack => ({
  title,
  run: ({ graph }) =>
    graph(CREATE.creative, { input: { app: 'shop', content: { name: 'x', title: 'x', ...content } } }),
  expected: { code },
})
const strategy = (title: string, content: Record<string, unknown>, code = 'BAD_USER_INPUT'): Attack => ({
  title,
  run: ({ graph }) => graph(CREATE.strategy, { input: { app: 'shop', content: { name: 'x', ...content } } }),
  expected: { code },
})
const schedule = (title: string, content: Record<string, unknown>, code = 'BAD_USER_INPUT'): Attack => ({
  title,
  run: ({ graph, shop }) => {
    const whole = { name: 'x', creatives: [{ creative: shop.creative }], ...content }
    return graph(CREATE.schedule, { input: { app: 'shop', slot: shop.slot, content: whole } })
  },
  expected: { code },
})
const slot = (title: string, input: Record<string, unknown>, code = 'BAD_USER_INPUT'): Attack => ({
  title,
  run: ({ graph }) => graph(CREATE.slot, { input: { app: 'shop', code: 'a.slot', name: 'x', ...input } }),
  expected: { code },
})
const read = (title: string, query: string, variables: unknown, code = 'BAD_USER_INPUT'): Attack => ({
  title,
  run: ({ graph }) => graph(query, variables),
  expected: { code },
})

const links: Attack[] = [
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'java\nscript:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'vbscript:msgbox(1)',
  'http://shop.example/',
  'file:///etc/passwd',
  '//shop.example/',
  'https:shop.example',
  'https://',
  'https://shop.example\\@elsewhere.example/',
  'https://user:password@shop.example/',
  'other-app://open',
  'intent://x#Intent;scheme=shop;end',
].map((link) => creative(`the link ${JSON.stringify(link)}`, { link }))

const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)])
const day = (from: string, to: string) => ({ dayParts: [{ days: ['MONDAY'], from, to }] })

const attacks: Attack[] = [
  ...links,
  creative('an image that is no link', { image: { url: 'javascript:alert(1)', width: 1, height: 1 } }),
  creative('a title that nobody can see', { title: '\u200b\u200b' }),
  creative('a title that turns the direction of writing', { title: 'ab\u202edc' }),
  creative('half a character', { title: 'x\ud800' }),
  creative('a control character', { title: 'a\u0000b' }),
  creative('a title of 900 KB', { title: 'x'.repeat(900_000) }),
  creative('data of 60 levels', { data: deep(60) }),
  {
    title: 'HTML and formulas in texts come back as they were written, and never as a page',
    async run({ graph }) {
      const content = { name: '=HYPERLINK("x")', title: '<img src=x onerror=alert(1)>', text: '@SUM(1)' }
      const { text, headers } = await graph(CREATE.creative, { input: { app: 'shop', content } })
      const type = headers.get('content-type')?.split(';')[0]
      return { ...JSON.parse(text).data.createCreative, type, sniff: headers.get('x-content-type-options') }
    },
    expected: { title: '<img src=x onerror=alert(1)>', text: '@SUM(1)', type: 'application/json', sniff: 'nosniff' },
    writes: true,
  },
  {
    title: 'names that every object has, as keys of data, change no object',
    async run({ graph }) {
      const data = JSON.parse('{"__proto__": {"isAdmin": true}, "constructor": {"prototype": {"isAdmin": true}}}')
      const input = { app: 'shop', content: { name: 'proto', title: 'x', data } }
      const { code, text } = await graph(CREATE.creative, { input })
      const viewer = await graph('{ slots(app: "bank") { total } }')
      return { isKnown: code === 'BAD_USER_INPUT' || text.includes('"data"'), viewer: viewer.code }
    },
    expected: { isKnown: true, viewer: 'FORBIDDEN' },
    writes: true,
  },
  creative('operators of the database as data of a text', { text: { $gt: '' } }),
  read('an operator of the database as an id', 'query ($id: ID!) { creative(id: $id) { id } }', { id: { $gt: '' } }),
  read('an operator as a search text', 'query ($t: String) { creatives(app: "shop", filter: {text: $t}) { total } }', {
    t: { $where: 'sleep(1000)' },
  }),
  read('an operator as an app', 'query ($app: ID!) { slots(app: $app) { total } }', { app: { $ne: null } }),
  {
    title: 'a search text that is a pattern finds only this text, and at once',
    async run({ graph }) {
      const query = 'query ($t: String) { creatives(app: "shop", filter: {text: $t}) { total } }'
      const { text } = await graph(query, { t: '(a+)+$' })
      const all = await graph(query, { t: '.*' })
      return { one: JSON.parse(text).data.creatives.total, all: JSON.parse(all.text).data.creatives.total }
    },
    expected: { one: 0, all: 0 },
  },
  slot('a slot code that is a path', { code: '../../etc/passwd' }),
  slot('a slot code that is another key of the channel', { code: 'x}:app' }),
  slot('a slot code of 65 characters', { code: 'x'.repeat(65) }),
  slot('a capacity of a billion', { capacity: 1_000_000_000 }),
  slot('a negative capacity', { capacity: -1 }),
  slot('a schema with a pattern that looks ahead', {
    format: { dataSchema: { properties: { a: { pattern: '^(?=a)' } } } },
  }),
  slot('a schema with a pattern that is large when written out', {
    format: { dataSchema: { properties: { a: { pattern: '(x{900}){900}' } } } },
  }),
  slot('a schema that is read from elsewhere', {
    format: { dataSchema: { $ref: 'http://169.254.169.254/latest/meta-data' } },
  }),
  slot('a schema that contains itself', {
    format: { dataSchema: { $defs: { a: { $ref: '#/$defs/a' } }, $ref: '#/$defs/a' } },
  }),
  slot('a schema of 40 levels', { format: { dataSchema: { properties: { a: deep(40) } } } }),
  {
    title: 'an app whose code is a name that every object has',
    run: ({ graph }) => graph(CREATE.app, { input: { code: '__proto__', name: 'x' } }),
    expected: { code: 'BAD_USER_INPUT' },
  },
  schedule('30 February', { startsAt: '2026-02-30T00:00:00Z' }),
  schedule('the year 275760', { startsAt: '+275760-09-13T00:00:00.001Z' }),
  schedule('an end before its beginning', { startsAt: '2026-05-02T00:00:00Z', endsAt: '2026-05-01T00:00:00Z' }),
  schedule('a zone that is a path', { zone: '../../../etc/localtime' }),
  schedule('25 o’clock', day('25:00', '26:00')),
  schedule('a day part that ends before it begins and has no days', {
    dayParts: [{ days: [], from: '10:00', to: '09:00' }],
  }),
  schedule('a recurrence for every second', { recurrence: 'FREQ=SECONDLY' }),
  schedule('a recurrence that never has a day', { recurrence: 'FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31' }),
  schedule('a recurrence of 100 KB', { recurrence: `FREQ=DAILY;BYMONTHDAY=${Array(40_000).fill('1').join(',')}` }),
  schedule('10,000 excluded dates', {
    excludedDates: Array.from({ length: 10_000 }, (_, n) => new Date(n * 86_400_000).toISOString().slice(0, 10)),
  }),
  schedule('10,000 creatives', { creatives: Array(10_000).fill({ creative: 'cre_x' }) }),
  schedule('a weight of 0', { weight: 0 }),
  schedule('a priority beyond every integer', { priority: 2 ** 40 }),
  strategy('a constraint of 1,000 levels', {
    constraint: Array.from({ length: 30 }).reduce((inner) => ({ not: inner }), {
      dimension: 'tags',
      operator: 'IN',
      values: ['a'],
    }),
  }),
  strategy('an operator that is not there', { constraint: { dimension: 'tags', operator: '$where', values: ['1'] } }),
  strategy('a dimension that every object has', {
    constraint: { dimension: '__proto__', operator: 'IN', values: ['1'] },
  }),
  strategy('a version that is none', {
    constraint: { dimension: 'appVersion', operator: 'SEMVER_GT', values: ['1'.repeat(100_000)] },
  }),
  strategy('a rollout of 1000 percent', { rollout: { percentage: 1000 } }),
  strategy('a rollout that is no number', { rollout: { percentage: 'NaN' } }),
  strategy('a frequency cap of 0', { caps: [{ max: 0, per: 'DAY' }] }),
  strategy('a segment that is not there', { constraint: { segment: 'seg_01234567-0123-7000-8000-000000000000' } }),
]

describeWithRedis('Content', () => testAttacks(attacks))
