// A client of the wire protocol without a driver, for messages that a driver would never send.
import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { type Document, deserialize, serialize } from 'bson'

export interface RawClient {
  socket: Socket
  /** Sends one command (or bytes in its place) and gives its reply. */
  command(body: Document | Buffer): Promise<Document>
}

export function socketPath(uri: string): string {
  return decodeURIComponent(/^mongodb:\/\/([^/]+)/.exec(uri)![1]!)
}

export async function rawClient(uri: string): Promise<RawClient> {
  const socket = createConnection(socketPath(uri))
  await once(socket, 'connect')
  socket.on('error', () => {}) // 'close' follows, and that is what is waited for
  return {
    socket,
    async command(body) {
      socket.write(message(body))
      return deserialize(await nextFrame(socket), { promoteValues: true })
    },
  }
}

/** An OP_MSG with this body, or with bytes in its place. */
export function message(body: Document | Buffer, flags = 0, code = 2013): Buffer {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(serialize(body))
  const head = Buffer.alloc(21)
  head.writeInt32LE(head.length + bytes.length, 0)
  head.writeInt32LE(1, 4)
  head.writeInt32LE(code, 12)
  head.writeUInt32LE(flags, 16)
  return Buffer.concat([head, bytes])
}

/** Rejects if the connection ends first. */
function nextFrame(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0)
    const settle = (act: () => void) => {
      socket.off('data', onData)
      socket.off('close', onClose)
      act()
    }
    const onData = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length >= 4 && bytes.length >= bytes.readInt32LE(0)) settle(() => resolve(bytes.subarray(21)))
    }
    const onClose = () => settle(() => reject(new Error('the connection was closed')))
    socket.on('data', onData)
    socket.on('close', onClose)
    if (socket.destroyed) onClose()
  })
}
