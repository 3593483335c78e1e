// What a request must pass before it is planned, each step before the next that costs more: the caller's token, the size of
// the query, its syntax, that the caller may ask at all, how much it asks for, that it fits the schema, and that its variables
// fit it. Subgraphs verify the token again: the gateway is no trust boundary.

import { type DocumentNode, type GraphQLSchema, getOperationAST, Kind, type OperationDefinitionNode } from 'graphql'
import { type Principal, requirePrincipal } from '../common/access/rights.ts'
import type { TokenVerifier } from '../common/access/tokens.ts'
import { AlkaidError, badInput } from '../common/base/errors.ts'
import { createDocuments, type Documents } from '../common/graphql/documents.ts'
import type { QueryLimits } from '../common/graphql/query-limits.ts'
import { readVariables, requireFewCopies, type Variables } from '../common/graphql/variables.ts'

export type Asked = { query: string; operationName: string | undefined; variables: Variables }

export type Admission = {
  /** The caller; null without a token. Throws UNAUTHENTICATED. */
  identify(authorization: string | undefined): Promise<Principal | null>
  /** The coerced variables. Throws InvalidRequest or an AlkaidError. */
  admit(asked: Asked, caller: Principal | null): Variables
  store: Documents['store']
}

export type AdmissionOptions = {
  schema: GraphQLSchema
  verify: TokenVerifier
  limits: QueryLimits
  production: boolean
}

/** Without a token one may ask for the schema, in development, and for `__typename`. Both are small. */
const ANONYMOUS = { characters: 20_000, tokens: 1_000 } as const

export function createAdmission({ schema, verify, limits, production }: AdmissionOptions): Admission {
  const documents = createDocuments({ schema, limits, introspection: !production })

  /** Without a token only what is small is looked at; whoever asks for more needs one. */
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
        if (!isPublic(operationIn(parsed, operationName))) requirePrincipal(caller)
      })
      requireFewCopies(document, variables)
      return readVariables(schema, operationIn(document, operationName), variables, production)
    },
  }
}

function operationIn(document: DocumentNode, name: string | undefined): OperationDefinitionNode {
  const operation = getOperationAST(document, name)
  if (!operation) throw badInput('operationName', 'must name one operation of the query, where there are several')
  if (operation.operation === 'subscription') throw badInput('query', 'must be a query or a mutation')
  return operation
}

/** The schema itself (where introspection is allowed) and `__typename` are nobody's data. */
function isPublic({ selectionSet }: OperationDefinitionNode): boolean {
  return selectionSet.selections.every((field) => field.kind === Kind.FIELD && field.name.value.startsWith('__'))
}
