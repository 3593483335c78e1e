// One query with a field of each subgraph, and what came of each field. It shows which parts of the graph answer.

import { tokenOf } from './installation.ts'

const PARTS = `query Parts($app: ID!, $slot: String!, $from: DateTime!, $to: DateTime!) {
  schedule: slots(app: $app) { total }
  creative: creatives(app: $app) { total }
  strategy: strategies(app: $app) { total }
  audit: reviewQueue(app: $app) { total }
  delivery: publications(app: $app, slot: $slot) { total }
  stats: report(app: $app, by: SLOT, from: $from, to: $to, interval: TOTAL) { total { clicks } }
  distribution: explainDecision(app: $app, slot: $slot) { reason }
}`

export const PART_NAMES = ['schedule', 'creative', 'strategy', 'audit', 'delivery', 'stats', 'distribution'] as const
export type Part = (typeof PART_NAMES)[number]

/** Subgraph -> `ok`, or the code of its error. */
export type Parts = Record<Part, string>

export const ALL_OK = Object.fromEntries(PART_NAMES.map((name) => [name, 'ok'])) as Parts

/** Rejects when there is no answer at all. `ms`: how long the answer took. */
export async function askParts(
  gatewayUrl: string,
  app: string,
  slot: string,
  timeoutMs = 30_000,
): Promise<{ parts: Parts; ms: number }> {
  const now = Date.now()
  const [from, to] = [now - 86_400_000, now].map((at) => new Date(at).toISOString())
  const response = await fetch(`${gatewayUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${await tokenOf('viewer')}` },
    body: JSON.stringify({ query: PARTS, variables: { app, slot, from, to } }),
    signal: AbortSignal.timeout(timeoutMs),
  })
  const { data, errors = [] } = (await response.json()) as {
    data: Record<string, unknown> | null
    errors?: { message: string; path?: unknown[]; extensions?: { code?: string } }[]
  }
  const resultOf = (name: Part): string => {
    if (data?.[name] != null) return 'ok'
    const error = errors.find(({ path }) => path?.[0] === name) ?? errors[0]
    return error?.extensions?.code ?? error?.message ?? 'null without an error'
  }
  const parts = Object.fromEntries(PART_NAMES.map((name) => [name, resultOf(name)])) as Parts
  return { parts, ms: Date.now() - now }
}
