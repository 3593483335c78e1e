// Subgraphs on a store of their own, in process: what the gateway would call, without the gateway. Time is passed in.

import type { Role } from '../../common/access/rights.ts'
import { signToken, type TokenSettings, tokenVerifier } from '../../common/access/tokens.ts'
import { createLogger } from '../../common/base/log.ts'
import { createInProcessChannel } from '../../common/channel/in-process.ts'
import type { Services } from '../../common/command/services.ts'
import {
  buildSubgraph,
  type GraphQLAnswer,
  type Subgraph,
  type SubgraphDefinition,
} from '../../common/graphql/subgraph.ts'
import type { Store } from '../../common/store/store.ts'
import { deriveSigningKeys } from '../../engine/publication/sign.ts'

export const tokenSettings: TokenSettings = {
  issuer: 'alkaid',
  audience: 'alkaid',
  key: { secret: 'a secret that only the tests know, long enough' },
}

/**
 * A clock that stands still until it is told to move; far in the future, for what the server deletes by its own clock,
 * as idempotency keys, must not be deleted under a test.
 */
export function fakeClock(start = Date.parse('2031-05-01T08:00:00Z')) {
  let now = start
  return {
    now: () => now,
    advance(ms: number) {
      now += ms
    },
  }
}

export function testServices(store: Store, now: () => number): Services {
  return {
    store,
    channel: createInProcessChannel(),
    keys: deriveSigningKeys('a signing secret for tests, long enough'),
    now,
    log: createLogger(process.env.LOG_LEVEL ?? 'silent'),
  }
}

/** Actors of the tests: `<role>` or `<role>-<anything>` has that role in every app. */
export async function tokenFor(actor: string, apps: readonly string[] = ['*']): Promise<string> {
  const role = actor.split('-')[0] as Role
  return signToken(tokenSettings, { actor, roles: Object.fromEntries(apps.map((app) => [app, [role]])) })
}

export type TestSubgraph = {
  subgraph: Subgraph
  /** The whole answer. `actor` undefined: without a token. */
  ask(actor: string | undefined, query: string, variables?: Record<string, unknown>): Promise<GraphQLAnswer>
  /** The data of the only root field; throws an error with the code when there are errors. */
  // biome-ignore lint/suspicious/noExplicitAny: tests read what they asked for
  must(actor: string | undefined, query: string, variables?: Record<string, unknown>): Promise<any>
  /** The code of the first error. */
  codeOf(actor: string | undefined, query: string, variables?: Record<string, unknown>): Promise<string | undefined>
}

export async function startTestSubgraph<Loaders>(
  definition: SubgraphDefinition<Loaders>,
  services: Services,
): Promise<TestSubgraph> {
  const subgraph = await buildSubgraph(definition, services, tokenVerifier(tokenSettings))
  async function ask(actor: string | undefined, query: string, variables?: Record<string, unknown>) {
    const authorization = actor === undefined ? undefined : `Bearer ${await tokenFor(actor)}`
    return subgraph.execute({ query, variables }, { authorization, requestId: 'test' })
  }
  return {
    subgraph,
    ask,
    async must(actor, query, variables) {
      const { data, errors } = await ask(actor, query, variables)
      if (errors && errors.length > 0) throw new Error(`${errors[0]!.extensions?.code}: ${errors[0]!.message}`)
      return Object.values(data!)[0]
    },
    async codeOf(actor, query, variables) {
      const { errors } = await ask(actor, query, variables)
      return errors?.[0]?.extensions?.code as string | undefined
    },
  }
}
