// A server that greets the MongoDB driver as a standalone mongod does: no set name, hence no transactions.

import { createServer, type Socket } from 'node:net'
import { deserialize, serialize } from 'bson'

const OP_MSG = 2013
const OP_QUERY = 2004
const OP_REPLY = 1

const HELLO = {
  ok: 1,
  helloOk: true,
  ismaster: true,
  isWritablePrimary: true,
  minWireVersion: 0,
  maxWireVersion: 21,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  logicalSessionTimeoutMinutes: 30,
}

export async function startStandaloneMongo(): Promise<{ uri: string; stop(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let pending = Buffer.alloc(0)
    socket.on('error', () => {}) // the driver hangs up when it likes
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 16 && pending.length >= pending.readInt32LE(0)) {
        const message = pending.subarray(0, pending.readInt32LE(0))
        pending = pending.subarray(message.length)
        socket.write(answer(message))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    uri: `mongodb://127.0.0.1:${port}/?directConnection=true`,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answer(message: Buffer): Buffer {
  const request = message.readInt32LE(4)
  const operation = message.readInt32LE(12)
  const body = operation === OP_MSG ? deserialize(message.subarray(21)) : HELLO
  const document = serialize(
    'hello' in body || 'ismaster' in body || 'isMaster' in body || operation === OP_QUERY ? HELLO : { ok: 1 },
  )
  const head = operation === OP_MSG ? Buffer.alloc(21) : Buffer.alloc(36)
  head.writeInt32LE(head.length + document.length, 0)
  head.writeInt32LE(request, 8)
  head.writeInt32LE(operation === OP_MSG ? OP_MSG : OP_REPLY, 12)
  if (operation === OP_QUERY) head.writeInt32LE(1, 32)
  return Buffer.concat([head, document])
}
