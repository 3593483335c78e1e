// Holds the compiled `recordEvents` of the lane to graphql-js: for random batches, right and wrong, it answers the same bytes and appends
// the same records.

import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type DocumentNode, execute, type GraphQLError, parse } from 'graphql'
import { compileOperation } from '../../common/lane/compiled-operation.ts'
import { HOUR_MS } from '../../engine/time/days.ts'
import { statsLoaders } from '../../subgraphs/stats/loaders.ts'
import { NOW, planApp, RECORD, startStats, type TestStats } from '../support/stats.ts'
import { describeEachStore } from '../support/stores.ts'

const RUNS = 500

const OPERATIONS = [
  RECORD,
  `mutation Twice($input: RecordEventsInput!, $second: Boolean! = false) {
    first: recordEvents(input: $input) { ...Counts __typename }
    ... @include(if: $second) { again: recordEvents(input: $input) { gone: expired } }
    kind: __typename
  }
  fragment Counts on RecordedEvents { accepted all: accepted future }`,
].map((text) => parse(text, { noLocation: true }))

const ago = (ms: number) => new Date(NOW - ms).toISOString()

/** One value of a field: most are right. `undefined` leaves the field out. */
const mostly = (right: readonly unknown[], wrong: readonly unknown[]) =>
  fc.oneof({ arbitrary: fc.constantFrom(...right), weight: 80 }, { arbitrary: fc.constantFrom(...wrong), weight: 1 })

describeEachStore('The compiled recordEvents', (open) => {
  let stats: TestStats
  let variables: fc.Arbitrary<Record<string, unknown>>

  beforeAll(async () => {
    const store = await open()
    stats = await startStats(store)
    const [home, other] = [await planApp(store, 'home'), await planApp(store, 'other')]
    const token = stats.token(home)
    const fallback = stats.token({ ...home, schedule: null, creative: home.fallback })
    variables = variablesOf([token, token, fallback, ` ${token}\n`, 'forged', '', stats.token(other), undefined])
  })
  afterAll(() => stats.stop())

  const newContext = () => {
    const caller = { principal: null, requestId: 'test', appKey: { app: 'home' } }
    return { caller, loaders: statsLoaders(stats.services, caller) }
  }

  async function byGraphQL(document: DocumentNode, variableValues: Record<string, unknown>) {
    const schema = stats.api.subgraph.graphQLSchema
    const { data, errors } = await execute({ schema, document, variableValues, contextValue: newContext() })
    return {
      text: textOf(JSON.stringify(data), errors ?? []),
      isRefused: data === undefined,
      appended: await takeAll(),
    }
  }

  /** Takes all records out of the stream. The random ids of refusals are left out. */
  async function takeAll(): Promise<string[]> {
    const found = await stats.stream.read(null, 10_000)
    if (found.length > 0) await stats.stream.trim(found.at(-1)!.position)
    return found.map(({ payload }) => payload.replace(/"id":"[0-9a-f-]{36}","refused"/, '"refused"'))
  }

  test('answers byte for byte what graphql-js answers, and appends the same records', async () => {
    const { graphQLSchema: schema } = stats.api.subgraph
    const operations = OPERATIONS.map((document) => ({
      document,
      run: compileOperation({ schema, document, frozenTypes: [] }),
    }))
    const counts = { recorded: 0, refused: 0, left: 0, records: 0 }
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...operations), variables, async ({ document, run }, given) => {
        if ('reason' in run) throw new Error(`It was not compiled: ${run.reason}`)
        const expected = await byGraphQL(document, given)
        const answer = await run(given, newContext())
        const appended = await takeAll()
        if (!answer) {
          // graphql-js refuses these variables, and writes the answer.
          counts.left += 1
          expect([expected.isRefused, appended]).toEqual([true, []])
          return
        }
        expect(textOf(answer.data, answer.errors)).toBe(expected.text)
        expect(appended).toEqual(expected.appended)
        counts[answer.errors.length > 0 ? 'refused' : 'recorded'] += 1
        counts.records += appended.length
      }),
      { numRuns: RUNS },
    )
    // Each of the three ways must have been tried.
    expect(counts.recorded).toBeGreaterThan(RUNS / 10)
    expect(counts.refused).toBeGreaterThan(RUNS / 10)
    expect(counts.left).toBeGreaterThan(RUNS / 10)
    expect(counts.records).toBeGreaterThan(RUNS / 2)
  }, 60_000)
})

function textOf(data: string, errors: readonly GraphQLError[]): string {
  return errors.length === 0 ? `{"data":${data}}` : `{"errors":${JSON.stringify(errors)},"data":${data}}`
}

function variablesOf(tokens: readonly unknown[]): fc.Arbitrary<Record<string, unknown>> {
  const event = fc
    .record({
      id: mostly(
        ['a', 'b', 'c-1', ' padded ', 'x'.repeat(64), 7],
        ['', 'a|b', 'x'.repeat(65), 'caf\u00e9', 'a\u202eb', 1.5, null, undefined, ['a']],
      ),
      type: mostly(['IMPRESSION', 'CLICK', 'CONVERSION'], ['click', 1, null, undefined]),
      at: mostly(
        [
          undefined,
          undefined,
          null,
          ago(0),
          ago(50 * HOUR_MS),
          ago(900 * HOUR_MS),
          ago(-HOUR_MS),
          '2031-05-07T10:30:00.5+02:00',
        ],
        ['yesterday', '1969-12-31T23:59:59Z', '2031-02-30T00:00:00Z', 0, 1_900_000_000_000, {}],
      ),
      token: mostly(tokens, [null, 7, `${'x'.repeat(700)}`, 'a\ud800', '\u0000']),
      source: mostly([undefined], [null, { slot: 'home', creative: 'cre_1' }, { slot: 'home' }, 'home']),
      extra: mostly([undefined], [null, 1]),
    })
    .map(withoutUndefined)
  const events = fc.oneof(
    { arbitrary: fc.array(event, { minLength: 1, maxLength: 5 }), weight: 20 },
    { arbitrary: event, weight: 2 }, // one value counts as a list of one
    { arbitrary: fc.constantFrom([], null, [null], 'event', undefined), weight: 1 },
  )
  const input = fc
    .record({ app: mostly(['home', 'home', ' home'], ['other', '', 7, null, undefined]), events })
    .map(withoutUndefined)
  return fc
    .record({
      input: fc.oneof(
        { arbitrary: input, weight: 30 },
        { arbitrary: fc.constantFrom(null, [], 'x', undefined), weight: 1 },
      ),
      second: fc.constantFrom(undefined, undefined, true, false, null),
    })
    .map(withoutUndefined)
}

function withoutUndefined(object: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}
