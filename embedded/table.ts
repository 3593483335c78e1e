// The table of everything that the embedded server knows, read from the tables that do the work. docs/embedded.md is
// generated from it, and the tests require a case for each of its lines.
import { accumulators } from './aggregate/accumulators.ts'
import { expressionOperators, systemVariables } from './aggregate/expression.ts'
import { stages, updateStages } from './aggregate/pipeline.ts'
import { commands } from './commands/registry.ts'
import { deleteStatementOptions, updateStatementOptions } from './commands/writes.ts'
import { conditions } from './query/conditions.ts'
import { logical } from './query/filter.ts'
import { projectionOperators } from './query/find-projection.ts'
import { updateOperators } from './update/operators.ts'
import { pushModifiers } from './update/push.ts'

export interface Section {
  title: string
  lines: string[]
}

export const table: Section[] = [
  {
    title: 'commands',
    lines: Object.entries(commands).flatMap(([name, { options }]) => [
      name,
      ...options.map((option) => `${name} ${option}`),
    ]),
  },
  { title: 'statements of update', lines: updateStatementOptions },
  { title: 'statements of delete', lines: deleteStatementOptions },
  { title: 'query operators', lines: [...Object.keys(conditions), ...Object.keys(logical)] },
  { title: 'projection operators', lines: Object.keys(projectionOperators) },
  { title: 'update operators', lines: Object.keys(updateOperators) },
  { title: 'modifiers of $push', lines: [...pushModifiers] },
  { title: 'positional operators', lines: ['$', '$[]', '$[<identifier>]'] },
  { title: 'stages', lines: Object.keys(stages) },
  { title: 'stages of an update', lines: updateStages },
  { title: 'accumulators', lines: Object.keys(accumulators) },
  { title: 'expressions', lines: Object.keys(expressionOperators) },
  { title: 'variables', lines: Object.keys(systemVariables).map((name) => `$$${name}`) },
]
