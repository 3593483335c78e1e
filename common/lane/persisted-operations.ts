// The operations that apps may send. The file `schema/persisted-queries.json` has them, and is read once at start. Its format is that of
// Apollo's generate-persisted-query-manifest.

import { readFileSync } from 'node:fs'
import { type DocumentNode, Kind, type OperationDefinitionNode, parse } from 'graphql'
import { sha256 } from '../base/content-hash.ts'

export type PersistedOperation = {
  /** SHA-256 (hex) of `body`. */
  id: string
  name: string
  body: string
  document: DocumentNode
  /** The operation in the document. */
  definition: OperationDefinitionNode
  /** Its fields on Query or Mutation. They decide which service answers it. */
  rootFields: string[]
}

/** SHA-256 (hex) of the text -> the operation. */
export type PersistedOperations = ReadonlyMap<string, PersistedOperation>

type Manifest = {
  format: 'apollo-persisted-query-manifest'
  version: 1
  operations: { id: string; name: string; type: string; body: string }[]
}

/** Throws when the file is not a manifest or a hash in it is wrong. */
export function readPersistedOperations(file: URL): PersistedOperations {
  const manifest = JSON.parse(readFileSync(file, 'utf8')) as Manifest
  if (manifest.format !== 'apollo-persisted-query-manifest' || manifest.version !== 1) {
    throw new Error(`${file.pathname} is not an apollo-persisted-query-manifest of version 1`)
  }
  return new Map(manifest.operations.map((operation) => [operation.id, readOperation(operation)]))
}

/** The operations that one service can answer: all their root fields are among `fields`. */
export function operationsOn(operations: PersistedOperations, fields: readonly string[]): PersistedOperations {
  return new Map([...operations].filter(([, { rootFields }]) => rootFields.every((field) => fields.includes(field))))
}

function readOperation({ id, name, body }: Manifest['operations'][number]): PersistedOperation {
  const hash = sha256(body)
  if (hash !== id)
    throw new Error(
      `The persisted operation ${name} has the id ${id}, but its body has the hash ${hash}: run \`npm run generate\``,
    )
  const document = parse(body, { noLocation: true })
  const definition = document.definitions.find(
    (part): part is OperationDefinitionNode => part.kind === Kind.OPERATION_DEFINITION,
  )
  if (!definition) throw new Error(`The persisted operation ${name} holds no operation`)
  const rootFields = definition.selectionSet.selections.map((field) =>
    field.kind === Kind.FIELD ? field.name.value : '',
  )
  return { id, name, body, document, definition, rootFields: rootFields.filter((field) => field !== '__typename') }
}
