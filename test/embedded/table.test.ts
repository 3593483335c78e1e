// Every line of the embedded server's table has its case: the names that the cases use are gathered from the cases
// themselves. Commands and their options are exercised by the driver in the other suites.
import { expect, test } from '@jest/globals'
import { table } from '../../embedded/table.ts'
import { dateCases } from './cases/dates.ts'
import { expressionCases } from './cases/expressions.ts'
import { projectionCases } from './cases/projections.ts'
import { queryCases } from './cases/queries.ts'
import { stageCases } from './cases/stages.ts'
import { updateCases } from './cases/updates.ts'

/** All field names in a value, and the texts that are paths to variables. */
function namesIn(value: unknown, names = new Set<string>()): Set<string> {
  if (typeof value === 'string' && value.startsWith('$$')) names.add(value.split('.')[0]!)
  if (typeof value !== 'object' || value === null) return names
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value))
      for (const part of name.split('.')) names.add(part.replace(/^\$\[.+\]$/, '$[<identifier>]'))
    namesIn(inner, names)
  }
  return names
}

const filters = namesIn(queryCases.map(([, , filter]) => filter))
const projections = namesIn(projectionCases.map(([, projection]) => projection))
const updates = namesIn(updateCases.map(([, , update]) => update))
const pipelines = namesIn(stageCases.map(([, , pipeline]) => pipeline))
const expressions = namesIn([...expressionCases, ...dateCases].map(([, expression]) => expression))

const exercised: Record<string, Set<string>> = {
  'query operators': filters,
  'projection operators': projections,
  // `$currentDate` has no value that a table could hold, and `$lookup` needs a second collection: each has its own test.
  'update operators': updates.add('$currentDate'),
  'modifiers of $push': updates,
  'positional operators': updates,
  stages: pipelines.add('$lookup'),
  'stages of an update': updates,
  accumulators: pipelines,
  expressions,
  variables: expressions,
}

const sections = table.filter(({ title }) => title in exercised)

test('all sections but those of commands are asked for cases', () => {
  const others = table.map(({ title }) => title).filter((title) => !(title in exercised))
  expect(others).toEqual(['commands', 'statements of update'])
})

test.each(sections)('every line of $title has a case', ({ title, lines }) => {
  expect(lines.filter((line) => !exercised[title]!.has(line))).toEqual([])
})
