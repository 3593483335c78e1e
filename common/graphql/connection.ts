// Cursor connections, the pages of a list. A cursor holds the sort key of its item, encoded so that clients do not depend on it.

import { badInput } from '../base/errors.ts'

export type PageArguments = { first?: number | null; after?: string | null }

export type Connection<T> = {
  nodes: T[]
  pageInfo: { hasNextPage: boolean; endCursor: string | null }
  /** A function, so that GraphQL makes the edges only when a query selects them. */
  edges(): { cursor: string; node: T }[]
  /** The number of items in all pages. A function for the same reason: counting costs a command. */
  total(): Promise<number>
}

const MAX_PAGE = 100
const DEFAULT_PAGE = 20

/** How many items to read, and after which key. `limit` is `first` + 1: the extra item shows whether there is a next page. */
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
  // Decoding ignores invalid characters, so the text is encoded again and compared.
  if (!text.startsWith('k:') || Buffer.from(text).toString('base64url') !== cursor)
    throw badInput('after', 'is not a cursor of this list: pass an `endCursor` or a `cursor` of an earlier page')
  return text.slice(2)
}
