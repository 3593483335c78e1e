// Admission: what a request must pass before it is planned. Each check is cheaper than the next one: the caller's token, the size
// of the query, its syntax, the right to ask at all, how much it asks for, the schema, the variables.
// Subgraphs verify the token again, since the gateway is not a trust boundary.

import {
  BREAK,
  type DocumentNode,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  visit,
} from 'graphql'
import { type Principal, requirePrincipal } from '../common/access/rights.ts'
import type { TokenVerifier } from '../common/access/tokens.ts'
import { AlkaidError, badInput } from '../common/base/errors.ts'
import { createDocuments, type Documents } from '../common/graphql/documents.ts'
import type { QueryLimits } from '../common/graphql/query-limits.ts'
import { readVariables, requireFewCopies, type Variables } from '../common/graphql/variables.ts'

/** What a client asks to run. */
export type ClientRequest = { query: string; operationName: string | undefined; variables: Variables }

export type Admission = {
  /** The caller; null without a token. Throws UNAUTHENTICATED for an invalid token. */
  identify(authorization: string | undefined): Promise<Principal | null>
  /** The coerced variables. Throws InvalidRequest or an AlkaidError. */
  admit(request: ClientRequest, caller: Principal | null): Variables
  /** The admitted documents, for Apollo Server. */
  store: Documents['store']
}

export type AdmissionOptions = {
  schema: GraphQLSchema
  verify: TokenVerifier
  limits: QueryLimits
  production: boolean
}

/** Without a token, a client may ask only for `__typename` and, in development, for the schema. Both queries are small. */
const ANONYMOUS = { characters: 20_000, tokens: 1_000 } as const

export function createAdmission({ schema, verify, limits, production }: AdmissionOptions): Admission {
  const documents = createDocuments({ schema, limits, introspection: !production })

  /** A caller without a token may send only a small query. A larger one needs a token, so the error is UNAUTHENTICATED. */
  function read(query: string, caller: Principal | null, mayAsk: (document: DocumentNode) => void): DocumentNode {
    if (caller) return documents.read(query, mayAsk)
    if (query.length > ANONYMOUS.characters) requirePrincipal(caller)
    try {
      return documents.read(query, mayAsk, ANONYMOUS.tokens)
    } catch (error) {
      if (error instanceof AlkaidError && error.code === 'LIMIT_EXCEEDED') requirePrincipal(caller)
      throw error
    }
  }

  return {
    store: documents.store,
    identify: async (authorization) => (authorization === undefined ? null : verify(authorization)),
    admit({ query, operationName, variables }, caller) {
      const document = read(query, caller, (parsed) => {
        if (!caller && !isPublic(parsed, operationName)) requirePrincipal(caller)
      })
      requireFewCopies(document, variables)
      return readVariables(schema, findOperation(document, operationName), variables, production)
    },
  }
}

function findOperation(document: DocumentNode, name: string | undefined): OperationDefinitionNode {
  const operation = getOperationAST(document, name)
  if (!operation) throw badInput('operationName', 'must name one operation of the query, where there are several')
  if (operation.operation === 'subscription') throw badInput('query', 'must be a query or a mutation')
  return operation
}

/**
 * The schema itself (where introspection is allowed) and `__typename` need no token. Aliases do: with 15 of them, a small query
 * is answered with 15 copies of the schema.
 */
function isPublic(document: DocumentNode, operationName: string | undefined): boolean {
  const { selections } = findOperation(document, operationName).selectionSet
  if (!selections.every((field) => field.kind === Kind.FIELD && field.name.value.startsWith('__'))) return false
  let hasAlias = false
  visit(document, {
    Field({ alias }) {
      hasAlias ||= alias !== undefined
      return hasAlias ? BREAK : undefined
    },
  })
  return !hasAlias
}
