// Cursor connections: a cursor is the sort key of its item, opaque to clients.

import { badInput } from '../base/errors.ts'

export type PageArguments = { first?: number | null; after?: string | null }

export type Connection<T> = {
  nodes: T[]
  pageInfo: { hasNextPage: boolean; endCursor: string | null }
  /** Made when they are asked for, and only then: GraphQL calls what is a function. */
  edges(): { cursor: string; node: T }[]
  /** How many there are in all. Counted when it is asked for, likewise. */
  total(): Promise<number>
}

const MAX_PAGE = 100
const DEFAULT_PAGE = 20

/** How many to read (one more than the page, to see whether there is a next one) and after which key. */
export function readPage(page: PageArguments): { first: number; limit: number; after: string | undefined } {
  const first = page.first ?? DEFAULT_PAGE
  if (first < 1 || first > MAX_PAGE) throw badInput('first', `must be 1 to ${MAX_PAGE}, not ${first}`)
  return { first, limit: first + 1, after: readCursor(page.after) }
}

export function toConnection<T>(
  items: readonly T[],
  first: number,
  keyOf: (item: T) => string,
  total: () => Promise<number>,
): Connection<T> {
  const nodes = items.slice(0, first)
  const last = nodes.at(-1)
  const pageInfo = { hasNextPage: items.length > first, endCursor: last === undefined ? null : cursorOf(last) }
  return { nodes, pageInfo, edges: () => nodes.map((node) => ({ cursor: cursorOf(node), node })), total }

  function cursorOf(item: T): string {
    return writeCursor(keyOf(item))
  }
}

function writeCursor(key: string): string {
  return Buffer.from(`k:${key}`).toString('base64url')
}

function readCursor(cursor: string | null | undefined): string | undefined {
  if (cursor === null || cursor === undefined) return undefined
  const text = Buffer.from(cursor, 'base64url').toString()
  // Decoding skips what is not base64url: only what this file wrote is a cursor.
  if (!text.startsWith('k:') || Buffer.from(text).toString('base64url') !== cursor)
    throw badInput('after', 'is not a cursor of this list')
  return text.slice(2)
}
