// The digest of the documents of one app. Delivery compares it to see whether a node has exactly the right documents.

import { createHash } from 'node:crypto'

/**
 * SHA-256 (base64url) over the sorted lines `code=epoch.revision` of one app. Its settings are the line `@app=...`, its
 * operations the line `@operations=...`.
 */
export function digestOf(stamps: Iterable<readonly [code: string, stamp: string]>): string {
  const lines = [...stamps].map(([code, stamp]) => `${code}=${stamp}`).sort()
  return createHash('sha256').update(lines.join('\n')).digest('base64url')
}
