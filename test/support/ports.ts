// Free ports on the loopback.

import { createServer } from 'node:net'
import { gateway, subgraphs } from '../../subgraphs/registry.ts'

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

/** A port that is free, and so are the others that `npm start` takes: distribution's 10 above, and the metrics' 100 above. */
export function freePair(): Promise<number> {
  return freePortWith([10, 100])
}

/** How far the ports of the services are above the gateway's. */
const PROCESSES = [gateway, ...subgraphs].map(({ port }) => port - gateway.port)

/** A port that is free, and so are all those that `npm run start:processes` takes, metrics among them. */
export function freePortForProcesses(): Promise<number> {
  return freePortWith([...PROCESSES, ...PROCESSES.map((offset) => offset + 100)])
}

/** A port that is free, and so are those so far above it. */
async function freePortWith(offsets: readonly number[]): Promise<number> {
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
