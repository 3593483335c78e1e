// A small GraphQL client for the commands: one request a call, errors thrown with their code.

import { randomUUID } from 'node:crypto'

export class GraphQLFailure extends Error {
  readonly code: string | undefined

  constructor(message: string, code: string | undefined) {
    super(code ? `${code}: ${message}` : message)
    this.code = code
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the caller knows what it asked for
export type Answer = Record<string, any>

/** Sends operations with one token. Throws GraphQLFailure for any error in an answer. */
export function createClient(url: string, token: string) {
  return async function send(query: string, variables: Record<string, unknown> = {}): Promise<Answer> {
    const response = await request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, 'x-request-id': randomUUID() },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(30_000),
    })
    return readAnswer(response)
  }
}

/** `fetch` says only that it failed: this says where, and why. */
async function request(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error & { code?: string } }
    throw new GraphQLFailure(`Cannot reach ${url}: ${cause?.code ?? cause?.message ?? message}`, undefined)
  }
}

export type Client = ReturnType<typeof createClient>

/** The data of an answer. Throws GraphQLFailure for errors and for what is no GraphQL answer. */
export async function readAnswer(response: Response): Promise<Answer> {
  const body = (await response.json().catch(() => undefined)) as
    | { data?: Answer; errors?: { message: string; extensions?: { code?: string } }[] }
    | undefined
  const error = body?.errors?.[0]
  if (error) throw new GraphQLFailure(error.message, error.extensions?.code)
  if (!body?.data) throw new GraphQLFailure(`HTTP ${response.status} without a GraphQL answer`, undefined)
  return body.data
}
