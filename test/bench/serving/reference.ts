// The answers that all variants have to give. They come from a distribution node, because the event tokens in them are computed by
// it. What a variant answers is compared with them as data, and its status and length are what the load generator then expects.

import { deepStrictEqual } from 'node:assert'
import { type RequestParts, requestText } from './http-text.ts'
import { APP_KEY, operation, SLOTS, users } from './world.ts'

export type Reference = {
  /** User id -> the decisions, with everything that the operation asks for. */
  decisionsOfUsers: Record<string, unknown>
  /** By user. */
  etags: readonly string[]
  /** The answer to the first user, without the headers of the connection and of the length. */
  first: { headers: Record<string, string>; body: string }
}

/** What the load generator needs to know of a variant. */
export type Checked = { requests: string[]; expected: { status: number; bodyBytes: number } }

const HASH = { persistedQuery: { version: 1, sha256Hash: operation.id } }
/** As an app sends them. Apollo Server wants `apollo-require-preflight` with a GET. */
const HEADERS = {
  'x-app-key': APP_KEY,
  'x-request-id': 'bench-0196a3f0-5b1c-7000-8000-000000000000',
  accept: 'application/graphql-response+json, application/json',
  'user-agent': 'alkaid-bench/1',
  'apollo-require-preflight': 'true',
}
const OF_CONNECTION = new Set(['date', 'connection', 'keep-alive', 'content-length', 'transfer-encoding'])

export async function readReference(port: number): Promise<Reference> {
  const decisionsOfUsers: Record<string, unknown> = {}
  const etags: string[] = []
  let first: Reference['first'] | undefined
  for (const { context } of users) {
    const answer = await ask(port, getOf(etags.length))
    const body = await answer.text()
    if (answer.status !== 200) throw new Error(`the node answers ${answer.status}: ${body}`)
    const decisions = decisionsIn(body)
    checkDecisions(decisions)
    decisionsOfUsers[context.userId!] = decisions
    const etag = answer.headers.get('etag')
    if (etag === null) throw new Error('expected an answer with an ETag')
    etags.push(etag)
    const headers = Object.fromEntries([...answer.headers].filter(([name]) => !OF_CONNECTION.has(name)))
    first ??= { headers, body }
  }
  return { decisionsOfUsers, etags, first: first! }
}

/**
 * Asks for every user once, and compares the answer. A variant that does not know the operation yet gets its text first, as Apollo's
 * clients send it.
 */
export async function checkVariant(port: number, reference: Reference, kind: Kind): Promise<Checked> {
  if (kind === 'peer') await register(port)
  let expected: Checked['expected'] | undefined
  const requests: string[] = []
  for (const [at, { context }] of users.entries()) {
    const parts = kind === 'conditional' ? conditional(getOf(at), reference.etags[at]!) : getOf(at)
    const answer = await ask(port, parts)
    const body = await answer.text()
    if (kind === 'conditional') deepStrictEqual([answer.status, body], [304, ''])
    else if (kind === 'bare') deepStrictEqual(body, reference.first.body)
    else deepStrictEqual(decisionsIn(body), reference.decisionsOfUsers[context.userId!])
    const seen = { status: answer.status, bodyBytes: Buffer.byteLength(body) }
    expected ??= seen
    deepStrictEqual(seen, expected)
    requests.push(requestText(parts))
  }
  return { requests, expected: expected! }
}

export type Kind = 'lane' | 'peer' | 'conditional' | 'bare'

async function register(port: number): Promise<void> {
  const body = JSON.stringify({ query: operation.body, variables: users[0], extensions: HASH })
  const headers = { ...HEADERS, 'content-type': 'application/json' }
  const answer = await ask(port, { method: 'POST', path: '/graphql', headers, body })
  decisionsIn(await answer.text())
}

function getOf(user: number): RequestParts {
  const search = new URLSearchParams({ variables: JSON.stringify(users[user]), extensions: JSON.stringify(HASH) })
  return { method: 'GET', path: `/graphql?${search}`, headers: HEADERS }
}

function conditional(parts: RequestParts, etag: string): RequestParts {
  return { ...parts, headers: { ...parts.headers, 'if-none-match': etag } }
}

function ask(port: number, { method, path, headers, body }: RequestParts): Promise<Response> {
  const signal = AbortSignal.timeout(10_000)
  return fetch(`http://127.0.0.1:${port}${path}`, { method, headers, ...(body !== undefined && { body }), signal })
}

function decisionsIn(body: string): unknown {
  const { data, errors } = JSON.parse(body)
  if (errors) throw new Error(`expected an answer without errors, not ${body.slice(0, 1_000)}`)
  return data.decisions
}

/** So that no mistake in the world of the bench makes all variants fast alike. */
function checkDecisions(decisions: unknown): void {
  const shown = (decisions as { slot: string; reason: string; creatives: unknown[] }[]).map(
    ({ slot, reason, creatives }) => ({ slot, reason, creatives: creatives.length }),
  )
  const wanted = SLOTS.map((slot) => ({ slot, reason: 'MATCHED', creatives: 1 }))
  deepStrictEqual(shown, wanted)
}
