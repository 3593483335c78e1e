// The client of the commands meets a server that is no Alkaid: it reads no more than it has to, and says where it asked.

import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from '@jest/globals'
import { createClient } from '../../scripts/shared/client.ts'
import { freePort } from '../support/ports.ts'

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`
}

test('an answer without end is given up after 32 MB', async () => {
  let written = 0
  const url = await serve((_, response) => {
    const block = Buffer.alloc(256 * 1024, ' ')
    const more = () => {
      while (!response.destroyed) {
        written += block.length
        if (!response.write(block)) return void response.once('drain', more)
      }
    }
    more()
  })
  await expect(createClient(url, 'token')('{ apps { total } }')).rejects.toThrow(
    `No usable answer from ${url}: more than 33554432 bytes`,
  )
  expect(written).toBeLessThan(64 * 1024 * 1024)
})

test.each([
  ['<html>', 'HTTP 502 without a GraphQL answer'],
  ['null', 'HTTP 502 without a GraphQL answer'],
  ['{"errors":[{"message":"no","extensions":{"code":"FORBIDDEN"}}]}', 'FORBIDDEN: no'],
])('the answer %j is told as what it is', async (body, message) => {
  const url = await serve((_, response) => response.writeHead(502).end(body))
  await expect(createClient(url, 'token')('{ apps { total } }')).rejects.toThrow(message)
})

test('where nobody listens is said', async () => {
  const url = `http://127.0.0.1:${await freePort()}/graphql`
  await expect(createClient(url, 'token')('{ a }')).rejects.toThrow(`No usable answer from ${url}: ECONNREFUSED`)
})
