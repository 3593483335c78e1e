// The operations that apps may send. The file `schema/persisted-queries.json` has them, and is read once at start. Its format is that of
// Apollo's generate-persisted-query-manifest.

import { readFileSync } from 'node:fs'
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
} from 'graphql'
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
  return toPersistedOperation({ id, name, body })
}

/** Parses the body. Throws when it is not GraphQL, or holds no operation. */
export function toPersistedOperation({
  id,
  name,
  body,
}: Pick<PersistedOperation, 'id' | 'name' | 'body'>): PersistedOperation {
  const document = parse(body, { noLocation: true })
  const definition = document.definitions.find((part) => part.kind === Kind.OPERATION_DEFINITION)
  if (!definition) throw new Error(`The persisted operation ${name} holds no operation`)
  return { id, name, body, document, definition, rootFields: rootFieldsOf(document, definition) }
}

/** The names of the fields on Query or Mutation, also those in fragments. `__typename` is left out. */
export function rootFieldsOf(document: DocumentNode, { selectionSet }: OperationDefinitionNode): string[] {
  const fragments = new Map(
    document.definitions
      .filter((part): part is FragmentDefinitionNode => part.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  )
  const names = new Set<string>()
  const visited = new Set<string>()
  function visit({ selections }: SelectionSetNode): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) names.add(selection.name.value)
      else if (selection.kind === Kind.INLINE_FRAGMENT) visit(selection.selectionSet)
      else if (!visited.has(selection.name.value)) {
        visited.add(selection.name.value)
        const fragment = fragments.get(selection.name.value)
        if (fragment) visit(fragment.selectionSet)
      }
    }
  }
  visit(selectionSet)
  return [...names].filter((name) => name !== '__typename')
}
