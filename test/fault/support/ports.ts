// Ports for processes that end and come back at the same port. They lie below the range from which the system takes ports for outgoing
// connections, so that no connection takes one meanwhile.

import { createServer } from 'node:net'

const FIRST = 15_000
const LAST = 30_000
/** Test files that run side by side begin at different places. */
let next = FIRST + ((process.pid * 97) % (LAST - FIRST))

/** A port of the loopback that was free a moment ago. Never returns the same port twice. */
export async function stablePort(): Promise<number> {
  for (let tries = 0; tries < LAST - FIRST; tries++) {
    next = next >= LAST ? FIRST : next + 1
    if (await isFree(next)) return next
  }
  throw new Error(`There is no free port from ${FIRST} to ${LAST}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
