// A small GraphQL client for the commands. Each call sends one request. It throws an error of the answer with its code.

import { randomUUID } from 'node:crypto'
import { readBounded } from '../../common/base/read-bounded.ts'

export class GraphQLFailure extends Error {
  readonly code: string | undefined
  /** All mistakes of a wrong input, each with its path. */
  readonly mistakes: readonly { path: string; message: string }[]

  constructor(message: string, code: string | undefined, mistakes: GraphQLFailure['mistakes'] = []) {
    super(code ? `${code}: ${message}` : message)
    this.code = code
    this.mistakes = mistakes
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the caller knows what it asked for
export type Answer = Record<string, any>

/** How long a command waits for an answer, and how much it reads of one. The gateway reads as much from a subgraph. */
const ANSWER_MS = 30_000
const MAX_BYTES = 32 * 1024 * 1024

/** A client that sends operations with one token. It throws GraphQLFailure when an answer has an error. */
export function createClient(url: string, token: string) {
  return (query: string, variables: Record<string, unknown> = {}): Promise<Answer> =>
    post(url, { authorization: `Bearer ${token}`, 'x-request-id': randomUUID() }, { query, variables })
}

export type Client = ReturnType<typeof createClient>

/** Sends one request and returns `data`. Throws GraphQLFailure for an answer with errors, and for one that is not GraphQL. */
export async function post(url: string, headers: Record<string, string>, request: object): Promise<Answer> {
  const { status, text } = await exchange(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(ANSWER_MS),
  })
  const body = parse(text)
  const error = body?.errors?.[0]
  if (error) throw new GraphQLFailure(error.message, error.extensions?.code, error.extensions?.errors)
  if (!body?.data) throw new GraphQLFailure(`HTTP ${status} without a GraphQL answer`, undefined)
  return body.data
}

/** The error of `fetch` says only that it failed. This function adds the address and the cause. */
async function exchange(url: string, init: RequestInit): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, init)
    return { status: response.status, text: await readBounded(response.body, MAX_BYTES) }
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error & { code?: string } }
    throw new GraphQLFailure(`No usable answer from ${url}: ${cause?.code ?? cause?.message ?? message}`, undefined)
  }
}

type Body = { data?: Answer; errors?: BodyError[] } | null
type BodyError = { message: string; extensions?: { code?: string; errors?: GraphQLFailure['mistakes'] } }

function parse(text: string): Body | undefined {
  try {
    return JSON.parse(text) as Body
  } catch {
    return undefined // the caller throws the error
  }
}
