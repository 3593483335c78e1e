// `npm run generate`: writes the committed files that follow from others: the supergraph, the list of persisted operations, and
// parts of the docs. `--check` writes nothing and fails when one of them is out of date.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { addTypenameToDocument } from '@apollo/client/utilities'
import { composeServices } from '@apollo/composition'
import { Kind, type OperationDefinitionNode, parse, print } from 'graphql'
import { readTypeDefs } from '../common/graphql/subgraph.ts'
import { subgraphs } from '../subgraphs/registry.ts'
import { withEmbeddedLists, withServiceTable } from './generate/docs.ts'

const HELP = `Usage: npm run generate [-- --check]

Writes the files that follow from other files:
  schema/supergraph.graphql      from the SDL of every subgraph in subgraphs/registry.ts
  schema/persisted-queries.json  from schema/operations/*.graphql
  docs/embedded.md               its lists, from the embedded server's table
  docs/operations.md             its table of services, from subgraphs/registry.ts

  --check   write nothing; exit with code 1 when one of them is out of date
  --help    this text`

const root = new URL('../', import.meta.url)

function main(): void {
  const { values } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } })
  if (values.help) {
    console.log(HELP)
    return
  }
  const files = {
    'schema/supergraph.graphql': composeSupergraph(),
    'schema/persisted-queries.json': listOperations(),
    'docs/embedded.md': withEmbeddedLists(read('docs/embedded.md') ?? ''),
    'docs/operations.md': withServiceTable(read('docs/operations.md') ?? ''),
  }
  const stale = Object.entries(files).filter(([path, text]) => read(path) !== text)
  if (stale.length === 0) {
    console.log('Generated files are up to date')
    return
  }
  if (values.check) {
    console.error(`Out of date: ${stale.map(([path]) => path).join(', ')}. Run \`npm run generate\` and commit them.`)
    process.exitCode = 1
    return
  }
  for (const [path, text] of stale) writeFileSync(new URL(path, root), text)
  console.log(`Written: ${stale.map(([path]) => path).join(', ')}`)
}

function composeSupergraph(): string {
  const services = subgraphs.map(({ name, port }) => ({
    name,
    url: `http://127.0.0.1:${port}/federation`,
    typeDefs: readTypeDefs(new URL(`subgraphs/${name}/schema.graphql`, root)),
  }))
  const { supergraphSdl, errors } = composeServices(services)
  if (!supergraphSdl)
    throw new Error(`The subgraphs do not compose:\n${errors?.map((error) => error.message).join('\n')}`)
  return `${supergraphSdl.trimEnd()}\n`
}

/** Adds `__typename` to every selection, as Apollo's clients do. So the hashes are the same as theirs. */
function listOperations(): string {
  const folder = new URL('schema/operations/', root)
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.graphql'))
    .sort()
  const operations = names.map((name) => {
    const document = addTypenameToDocument(parse(readFileSync(new URL(name, folder), 'utf8')))
    const definition = document.definitions.find(
      (part): part is OperationDefinitionNode => part.kind === Kind.OPERATION_DEFINITION,
    )
    if (!definition?.name) throw new Error(`schema/operations/${name} needs one operation with a name`)
    const body = print(document)
    const id = createHash('sha256').update(body).digest('hex')
    return { id, name: definition.name.value, type: definition.operation, body }
  })
  return `${JSON.stringify({ format: 'apollo-persisted-query-manifest', version: 1, operations }, null, 2)}\n`
}

function read(path: string): string | undefined {
  try {
    return readFileSync(new URL(path, root), 'utf8')
  } catch {
    return undefined // not generated yet, so it counts as out of date
  }
}

main()
