// Manifests of persisted operations, as Apollo's tools write them.

import { type OperationDefinitionNode, parse } from 'graphql'
import { sha256 } from '../../common/base/content-hash.ts'

export type ManifestEntry = { id: string; name: string; type: string; body: string }

export function entryOf(body: string): ManifestEntry {
  const operation = parse(body).definitions.find(
    (part) => part.kind === 'OperationDefinition',
  ) as OperationDefinitionNode
  return { id: sha256(body), name: operation.name!.value, type: operation.operation, body }
}

/** A manifest of these operations. */
export function manifestOf(...bodies: string[]) {
  return { format: 'apollo-persisted-query-manifest', version: 1, operations: bodies.map(entryOf) }
}

/** An operation of apps that is called `name`. */
export function slotQuery(name: string, fields = 'slot creatives { title }'): string {
  return `query ${name}($app: ID!, $slots: [String!]!) {\n  decisions(app: $app, slots: $slots) {\n    ${fields}\n  }\n}`
}

export const EVENTS_BODY = `mutation Seen($input: RecordEventsInput!) {\n  recordEvents(input: $input) {\n    accepted\n  }\n}`
