// The digest by which delivery tells whether a node holds exactly what it should.

import { createHash } from 'node:crypto'

/** SHA-256 (base64url) over the sorted `code=epoch.revision` lines of one app, settings (`@app`) included. */
export function digestOf(held: Iterable<readonly [code: string, stamp: string]>): string {
  const lines = [...held].map(([code, stamp]) => `${code}=${stamp}`).sort()
  return createHash('sha256').update(lines.join('\n')).digest('base64url')
}
