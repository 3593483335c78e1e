import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { expect, test } from '@jest/globals'
import { createLogger } from '../../common/base/log.ts'
import { createPlanner } from '../../gateway/planner.ts'
import { subgraphs } from '../../subgraphs/registry.ts'

test('the gateway sends no telemetry, and does not ask the metadata service of a cloud', async () => {
  const sockets: Socket[] = []
  const onSocket = (message: unknown) => void sockets.push((message as { socket: Socket }).socket)
  subscribe('net.client.socket', onSocket)
  try {
    const { gateway } = await createPlanner({
      supergraphSdl: readFileSync(new URL('../../schema/supergraph.graphql', import.meta.url), 'utf8'),
      upstreams: subgraphs.map(({ name }) => ({ name, execute: async () => ({ data: null }) })),
      timer: () => {},
      log: createLogger('silent'),
    })
    // Apollo's telemetry looks for a cloud's metadata as soon as there is a gateway.
    await new Promise((resolve) => setTimeout(resolve, 200))
    await gateway.stop()
    expect(sockets.length).toBe(0)
  } finally {
    unsubscribe('net.client.socket', onSocket)
    for (const socket of sockets) socket.destroy()
  }
})
