// Holds compiled operations to graphql-js: the same bytes for random operations, variables, tables and instants.

import { buildSubgraphSchema } from '@apollo/subgraph'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type DocumentNode, execute, parse, validate } from 'graphql'
import { GraphQLDateTimeISO, GraphQLJSON } from 'graphql-scalars'
import { readTypeDefs } from '../../common/graphql/subgraph.ts'
import { compileOperation } from '../../common/lane/compiled-operation.ts'
import type { Publication, PublishedCreative } from '../../engine/publication/types.ts'
import { distributionSchema } from '../../subgraphs/distribution/app.ts'
import { type Node, noCapTokens } from '../../subgraphs/distribution/decisions.ts'
import { distributionResolvers } from '../../subgraphs/distribution/resolvers.ts'
import { createTable, type Table } from '../../subgraphs/distribution/table.ts'
import { decisionsOperation, operationVariables } from '../support/arbitrary-operation.ts'
import { instant, publication } from '../support/arbitrary-publication.ts'
import { apply, settingsDocument } from '../support/documents.ts'

const RUNS = 600
const REQUESTS_PER_RUN = 5

const content = fc.record({
  title: fc.constantFrom('Sale', 'Größe "XL"\n', '\u2028\ud83d\ude00', ''),
  text: fc.option(fc.constantFrom('Only today', '</script>', '\\')),
  image: fc.option(
    fc.record({
      url: fc.constant('https://img.example/1.png'),
      width: fc.option(fc.nat(4000)),
      height: fc.option(fc.nat(4000)),
      alt: fc.option(fc.constant('A shoe')),
    }),
  ),
  link: fc.option(fc.constant('demoshop://sale')),
  data: fc.option(fc.jsonValue({ maxDepth: 2 })),
})

type Content = Omit<PublishedCreative, 'id' | 'revision'>

/** Slots `home` and `other` with what creatives hold. */
const slots = fc.tuple(publication, publication, fc.tuple(content, content, content)).map(([home, other, contents]) => {
  const filled = [home, { ...other, slot: { ...other.slot, id: 'slo_9', code: 'other' } }]
  return filled.map((of) => withContents(of, contents))
})

function withContents(of: Publication, contents: readonly Content[]): Publication {
  const fill = <C extends PublishedCreative>(creative: C): C => ({
    ...creative,
    ...contents[Number(creative.id.slice(1)) % contents.length]!,
  })
  const entries = of.entries.map((entry) => ({ ...entry, creatives: entry.creatives.map(fill) }))
  return { ...of, fallback: of.fallback.map(fill), entries }
}

type Asked = { variables: Record<string, unknown>; now: number; random: number }

/** A node whose table, clock and chance are set anew for each case. */
const present = { table: createTable(), now: 0, random: 0 }
const node: Node = {
  get table() {
    return present.table
  },
  ready: true,
  cutOffMs: () => 0,
  capTokens: noCapTokens(),
  now: () => present.now,
  random: () => present.random,
}
const resolvers = { DateTime: GraphQLDateTimeISO, JSON: GraphQLJSON, ...distributionResolvers(node) }
const schema = buildSubgraphSchema({ typeDefs: readTypeDefs(distributionSchema), resolvers: resolvers as never })

function tableOf(documents: readonly Publication[]): Table {
  const table = createTable()
  for (const document of [settingsDocument('shop', 1), ...documents]) apply(table, document)
  return table
}

const newContext = () => ({ caller: { principal: null, requestId: 'r', appKey: { app: 'shop' } }, loaders: undefined })

/** What a node answers by graphql-js, as text. */
function byGraphQL(document: DocumentNode, variableValues: Asked['variables']): string {
  return JSON.stringify(execute({ schema, document, variableValues, contextValue: newContext() }))
}

test('a compiled operation answers byte for byte what graphql-js answers', () => {
  const counts = { compiled: 0, left: 0, failed: 0 }
  const request = fc.record({ variables: operationVariables, now: instant, random: fc.constantFrom(0, 0.3, 0.9) })
  const requests = fc.array(request, { minLength: REQUESTS_PER_RUN, maxLength: REQUESTS_PER_RUN })
  fc.assert(
    fc.property(slots, decisionsOperation, requests, (documents, text, asked: Asked[]) => {
      const document = parse(text, { noLocation: true })
      fc.pre(validate(schema, document).length === 0)
      const run = compileOperation({ schema, document, frozenTypes: ['DecidedCreative'] })
      present.table = tableOf(documents)
      if ('reason' in run) throw new Error(`${text} was not compiled: ${run.reason}`)
      for (const { variables, now, random } of asked) {
        Object.assign(present, { now, random })
        const expected = byGraphQL(document, variables)
        const answer = run(variables, newContext())
        if (answer instanceof Promise) throw new Error('A decision needs no waiting')
        if (!answer) {
          // What graphql-js refuses is left to it, and a condition that is null, which it refuses only where it comes to it.
          counts.left += 1
          if (variables.no !== null) expect(expected).toContain('"errors"')
          continue
        }
        const { errors, data, extraBytes } = answer
        if (errors.length === 0) expect(data.length + extraBytes).toBe(Buffer.byteLength(data))
        const shown = errors.length === 0 ? `{"data":${data}}` : `{"errors":${JSON.stringify(errors)},"data":${data}}`
        expect(shown).toBe(expected)
        counts[errors.length === 0 ? 'compiled' : 'failed'] += 1
      }
    }),
    { numRuns: RUNS },
  )
  // Each of the three ways must have been tried, and at least 2,000 answers compared byte for byte.
  expect(counts.compiled).toBeGreaterThan(500)
  expect(counts.failed).toBeGreaterThan(50)
  expect(counts.left).toBeGreaterThan(50)
  expect(counts.compiled + counts.failed + counts.left).toBeGreaterThanOrEqual(2_000)
})
