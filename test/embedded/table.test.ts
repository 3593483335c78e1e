// Every line of the embedded server's table has a case. The tests collect the names that the cases use from the cases
// themselves.
import { expect, test } from '@jest/globals'
import { genericOptions } from '../../embedded/commands/options.ts'
import { table } from '../../embedded/table.ts'
import type { CommandStep } from './cases/command-steps.ts'
import { commandCases, handshakes } from './cases/commands.ts'
import { dateCases } from './cases/dates.ts'
import { expressionCases } from './cases/expressions.ts'
import { projectionCases } from './cases/projections.ts'
import { queryCases } from './cases/queries.ts'
import { stageCases } from './cases/stages.ts'
import { updateCases } from './cases/updates.ts'
import type { AnyDocument } from './support.ts'

/** All field names in a value, and the variables, such as `$$NOW`, in its texts. */
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

/** The lines of the table that a command uses: its name, and its name with each option. */
function linesOf(command: AnyDocument): string[] {
  const [name, ...options] = Object.keys(command)
  return [name!, ...options.map((option) => `${name} ${option}`)]
}

/** The generic options that a step uses. It has them itself, or makes the driver add them. */
function genericIn([command, , { on, otherSession, readPreference } = {}]: CommandStep): string[] {
  const added = { $db: on, lsid: otherSession, $readPreference: readPreference }
  return [...Object.keys(command), ...Object.entries(added).flatMap(([name, given]) => (given ? [name] : []))]
}

const steps = commandCases.flatMap(([, ...all]) => all)
// Refused commands do not count.
const taken = steps.filter(([, answer]) => typeof answer === 'object')
const commands = [...taken.map(([command]) => command), ...handshakes]
const statements = (list: string) => new Set(commands.flatMap((command) => (command[list] ?? []).flatMap(Object.keys)))

const filters = namesIn(queryCases.map(([, , filter]) => filter))
const projections = namesIn(projectionCases.map(([, projection]) => projection))
const updates = namesIn(updateCases.map(([, , update]) => update))
const pipelines = namesIn(stageCases.map(([, , pipeline]) => pipeline))
const expressions = namesIn([...expressionCases, ...dateCases].map(([, expression]) => expression))

const exercised: Record<string, Set<string>> = {
  commands: new Set(commands.flatMap(linesOf)),
  'statements of update': statements('updates'),
  'statements of delete': statements('deletes'),
  'query operators': filters,
  'projection operators': projections,
  // These two have tests of their own: `$currentDate` gives no fixed value, and `$lookup` needs a second collection.
  'update operators': updates.add('$currentDate'),
  'modifiers of $push': updates,
  'positional operators': updates,
  stages: pipelines.add('$lookup'),
  'stages of an update': updates,
  accumulators: pipelines,
  expressions,
  variables: expressions,
}

test.each(table)('every line of $title has a case', ({ title, lines }) => {
  expect(lines.filter((line) => !exercised[title]?.has(line))).toEqual([])
})

test('every option that any command may carry has a case', () => {
  const carried = new Set(taken.flatMap(genericIn))
  expect(genericOptions.filter((option) => !carried.has(option))).toEqual([])
})
