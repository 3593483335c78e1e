// Free ports on the loopback.

import { createServer } from 'node:net'

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** A port that is free, and so is the one 10 above: what `npm start` wants. */
export function freePair(): Promise<number> {
  return freePortWith([10])
}

/** A port that is free, and so are those so far above it. */
export async function freePortWith(offsets: readonly number[]): Promise<number> {
  for (;;) {
    const port = await freePort()
    const free = await Promise.all(offsets.map((offset) => port < 65_000 && isFree(port + offset)))
    if (free.every(Boolean)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
